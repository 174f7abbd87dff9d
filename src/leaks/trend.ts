import { median, type Point, rollingMinimum, slopeError, theilSen } from './statistics.js';

/**
 * First stage: does a gauge, read after forced collections, stay level? A router, not a judge.
 *
 * 1. Smooth: rolling minimum of three, which removes upward spikes.
 * 2. Drop warm-up: the first third.
 * 3. Slope: Theil–Sen, its error by block bootstrap; limits at 2.8 standard errors (two-sided 0.5 %).
 * 4. Tail: a slope over everything is blind to growth that began late, so the last samples are compared with the
 *    middle ones as well.
 *
 * Only "level" is a finding here. Growth of any shape is looked at more closely by cohorts.
 */
export interface Trend {
  readonly perIteration: number;
  readonly ci: readonly [number, number];
  /** Growth below this could be there unseen. */
  readonly smallestDetectable: number;
  readonly shape: 'level' | 'growing' | 'unclear';
}

/** Limits at 0.5 % two-sided, as many gauges are read at once. */
const ERRORS = 2.8;
const WARM_UP_SHARE = 1 / 3;

export function trendOf(series: readonly Point[], tolerance: number, seed: number): Trend {
  const settled = rollingMinimum(series).slice(Math.floor(series.length * WARM_UP_SHARE));
  const span = settled.length > 1 ? settled.at(-1)![0] - settled[0]![0] : 0;
  if (settled.length < 6 || span <= 0) {
    return { perIteration: 0, ci: [-Infinity, Infinity], smallestDetectable: Infinity, shape: 'unclear' };
  }
  const slope = theilSen(settled);
  const margin = ERRORS * slopeError(settled, slope, seed);
  const ci = [slope - margin, slope + margin] as const;
  const rise = lateRise(settled);
  const level = ci[1] < tolerance && rise.growth <= tolerance * rise.span + 3 * rise.noise;
  const growing = ci[0] > tolerance;
  return {
    perIteration: slope,
    ci,
    smallestDetectable: Math.max(tolerance, 2 * margin, 1 / span),
    shape: level ? 'level' : growing ? 'growing' : 'unclear',
  };
}

/** How far the last quarter lies above the second quarter, and how much neighbours differ anyway. */
function lateRise(points: readonly Point[]): { growth: number; span: number; noise: number } {
  const quarter = Math.max(2, points.length >> 2);
  const early = points.slice(quarter, 2 * quarter);
  const late = points.slice(-quarter);
  const steps = points.slice(1, 2 * quarter).map(([, y], i) => Math.abs(y - points[i]![1]));
  return {
    growth: median(late.map(([, y]) => y)) - median(early.map(([, y]) => y)),
    span: median(late.map(([x]) => x)) - median(early.map(([x]) => x)),
    noise: median(steps),
  };
}
