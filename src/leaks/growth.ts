import { mean, median, standardDeviation, studentT95, sum } from './statistics.js';

/** A population seen at K + 1 moments (0 … K), its members sorted by the window in which they were born. */
export interface Cohorts {
  /** Iterations done at each moment [K + 1]. */
  readonly at: readonly number[];
  /** Members at each moment [K + 1]. */
  readonly population: readonly number[];
  /** `alive[b][k]`: members born in window b (0: before the first moment) that are alive at moment k [K + 1][K + 1]. */
  readonly alive: readonly (readonly number[])[];
}

export interface Growth {
  /**
   * `leak`: grows evenly and keeps what it got; `saturating`: grows, slower and slower; `unclear`: grows, but there is
   * not enough evidence yet; `none`: does not grow.
   */
  readonly verdict: 'leak' | 'saturating' | 'unclear' | 'none';
  readonly perIteration: number;
  /** 95 %. */
  readonly ci: readonly [number, number];
  /** First window of the even growth, from 1. */
  readonly onset: number;
  /** The last window grew clearly more slowly than the two before. */
  readonly isFalling: boolean;
}

/** Windows in a row that must have grown. */
const MIN_WINDOWS = 3;
/** Members that must have stayed in all: below this, chance and one-off initialisation look the same. */
const MIN_MEMBERS = 8;
/** Windows after which even erratic growth counts. */
const ENOUGH_WINDOWS = 7;
/** Growth of the later half below this share of the earlier half is slowing down. */
const EVEN = 0.85;
/** Slower than this, whatever chance may say. */
const CLEARLY_SLOWER = 0.6;
/** As fast as before, whatever the order of the windows may be. */
const HOLDS = 0.97;
/** Even growth after a fall counts from this share of the first rate on; below it, it is the fall's own tail. */
const TRICKLE = 0.2;

/**
 * Second stage: birth-cohort survival.
 *
 * A leak adds members at an even rate and keeps them for good. So: (1) find the longest run of windows up to the last
 * one that each grew; (2) what was born in them must still be there; (3) the rate must not fall from the earlier to
 * the later half of the run by more than chance allows (a cache that fills does).
 */
export function judgeGrowth(cohorts: Cohorts, firstWindow = 0): Growth {
  const { at, population, alive } = cohorts;
  const last = at.length - 1;
  const growth = population.slice(1).map((count, k) => count - population[k]!);
  let onset = last + 1;
  while (onset > 1 && growth[onset - 2]! > 0) onset--;
  const windows = last + 1 - onset;
  const rates = growth.slice(onset - 1).map((count, i) => count / (at[onset + i]! - at[onset + i - 1]!));
  const kept = range(onset, last).map((b) => alive[b]![last]!);
  const rate = rateOf(rates, kept, at, onset, last);
  const isFalling = rates.length > 2 && rates.at(-1)! < 0.9 * mean(rates.slice(-3, -1));
  const found = (verdict: Growth['verdict']): Growth => ({ verdict, ...rate, onset: onset + firstWindow, isFalling });

  if (windows < MIN_WINDOWS) return found(recentlyGrew(growth, alive) ? 'unclear' : 'none');
  const total = sum(growth.slice(onset - 1));
  if (sum(kept) < 0.7 * sum(growth.slice(onset - 1, last - 1))) return found('unclear');
  if (stillDying(alive, last) > 0.25 * growth[last - 1]!) return found('unclear');
  if (total < MIN_MEMBERS || (windows < MIN_WINDOWS + 1 && total < 3 * MIN_MEMBERS)) return found('unclear');
  const course = courseOf(rates);
  if (course === 'even' && windows < ENOUGH_WINDOWS && isErratic(rates, total / windows)) return found('unclear');
  if (course === 'even') return found('leak');
  if (course === 'perhaps slowing') return found('unclear');
  // A cache that filled first may hide a leak beside it: then the latest windows are even again.
  const suffix = evenSuffix(rates);
  if (suffix > 0) return judgeGrowth({ ...cohorts, ...since(cohorts, onset + suffix - 1) }, onset + suffix - 1);
  return found('saturating');
}

/**
 * Windows that differ more than a leak's do: a queue that is caught at other heights of its sawtooth, or a leak in
 * bursts. What still grew in every one of many windows is no sawtooth.
 */
