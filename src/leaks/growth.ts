import { mean, standardDeviation, studentT95, sum } from './statistics.js';

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
}

/** Windows in a row that must have grown. */
const MIN_WINDOWS = 3;
/** Members that must have stayed in all: below this, chance and one-off initialisation look the same. */
const MIN_MEMBERS = 8;
/** Growth of the later half below this share of the earlier half is slowing down. */
const EVEN = 0.85;
/** Slower than this, whatever chance may say. */
const CLEARLY_SLOWER = 0.6;

/**
 * Second stage: birth-cohort survival.
 *
 * A leak adds members at an even rate and keeps them for good. So: (1) find the longest run of windows up to the last
 * one that each grew; (2) what was born in them must still be there; (3) the rate must not fall from the earlier to
 * the later half of the run by more than chance allows (a cache that fills does).
 */
export function judgeGrowth(cohorts: Cohorts): Growth {
  const { at, population, alive } = cohorts;
  const last = at.length - 1;
  const growth = population.slice(1).map((count, k) => count - population[k]!);
  let onset = last + 1;
  while (onset > 1 && growth[onset - 2]! > 0) onset--;
  const windows = last + 1 - onset;
  const rates = growth.slice(onset - 1).map((count, i) => count / (at[onset + i]! - at[onset + i - 1]!));
  const kept = range(onset, last).map((b) => alive[b]![last]!);
  const rate = rateOf(rates, kept, at, onset, last);
  const found = (verdict: Growth['verdict']): Growth => ({ verdict, ...rate, onset });

  if (windows < MIN_WINDOWS) return found(recentlyGrew(growth, alive) ? 'unclear' : 'none');
  const total = sum(growth.slice(onset - 1));
  if (sum(kept) < 0.7 * sum(growth.slice(onset - 1, last - 1))) return found('unclear');
  if (stillDying(alive, last) > 0.25 * growth[last - 1]!) return found('unclear');
  const slower = slowing(rates);
  if (slower) return found('saturating');
  if (total < MIN_MEMBERS || (windows < MIN_WINDOWS + 1 && total < 3 * MIN_MEMBERS)) return found('unclear');
  return found('leak');
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

function slowing(rates: readonly number[]): boolean {
  const half = rates.length >> 1;
  const early = rates.slice(0, half);
  const late = rates.slice(-half);
  const ratio = mean(late) / mean(early);
  if (ratio < CLEARLY_SLOWER) return true;
  if (ratio >= EVEN) return false;
  const spread = standardDeviation(rates.map((rate, i) => rate - (i < half ? mean(early) : mean(late))));
  return mean(early) - mean(late) > 2 * spread * Math.sqrt(2 / Math.max(1, half));
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
