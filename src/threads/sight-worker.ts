import type { Worker } from 'node:worker_threads';

/**
 * The `Worker` that `create` makes inside a library which keeps it to itself. Node.js emits 'worker' on `process` by a
 * `process.nextTick` that the constructor queues, and that queue is first in, first out: a listener armed by a tick
 * queued just before sees that one and no other.
 */
export function sightWorker(create: () => void): Promise<Worker | undefined> {
  return new Promise((resolve, reject) => {
    process.nextTick(() => process.once('worker', resolve));
    try {
      create();
    } catch (error) {
      reject(error);
    }
    process.nextTick(() => {
      process.off('worker', resolve);
      resolve(undefined);
    });
  });
}