function isErratic(rates: readonly number[], meanCount: number): boolean {
  return standardDeviation(rates) > Math.max(0.3, 3 / Math.sqrt(meanCount)) * mean(rates);
}

/** The same population, as if observation had begun at moment `k`. */
function since(cohorts: Cohorts, k: number): Cohorts {
  const { at, population, alive } = cohorts;
  const before = at.slice(k).map((_, i) => sum(alive.slice(0, k + 1).map((row) => row[k + i]!)));
  return {
    at: at.slice(k),
    population: population.slice(k),
    alive: [before, ...alive.slice(k + 1).map((row) => row.slice(k))],
  };
}

/** First window of the last even ones; 0 when there are not four, or when they are a trickle of what was before. */
function evenSuffix(rates: readonly number[]): number {
  for (let start = 1; start + MIN_WINDOWS < rates.length; start++) {
    const rest = rates.slice(start);
    if (courseOf(rest) === 'even' && mean(rest) > TRICKLE * rates[0]!) return start;
  }
  return 0;
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

/** Growth that is too young or too sparse to judge: some of what was born lately stays. */
function recentlyGrew(growth: readonly number[], alive: Cohorts['alive']): boolean {
  const last = growth.length;
  const lately = growth.slice(-3);
  const staying = alive[last - 1]?.[last] ?? 0;
  return sum(lately) >= 2 && (growth[last - 1]! > 0 || staying > 0) && lately.filter((count) => count > 0).length >= 2;
}

/** Members older than two windows that died in the last one: a TTL or an eviction is at work. */
function stillDying(alive: Cohorts['alive'], last: number): number {
  return sum(range(0, last - 1).map((b) => Math.max(0, (alive[b]![last - 1] ?? 0) - (alive[b]![last] ?? 0))));
}

/**
 * Whether rates hold or fall. They fall when the later half is much lower, or lower by more than chance allows, or when
 * they go down nearly every time (Kendall's S, Mann 1945): caches fill ever more slowly, however slowly they do.
 */
function courseOf(rates: readonly number[]): 'even' | 'perhaps slowing' | 'slowing' {
  const n = rates.length;
  const half = n >> 1;
  const early = mean(rates.slice(0, half));
  const late = mean(rates.slice(-half));
  const ratio = late / early;
  if (ratio < CLEARLY_SLOWER) return 'slowing';
  if (ratio >= HOLDS) return 'even';
  const kendall = sum(rates.flatMap((rate, i) => rates.slice(i + 1).map((later) => Math.sign(later - rate))));
  const pairs = (n * (n - 1)) / 2;
  if (kendall === -pairs) return n > MIN_WINDOWS + 1 ? 'slowing' : 'perhaps slowing';
  const z = (Math.abs(kendall) - 1) / Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  if (kendall < 0 && z > 2.4) return 'slowing';
  if (ratio >= EVEN) return 'even';
  // From neighbour to neighbour, by the median: one odd window must not pass for noise.
  const spread = 1.05 * median(rates.slice(1).map((rate, i) => Math.abs(rate - rates[i]!)));
  return early - late > 2 * spread * Math.sqrt(2 / Math.max(1, half)) ? 'slowing' : 'even';
}

/** What stayed of each full window is the exact count; the last window may hold what is only passing through. */
function rateOf(
  rates: readonly number[],
  kept: readonly number[],
  at: readonly number[],
  onset: number,
  last: number,
): { perIteration: number; ci: readonly [number, number] } {
  const iterations = at[last - 1]! - at[onset - 1]!;
  const keptRates = kept.map((count, i) => count / (at[onset + i]! - at[onset + i - 1]!));
  const sample = keptRates.length >= 2 ? keptRates : rates;
  const perIteration = keptRates.length >= 2 ? sum(kept) / iterations : mean(rates);
  const margin =
    sample.length >= 2
      ? (studentT95(sample.length - 1) * standardDeviation(sample)) / Math.sqrt(sample.length)
      : Infinity;
  return { perIteration, ci: [perIteration - margin, perIteration + margin] };
}

/** A quantity without members of its own: each window's increase counts as a cohort that stays. */
export function additions(values: readonly number[]): number[][] {
  return values.map((value, b) =>
    values.map((_, k) => (k < b ? 0 : b === 0 ? values[0]! : Math.max(0, value - values[b - 1]!))),
  );
}
