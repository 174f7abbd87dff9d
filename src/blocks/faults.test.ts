import { describe, expect, it } from 'vitest';
import { bundle } from './bundle.fixture.js';
import type { BlockPool } from './index.js';

interface Stepping {
  watertightStep?: (label: string) => void;
}

const { BlockPool: Pool } = (await import(/* @vite-ignore */ await bundle('stepping'))) as {
  BlockPool: typeof BlockPool;
};

/** Runs `work` with the n-th step of the protocol failing. @returns whether it got that far */
function failAt(n: number, work: () => unknown): boolean {
  let steps = 0;
  let isHit = false;
  (globalThis as Stepping).watertightStep = () => {
    if (isHit || ++steps !== n) return;
    isHit = true;
    throw new Error('a step fails');
  };
  try {
    work();
  } catch (error) {
    expect((error as Error).message).toBe('a step fails');
  } finally {
    delete (globalThis as Stepping).watertightStep;
  }
  return isHit;
}

/** Everything of a pool that an operation may change, except what it may always. */
function picture(pool: BlockPool): unknown {
  const { free, held, references, freeShares, perLayer, agents, epoch } = pool.usage();
  return { free, held, references, freeShares, perLayer, epoch, agents: agents.filter((one) => one.references > 0) };
}

type Work = (pool: BlockPool, handles: number[]) => unknown;
const OPERATIONS: Record<string, Work> = {
  allocate: (pool) => pool.allocate(2, 1, 'a'),
  allocateSequence: (pool) => pool.allocateSequence([2, 0, 1, 2], 'b'),
  free: (pool, handles) => pool.free(handles, 'a'),
  freeAgent: (pool) => pool.freeAgent('a'),
  share: (pool, handles) => pool.share(handles, 'a', 'b'),
  writable: (pool, handles) => pool.writable(handles[0], 'a'),
  keep: (pool) => pool.keep('a'),
  handOver: (pool) => pool.handOver('a'),
};

describe('a failure inside an operation', () => {
  it.each(Object.entries(OPERATIONS))('leaves the pool as it was or as it should be, at every step: %s', (_, work) => {
    let isHit = true;
    for (let n = 1; isHit; n++) {
      const pool = new Pool({ totalBlocks: 12, blockBytes: 8, layers: 4, maxAgents: 4, maxParticipants: 2 });
      const handles = pool.allocate(3, 0, 'a');
      pool.share([handles[0]], 'a', 'c');
      const before = picture(pool);
      isHit = failAt(n, () => work(pool, handles));
      const after = picture(pool);
      expect(pool.audit({ deep: true })).toMatchObject({ ok: true, problems: [] });
      if (isHit && JSON.stringify(after) !== JSON.stringify(before)) {
        // It had taken effect: doing it where it was not would give the same.
        const twin = new Pool({ totalBlocks: 12, blockBytes: 8, layers: 4, maxAgents: 4, maxParticipants: 2 });
        const same = twin.allocate(3, 0, 'a');
        twin.share([same[0]], 'a', 'c');
        work(twin, same);
        expect(after).toEqual(picture(twin));
        twin.close();
      }
      expect(pool.allocate(1, 0, 'z')).toHaveLength(1);
      pool.close();
    }
  });
});
