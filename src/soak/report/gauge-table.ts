import { displayWidth, fitCells } from '../../core/index.js';
import type { GaugeResult } from '../result.js';
import { byVerdict, GAUGE_WORDS, gaugeName } from './facts.js';
import { formatAmount, formatGrowth, formatInterval } from './numbers.js';
import { type Paint, VERDICT_STYLES } from './paint.js';
import { sparkline } from './plot.js';

const GAP = '  ';
const PLOT_CELLS = { min: 8, max: 24 };
const NAME_CELLS = { min: 12, max: 40 };
/** Gauges shown; a run with more follows each worker by itself. */
const MAX_ROWS = 60;

interface Column {
  readonly title: string;
  readonly cells: readonly string[];
  readonly align: 'left' | 'right';
  readonly width: number;
}

/**
 * The gauges as lines of at most `width` cells: name, plot of the run, growth, interval, smallest detectable growth,
 * verdict. What does not fitCells gives way in this order: plot and name shrink, interval goes, smallest detectable goes, plot
 * goes.
 */
export function gaugeTable(gauges: readonly GaugeResult[], paint: Paint, width: number): string[] {
  if (gauges.length === 0) return [];
  const shown = byVerdict(gauges).slice(0, MAX_ROWS);
  const columns = layOut(shown, width);
  const titles = columns.map(({ title, align, width: cells }) => fitCells(title, cells, align)).join(GAP);
  const rows = shown.map((gauge, row) => paintRow(gauge, row, columns, paint));
  const more = gauges.length - shown.length;
  return [
    paint('Growth per iteration', 'dim'),
    paint(titles.trimEnd(), 'dim'),
    ...rows,
    ...(more > 0 ? [paint(`… and ${more} more`, 'dim')] : []),
  ];
}

function layOut(gauges: readonly GaugeResult[], width: number): Column[] {
  const fixed = {
    growth: column(
      'growth',
      gauges.map((gauge) => formatGrowth(gauge.perIteration, gauge.unit)),
      'right',
    ),
    interval: column(
      '95% interval',
      gauges.map((gauge) => formatInterval(gauge.ci, gauge.unit)),
      'right',
    ),
    smallest: column(
      'detects',
      gauges.map((gauge) => formatAmount(gauge.smallestDetectable, gauge.unit)),
      'right',
    ),
    verdict: column(
      '',
      gauges.map((gauge) => GAUGE_WORDS[gauge.verdict]),
      'left',
    ),
  };
  const { growth, interval, smallest, verdict } = fixed;
  const names = gauges.map(gaugeName);
  const need = NAME_CELLS.min + GAP.length;
  const spare = (columns: readonly Column[]) =>
    width - columns.reduce((sum, { width: cells }) => sum + cells + GAP.length, 0);
  const all = [
    [growth, interval, smallest, verdict],
    [growth, smallest, verdict],
    [growth, verdict],
  ];
  const kept = all.find((columns) => spare(columns) >= need + PLOT_CELLS.min) ?? [growth, verdict];
  const room = spare(kept);
  const longest = Math.min(NAME_CELLS.max, Math.max(...names.map(displayWidth)));
  const hasPlot = room >= need + PLOT_CELLS.min;
  const nameCells = Math.min(longest, hasPlot ? room - GAP.length - PLOT_CELLS.min : room);
  const name: Column = { title: 'gauge', cells: names, align: 'left', width: Math.max(1, nameCells) };
  return hasPlot ? [name, plotColumn(gauges, room - name.width - GAP.length), ...kept] : [name, ...kept];
}

function column(title: string, cells: readonly string[], align: Column['align']): Column {
  return { title, cells, align, width: Math.max(displayWidth(title), ...cells.map(displayWidth)) };
}

function plotColumn(gauges: readonly GaugeResult[], room: number): Column {
  const width = Math.min(PLOT_CELLS.max, room);
  return { title: 'run', cells: gauges.map((gauge) => sparkline(gauge, width)), align: 'left', width };
}

function paintRow(gauge: GaugeResult, row: number, columns: readonly Column[], paint: Paint): string {
  const style = VERDICT_STYLES[gauge.verdict];
  const cells = columns.map(({ cells: texts, align, width, title }) => {
    const text = fitCells(texts[row]!, width, align);
    if (title === 'run') return gauge.verdict === 'clean' ? paint(text, 'dim') : paint(text, style);
    return title === '' ? paint(text.trimEnd(), style) : text;
  });
  return cells.join(GAP);
}
