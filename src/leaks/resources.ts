import { additions, type Cohorts, type Growth, judgeGrowth } from './growth.js';
import type { LeakKind } from './leak.js';
import type { Point } from './statistics.js';

/** What is watched by identity, or where there is none (blocks) by count, and what it is called in a report. */
export const RESOURCES = [
  { key: 'children', kind: 'child-process', name: 'child processes', unit: 'processes' },
  { key: 'threads', kind: 'thread', name: 'threads', unit: 'threads' },
  { key: 'leases', kind: 'lease', name: 'leases', unit: 'leases' },
  { key: 'sockets', kind: 'socket', name: 'sockets', unit: 'sockets' },
  { key: 'descriptors', kind: 'file-descriptor', name: 'file descriptors', unit: 'descriptors' },
  { key: 'segments', kind: 'shared-memory', name: 'shared memory segments', unit: 'segments' },
  { key: 'blocks', kind: 'block', name: 'blocks of pools', unit: 'blocks' },
  { key: 'tempFiles', kind: 'temp-file', name: 'temporary files', unit: 'files' },
] as const satisfies readonly { key: string; kind: LeakKind; name: string; unit: string }[];

export type ResourceKey = (typeof RESOURCES)[number]['key'];

/** Windows into which the samples after warm-up are divided. */
const WINDOWS = 6;
const WARM_UP_SHARE = 1 / 3;

/** Judges a set of identities over many moments by birth cohorts, as objects are judged over snapshots. */
export function judgeIdentities(
  at: readonly number[],
  sets: readonly (readonly string[])[],
): Growth & { newest: string[] } {
  const bounds = boundaries(at);
  const cohorts = cohortsOf(at, sets, bounds);
  const before = new Set(sets[bounds[0]!]);
  const newest = (sets.at(-1) ?? []).filter((identity) => !before.has(identity));
  const growth = judgeGrowth(cohorts);
  return { ...growth, verdict: growth.verdict === 'none' && isTrickle(cohorts) ? 'unclear' : growth.verdict, newest };
}

/**
 * Too few to judge, but not nothing: unlike objects, what the kernel hands out does not pile up by chance. One more in
 * each of several windows, all still there, wants a longer look.
 */
function isTrickle({ population, alive }: Cohorts): boolean {
  const last = population.length - 1;
  const net = population[last]! - population[0]!;
  const windows = alive.slice(1).filter((row) => row[last]! > 0).length;
  return (net >= 2 && windows >= 3) || (net >= 3 && windows >= 2);
}

/**
 * Moments at the borders of the windows: the last two thirds of the iterations in equal parts. Moments themselves may be
 * crowded where the heap was looked into.
 */
function boundaries(at: readonly number[]): number[] {
  const last = at.length - 1;
  if (last < 1) return at.map((_, moment) => moment);
  const start = at[0]! + (at[last]! - at[0]!) * WARM_UP_SHARE;
  const borders = Array.from({ length: WINDOWS + 1 }, (_, i) => {
    const wanted = start + ((at[last]! - start) * i) / WINDOWS;
    const moment = at.findIndex((done) => done >= wanted - 1e-9);
    return moment < 0 ? last : moment;
  });
  return [...new Set(borders)];
}

function cohortsOf(at: readonly number[], sets: readonly (readonly string[])[], bounds: readonly number[]): Cohorts {
  const born = new Map<string, number>();
  for (const [k, moment] of bounds.entries()) {
    for (const identity of sets[moment]!) if (!born.has(identity)) born.set(identity, k);
  }
  const alive = bounds.map(() => bounds.map(() => 0));
  for (const [k, moment] of bounds.entries()) {
    for (const identity of sets[moment]!) alive[born.get(identity)!]![k]!++;
  }
  return { at: bounds.map((moment) => at[moment]!), population: bounds.map((moment) => sets[moment]!.length), alive };
}

/** Judges a count without identities, such as active timers: each window's increase counts as a cohort that stays. */
export function judgeCounts(series: readonly Point[]): Growth | null {
  const bounds = boundaries(series.map(([at]) => at));
  if (bounds.length <= WINDOWS) return null;
  const population = bounds.map((moment) => series[moment]![1]);
  return judgeGrowth({ at: bounds.map((moment) => series[moment]![0]), population, alive: additions(population) });
}
