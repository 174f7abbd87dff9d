// Work under one long-lived parent: what 100 000 finished children leave on it.
import { getEventListeners } from 'node:events';
import type { Case } from '../observation.js';

export interface SignalsLike {
  /** One child of the parent, from its beginning to its end, with something that listens for the parent's end. */
  child(): unknown;
  /** The parent's signal where there is one. */
  readonly signal?: AbortSignal;
}

export interface SignalsKind {
  open(): Promise<SignalsLike> | SignalsLike;
}

const CHILDREN = 100_000;
const WARM_UP = 2000;
/** What the measurement itself moves: growth of caches and feedback, a few hundred kB in 100 000. */
const NOISE_BYTES = 10;
/** A peer whose parent gets slower with each child is stopped here; what it has by then is told. */
const LIMIT_MS = 20_000;

const heapBytes = () => {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  return process.memoryUsage().heapUsed;
};

async function children(parent: SignalsLike, count: number): Promise<number> {
  const startedAt = performance.now();
  for (let made = 0; made < count; made++) {
    await parent.child();
    // Lets go what the platform keeps until the loop turns, and leaves a heavy peer in time.
    if (made % 1000 === 0) {
      await new Promise(setImmediate);
      if (performance.now() - startedAt > LIMIT_MS) return made + 1;
    }
  }
  await new Promise(setImmediate);
  return count;
}

const retainsNothing: Case<SignalsKind> = {
  name: 'parent-signal-1e5-children-retains-0',
  promise: '100 000 children of a parent that lives on, each ended, leave nothing on it.',
  async run(kind, log) {
    const parent = await kind.open();
    await children(parent, WARM_UP);
    const before = heapBytes();
    const made = await children(parent, CHILDREN);
    const bytes = Math.max(0, (heapBytes() - before) / made);
    const listeners = parent.signal ? getEventListeners(parent.signal, 'abort').length : 0;
    log.note('measured', undefined, { bytes, listeners, made });
  },
  judge(seen) {
    const measured = seen.first('measured')?.detail as { bytes: number; listeners: number; made: number } | undefined;
    if (!measured) return { passed: false, words: seen.ending ?? 'no end within the time' };
    const { bytes, listeners, made } = measured;
    const kept = bytes <= NOISE_BYTES ? 'nothing kept' : `${bytes.toFixed(0)} B kept a child`;
    const left = listeners === 0 ? '' : `; ${listeners} listeners left`;
    const slow = made < CHILDREN ? `; only ${made} children in ${LIMIT_MS / 1000} s` : '';
    return { passed: bytes <= NOISE_BYTES && listeners === 0, words: `${kept}${left}${slow}` };
  },
};

export const signalsCases = [retainsNothing];
