// Queues of promises.
import type { QueueKind } from '../kinds/queue.js';
import type { Peer } from './peer.js';

const limit = (rejectOnClear: boolean): QueueKind => ({
  async open() {
    const { default: pLimit } = await import('p-limit');
    const queue = pLimit({ concurrency: 1, rejectOnClear });
    return { add: (_name, task) => queue(task), clear: () => queue.clearQueue() };
  },
});

export const pLimit: Peer = {
  name: 'p-limit 7',
  package: 'p-limit',
  queue: [{ kind: limit(false) }, { how: 'rejectOnClear: true', kind: limit(true) }],
};

export const pQueue: Peer = {
  name: 'p-queue 9',
  package: 'p-queue',
  queue: [
    {
      how: 'clear()',
      kind: {
        async open() {
          const { default: PQueue } = await import('p-queue');
          const queue = new PQueue({ concurrency: 1 });
          return { add: (_name, task) => queue.add(task), clear: () => queue.clear() };
        },
      },
    },
    {
      how: 'one AbortSignal given to every add(), aborted in place of clear()',
      kind: {
        async open() {
          const { default: PQueue } = await import('p-queue');
          const queue = new PQueue({ concurrency: 1 });
          const controller = new AbortController();
          const { signal } = controller;
          return { add: (_name, task) => queue.add(task, { signal }), clear: () => controller.abort() };
        },
      },
    },
  ],
  signals: [
    {
      how: 'add() with the parent’s signal',
      kind: {
        async open() {
          const { default: PQueue } = await import('p-queue');
          const queue = new PQueue({ concurrency: 1 });
          const { signal } = new AbortController();
          return { signal, child: () => queue.add(async () => {}, { signal }) };
        },
      },
    },
  ],
};
