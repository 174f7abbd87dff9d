import type { Driver } from './driver.js';
import type { Recorder } from './recorder.js';

/** How fast the program works, found out while it warms up. */
export interface Pace {
  /** Time of one step, milliseconds. */
  readonly stepMs: number;
  /** Time of one forced collection of all isolates. */
  readonly gcMs: number;
  /** Growth of heap and external memory while it was measured, bytes a step; 0 when it shrank. */
  readonly growthBytes: number;
}

/** Steps are doubled until one batch takes this long: shorter ones are mostly start-up. */
const LONG_ENOUGH_MS = 120;
const MAX_BATCHES = 24;
/** The first batches load modules and fill caches: their growth says nothing. */
const COLD_BATCHES = 3;
/** A batch that kept this much tells enough of the growth; a longer one would only make the heap large. */
const MAX_KEPT_BYTES = 1.5 * 2 ** 20;

export async function findPace(driver: Driver, recorder: Recorder, first: number, budgetMs: number): Promise<Pace> {
  const deadline = performance.now() + budgetMs;
  let steps = first;
  let stepMs = 0;
  let before = await recorder.sample(driver.total);
  let growthBytes = 0;
  for (let batch = 0; batch < MAX_BATCHES && performance.now() < deadline; batch++) {
    const { done, ms } = await driver.advance(steps, Math.max(100, deadline - performance.now()));
    const after = await recorder.sample(driver.total);
    stepMs = ms / Math.max(done, 1e-9);
    growthBytes = Math.max(0, (heapBytes(after) - heapBytes(before)) / Math.max(done, 1e-9));
    before = after;
    if (ms >= LONG_ENOUGH_MS || (batch >= COLD_BATCHES && growthBytes * done > MAX_KEPT_BYTES)) break;
    const factor = ms < LONG_ENOUGH_MS / 8 && growthBytes * done < MAX_KEPT_BYTES / 8 ? 4 : 2;
    steps = Math.ceil(steps * factor);
  }
  return { stepMs, gcMs: before.gcMs, growthBytes };
}

export function heapBytes(moment: {
  isolates: ReadonlyMap<string, { heapUsedBytes: number; externalBytes: number }>;
}): number {
  let total = 0;
  for (const { heapUsedBytes, externalBytes } of moment.isolates.values()) total += heapUsedBytes + externalBytes;
  return total;
}
