/*
 * A gauge's series made ready for drawing. A series can hold 10,000 points, and a plot is a few hundred pixels wide:
 * decimation keeps the least and the greatest point of each column, so no peak is lost.
 */
import type { GaugeResult } from '../result.js';

export type Point = readonly [x: number, y: number];

export interface Range {
  readonly low: number;
  readonly high: number;
}

const BARS = '▁▂▃▄▅▆▇█';

/** The points that can be drawn, in order of x. */
export function drawable(series: readonly Point[]): Point[] {
  return series.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)).sort((a, b) => a[0] - b[0]);
}

/**
 * At most `2 × columns` points with the shape of `points`, which are in order of x: of each of `columns` equal
 * intervals of x, the least and the greatest, in the order they came.
 */
export function decimate(points: readonly Point[], columns: number): readonly Point[] {
  if (points.length <= 2 * columns) return points;
  return groupByColumn(points, columns).flatMap((group) => {
    const least = group.reduce((best, point) => (point[1] < best[1] ? point : best));
    const greatest = group.reduce((best, point) => (point[1] > best[1] ? point : best));
    if (least === greatest) return [least];
    return least[0] < greatest[0] ? [least, greatest] : [greatest, least];
  });
}

/**
 * A height of the y axis that shows what matters: all points, but never finer than what the run could have detected,
 * as noise drawn to full height looks like a finding.
 */
export function valueRange(gauge: GaugeResult, points: readonly Point[]): Range {
  const values = points.map((point) => point[1]);
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const iterations = points.at(-1)![0] - points[0]![0];
  const detectable = gauge.smallestDetectable * iterations;
  const floor = Math.max(Number.isFinite(detectable) ? 2 * detectable : 0, gauge.unit === 'count' ? 2 : 1024);
  if (high - low >= floor) return { low, high };
  const middle = (low + high) / 2;
  const bottom = low >= 0 ? Math.max(0, middle - floor / 2) : middle - floor / 2;
  return { low: bottom, high: bottom + floor };
}

/** `▁▂▃▅▆█`, one bar for each of `width` equal parts of the run; empty for a gauge without points. */
export function sparkline(gauge: GaugeResult, width: number): string {
  const points = drawable(gauge.series);
  if (points.length === 0) return '';
  const { low, high } = valueRange(gauge, points);
  return groupByColumn(points, Math.min(width, points.length))
    .map((group) => group.reduce((sum, point) => sum + point[1], 0) / group.length)
    .map((mean) => BARS[Math.min(BARS.length - 1, Math.floor(((mean - low) / (high - low)) * BARS.length))]!)
    .join('');
}

/**
 * Round values inside `range`, about `count` of them: 1, 2 or 5 × 10ⁿ apart, the factor that is nearest in proportion
 * (the limits between them are geometric means, as in d3-array).
 */
export function ticks(range: Range, count: number, smallestStep = 0): number[] {
  const step = Math.max(tickStep(range, count), smallestStep);
  const first = Math.ceil(range.low / step - 1e-9);
  const last = Math.floor(range.high / step + 1e-9);
  // Far from zero a double cannot tell such steps apart: no ticks then, rather than no end of them.
  if (!(last - first <= 4 * count)) return [];
  return Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
}

export function tickStep({ low, high }: Range, count: number): number {
  const rough = Math.max((high - low) / count, Number.MIN_VALUE);
  const power = 10 ** Math.floor(Math.log10(rough));
  const ratio = rough / power;
  if (ratio < Math.SQRT2) return power;
  if (ratio < Math.sqrt(10)) return 2 * power;
  return ratio < Math.sqrt(50) ? 5 * power : 10 * power;
}

/** A line of this slope through the middle of the points: its height is the median residual, as Theil and Sen have it. */
export function lineThrough(points: readonly Point[], slope: number): (x: number) => number {
  const residuals = points.map(([x, y]) => y - slope * x).sort((a, b) => a - b);
  const height = residuals[residuals.length >> 1]!;
  return (x) => height + slope * x;
}

function groupByColumn(points: readonly Point[], columns: number): Point[][] {
  const start = points[0]![0];
  const span = points.at(-1)![0] - start || 1;
  const groups: Point[][] = Array.from({ length: columns }, () => []);
  for (const point of points)
    groups[Math.min(columns - 1, Math.floor(((point[0] - start) / span) * columns))]!.push(point);
  return groups.filter((group) => group.length > 0);
}
