import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { procStat, seededRandom } from '../core/index.js';
import { native } from '../native/index.js';
import { Segment } from '../shm/index.js';
import { bundle } from './bundle.fixture.js';
import { BlockPool } from './index.js';
import { LOCK } from './layout.js';

const plain = await bundle('plain');
const stepping = await bundle('stepping');
/** A thousand in the stress run. */
const ROUNDS = process.env.WATERTIGHT_STRESS ? 1000 : 100;
const program = fileURLToPath(new URL('worker-program.fixture.mjs', import.meta.url));

function startWorker(pool: BlockPool, kind: 'once' | 'storm', name: string): Worker {
  return new Worker(program, { workerData: { bundle: plain, handle: pool.handle, kind, name } });
}

describe('BlockPool between threads', () => {
  it('gives ten threads of ten blocks each a hundred different ones of a thousand', async () => {
    const pool = new BlockPool({ totalBlocks: 1000, blockBytes: 8, layers: 1 });
    const workers = Array.from({ length: 10 }, (_, i) => startWorker(pool, 'once', `thread ${i}`));
    const blocks = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as number[]));
    expect(new Set(blocks.flat()).size).toBe(100);
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, free: 900, held: 100 });
    for (const worker of workers) worker.postMessage('close');
    await Promise.all(workers.map((worker) => once(worker, 'exit')));
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, free: 1000 });
    expect(pool.usage().participants).toHaveLength(1);
    pool.close();
  });

  it(`does so, and gives 200 callers all of a hundred blocks, ${ROUNDS} times over`, async () => {
    const [threads, rounds] = [10, ROUNDS];
    const [pool, small] = [1000, 100].map((totalBlocks) => new BlockPool({ totalBlocks, blockBytes: 8, layers: 1 }));
    const words = new Int32Array(new SharedArrayBuffer(4 * 1008));
    const ended = Array.from({ length: threads }, (_, i) => {
      const shared = { bundle: plain, handle: pool!.handle, small: small!.handle, words, threads, rounds };
      return once(new Worker(program, { workerData: { ...shared, kind: 'rounds', name: `thread ${i}` } }), 'exit');
    });
    expect(await Promise.all(ended)).toEqual(Array(threads).fill([0]));
    expect({ taken: words[1], wrong: words[2] }).toEqual({ taken: 100 * rounds, wrong: 0 });
    for (const one of [pool!, small!]) {
      expect(one.audit({ deep: true })).toMatchObject({ ok: true, held: 0, problems: [] });
      one.close();
    }
  });

  it('loses nothing to threads that are terminated at any instant, with the lock too', async () => {
    const pool = new BlockPool({ totalBlocks: 64, blockBytes: 8, layers: 1, maxAgents: 16 });
    const random = seededRandom(7);
    let lockedDead = 0;
    for (let round = 0; round < 12; round++) {
      const workers = ['x', 'y'].map((name) => startWorker(pool, 'storm', `${name}${round}`));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      // Ends after some turns of its own loop: the instant within theirs is anybody's guess.
      for (let turns = Math.floor(random() * 200); turns > 0; turns--) await new Promise(setImmediate);
      await Promise.all(workers.map((worker) => worker.terminate()));
      const { tookOverLock } = pool.recover();
      if (tookOverLock) lockedDead++;
      expect(pool.audit({ deep: true })).toMatchObject({ ok: true, free: 64, problems: [] });
      expect(pool.usage().participants).toHaveLength(1);
    }
    expect(pool.usage().takeovers).toBeGreaterThanOrEqual(lockedDead);
    pool.close();
  });
});

/** A process that has the lock and is stopped. */
async function holdLock(pool: BlockPool, words: Int32Array): Promise<ChildProcess> {
  const code = `globalThis.watertightStep = (label) => label === 'begin.kind' && process.kill(process.pid, 'SIGSTOP');
    const { BlockPool } = await import(process.argv[1]);
    const pool = BlockPool.attach(JSON.parse(process.argv[2]));
    pool.allocate(1, 0, 'stopped');`;
  const args = ['--input-type=module', '-e', code, stepping, JSON.stringify(pool.handle)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const isStopped = () => Atomics.load(words, LOCK) !== 0 && procStat(child.pid!)?.state === 'T';
  while (!isStopped()) await new Promise(setImmediate);
  return child;
}

describe.skipIf(native() === undefined)('BlockPool, whose lock is held by a process that does not go on', () => {
  it('says who holds it, does not wait for ever, and takes over when that one is dead', async () => {
    const pool = new BlockPool({ totalBlocks: 4, blockBytes: 8, layers: 1, lockTimeoutMs: 50 });
    const segment = Segment.open(pool.handle.segment);
    const child = await holdLock(pool, new Int32Array(segment.buffer, 0, LOCK + 1));
    expect(() => pool.allocate(1, 0, 'a')).toThrow(
      expect.objectContaining({ code: 'WT_BLOCKS_LOCK_TIMEOUT', details: { pid: child.pid, timeoutMs: 50 } }),
    );
    expect(() => pool.close()).toThrow(`as process ${child.pid} holds it`);
    expect(pool.isClosed).toBe(false);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(pool.allocate(4, 0, 'a')).toHaveLength(4);
    expect(pool.usage()).toMatchObject({ takeovers: 1, free: 0 });
    pool.close();
    segment.close();
  });
});
