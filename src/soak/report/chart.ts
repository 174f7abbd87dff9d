import { escapeHtml } from '../../core/index.js';
import type { GaugeResult } from '../result.js';
import { gaugeName } from './facts.js';
import { formatGrowth, formatNumber, scaleFor } from './numbers.js';
import { decimate, drawable, lineThrough, type Point, type Range, tickStep, ticks, valueRange } from './plot.js';

/** Size of a chart in CSS pixels; its text is drawn at this size, so it should be shown at about this width. */
export interface ChartSize {
  readonly width: number;
  readonly height: number;
}

/** Room for the tick labels. */
const MARGIN = { top: 22, right: 10, bottom: 34, left: 52 };
/** Up to this many points each is drawn as a dot too, as a line alone hides how few there are. */
const MAX_DOTS = 60;
const TICK_GAP_PX = { x: 90, y: 36 };

interface Frame {
  readonly unit: GaugeResult['unit'];
  readonly xs: Range;
  readonly ys: Range;
  readonly width: number;
  readonly height: number;
  /** Position in the plot, `x,y` for SVG. */
  readonly at: (point: Point) => string;
}

/**
 * One gauge's run as inline SVG: the measured points, the fitted slope as a dashed line and its 95% interval as a
 * wedge, axes with units. Colours come from the style sheet of the page. Empty for a gauge without points.
 *
 * Cost: linear in points; at most two drawn points a pixel column.
 */
export function gaugeChart(gauge: GaugeResult, size: ChartSize): string {
  const points = drawable(gauge.series);
  if (points.length === 0) return '';
  const frame = frameFor(gauge, points, size);
  const label = `${gaugeName(gauge)}: ${formatGrowth(gauge.perIteration, gauge.unit)} per iteration`;
  return [
    `<svg class="chart ${gauge.verdict}" role="img" aria-label="${escapeHtml(label)}" viewBox="0 0 ${size.width} ${size.height}">`,
    valueAxis(frame),
    iterationAxis(frame),
    `<svg x="${MARGIN.left}" y="${MARGIN.top}" width="${frame.width}" height="${frame.height}">`,
    measured(points, frame),
    fitted(gauge, points, frame),
    '</svg></svg>',
  ].join('\n');
}

function frameFor(gauge: GaugeResult, points: readonly Point[], size: ChartSize): Frame {
  const width = size.width - MARGIN.left - MARGIN.right;
  const height = size.height - MARGIN.top - MARGIN.bottom;
  const xs = { low: points[0]![0], high: points.at(-1)![0] };
  const tight = valueRange(gauge, points);
  const air = (tight.high - tight.low) * 0.06;
  const ys = { low: tight.low >= 0 ? Math.max(0, tight.low - air) : tight.low - air, high: tight.high + air };
  const at = ([x, y]: Point) => `${px(position(x, xs) * width)},${px((1 - position(y, ys)) * height)}`;
  return { unit: gauge.unit, xs, ys, width, height, at };
}

function valueAxis({ unit, ys, width, height }: Frame): string {
  const count = Math.max(3, Math.floor(height / TICK_GAP_PX.y));
  const least = unit === 'count' ? 1 : 0;
  const scale = scaleFor(Math.max(Math.abs(ys.low), Math.abs(ys.high)), unit);
  const step = Math.max(tickStep(ys, count), least) / scale.divisor;
  const digits = Math.min(9, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  const lines = ticks(ys, count, least).map((value) => {
    const y = px(MARGIN.top + (1 - position(value, ys)) * height);
    const text = (value / scale.divisor).toLocaleString('en-US', {
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
    return (
      `<line class="grid" x1="${MARGIN.left}" x2="${MARGIN.left + width}" y1="${y}" y2="${y}"/>` +
      `<text x="${MARGIN.left - 8}" y="${y}" dy=".35em" text-anchor="end">${text}</text>`
    );
  });
  return `${lines.join('\n')}\n<text x="${MARGIN.left - 8}" y="10" text-anchor="end">${scale.name || 'count'}</text>`;
}

function iterationAxis({ xs, width, height }: Frame): string {
  const y = MARGIN.top + height;
  const values = ticks(xs, Math.max(2, Math.floor(width / TICK_GAP_PX.x)), 1);
  const labels = values.map((value) => {
    const x = px(MARGIN.left + position(value, xs) * width);
    return (
      `<line class="axis" x1="${x}" x2="${x}" y1="${y}" y2="${y + 4}"/>` +
      `<text x="${x}" y="${y + 16}" text-anchor="middle">${formatNumber(value)}</text>`
    );
  });
  const base = `<line class="axis" x1="${MARGIN.left}" x2="${MARGIN.left + width}" y1="${y}" y2="${y}"/>`;
  return `${base}\n${labels.join('\n')}\n<text x="${MARGIN.left + width}" y="${y + 31}" text-anchor="end">iteration</text>`;
}

function fitted(gauge: GaugeResult, points: readonly Point[], { xs, at }: Frame): string {
  if (points.length < 2 || ![gauge.perIteration, ...gauge.ci].every(Number.isFinite)) return '';
  const line = lineThrough(points, gauge.perIteration);
  const middle = points[points.length >> 1]![0];
  const along = (slope: number, x: number): Point => [x, line(middle) + slope * (x - middle)];
  const [low, high] = gauge.ci;
  const centre = along(0, middle);
  const wedge = [along(low, xs.low), centre, along(high, xs.high), along(low, xs.high), centre, along(high, xs.low)]
    .map(at)
    .join(' ');
  const [from, to] = [xs.low, xs.high].map((x) => at(along(gauge.perIteration, x)));
  return `<polygon class="wedge" points="${wedge}"/>\n<polyline class="fit" points="${from} ${to}"/>`;
}

function measured(points: readonly Point[], { width, at }: Frame): string {
  const drawn = decimate(points, width).map(at);
  const line = `<polyline class="series" points="${drawn.join(' ')}"/>`;
  if (points.length > MAX_DOTS) return line;
  const dots = drawn.map((each) => `<circle class="dot" cx="${each.split(',')[0]}" cy="${each.split(',')[1]}" r="2"/>`);
  return `${line}\n${dots.join('')}`;
}

/** Where in the range, 0 to 1; a range of one value has it in the middle. */
function position(value: number, { low, high }: Range): number {
  return high > low ? (value - low) / (high - low) : 0.5;
}

function px(value: number): number {
  return Math.round(value * 10) / 10;
}
