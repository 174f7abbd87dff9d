// Pools of threads.
import { fileURLToPath } from 'node:url';
import type { Peer } from './peer.js';

const waitTask = fileURLToPath(new URL('./wait-task.mjs', import.meta.url));
const waitWorker = fileURLToPath(new URL('./wait-worker.mjs', import.meta.url));

export const piscina: Peer = {
  name: 'piscina 5',
  package: 'piscina',
  workers: [
    {
      how: 'close()',
      kind: {
        async open(threads) {
          const { Piscina } = await import('piscina');
          const pool = new Piscina({ filename: waitTask, minThreads: threads, maxThreads: threads });
          return { work: (ms) => pool.run(ms), close: () => pool.close() };
        },
      },
    },
    {
      how: 'close({ force: true }), which gives up what is queued only',
      kind: {
        async open(threads) {
          const { Piscina } = await import('piscina');
          const pool = new Piscina({ filename: waitTask, minThreads: threads, maxThreads: threads });
          return { work: (ms) => pool.run(ms), close: () => pool.close({ force: true }) };
        },
      },
    },
  ],
  signals: [
    {
      how: 'run() with the parent’s signal',
      kind: {
        async open() {
          const { Piscina } = await import('piscina');
          const pool = new Piscina({ filename: waitTask, minThreads: 1, maxThreads: 1 });
          const { signal } = new AbortController();
          return { signal, child: () => pool.run(0, { signal }) };
        },
      },
    },
  ],
};

export const tinypool: Peer = {
  name: 'tinypool 2',
  package: 'tinypool',
  workers: [
    {
      how: 'destroy(), the only end that it has',
      kind: {
        async open(threads) {
          const { default: Tinypool } = await import('tinypool');
          const pool = new Tinypool({ filename: waitTask, minThreads: threads, maxThreads: threads });
          return { work: (ms) => pool.run(ms), close: () => pool.destroy() };
        },
      },
    },
  ],
};

export const workerpool: Peer = {
  name: 'workerpool 10',
  package: 'workerpool',
  workers: [
    {
      how: 'terminate()',
      kind: {
        async open(threads) {
          const { default: make } = await import('workerpool');
          const pool = make.pool(waitWorker, { minWorkers: threads, maxWorkers: threads, workerType: 'thread' });
          return { work: async (ms) => pool.exec('wait', [ms]), close: () => pool.terminate() };
        },
      },
    },
  ],
};
