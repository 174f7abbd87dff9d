import { type Point, trendOf } from '../leaks/index.js';

export interface NativeGrowth {
  readonly verdict: 'leak' | 'undecided' | 'clean';
  readonly perIteration: number;
  readonly ci: readonly [number, number];
}

/**
 * Resident memory is a weak witness: allocators keep and fragment what they took. Only growth that is large, steady
 * in each third of the judged part, and not slowing is called a leak.
 */
const LEAST_BYTES = 12 * 2 ** 20;
const THIRDS = 3;
/** Each third must grow by at least this share of the mean third. */
const EVEN_SHARE = 0.6;

export function judgeNative(series: readonly Point[], seed: number): NativeGrowth | null {
  if (series.length < 12) return null;
  const trend = trendOf(series, 1, seed);
  const judged = series.slice(Math.floor(series.length / 3));
  const grown = judged.at(-1)![1] - judged[0]![1];
  const base = { perIteration: trend.perIteration, ci: trend.ci } as const;
  if (grown < LEAST_BYTES / 2 || trend.ci[0] <= 0) return { verdict: 'clean', ...base };
  const borders = Array.from(
    { length: THIRDS + 1 },
    (_, i) => judged[Math.round(((judged.length - 1) * i) / THIRDS)]![1],
  );
  const thirds = borders.slice(1).map((value, i) => value - borders[i]!);
  const isSteady = thirds.every((growth) => growth >= (EVEN_SHARE * grown) / THIRDS);
  return { verdict: isSteady && grown >= LEAST_BYTES ? 'leak' : 'undecided', ...base };
}
