/**
 * Structures with a stated limit: nothing in them grows beyond it, and everyone who waits at one is answered.
 *
 * @module
 * @example
 * import { BoundedQueue, Cache, Float64History, History, MemoryBudget, Semaphore } from 'watertight/bounded';
 *
 * const lines = new History<string>(1000);
 * const jobs = new BoundedQueue<() => Promise<void>>(100, 'reject');
 * const writers = new Semaphore(4);
 * lines.push('started');
 * jobs.push(async () => lines.push('done'));
 * await writers.run(await jobs.take());
 * console.log(lines.toArray()); // [ 'started', 'done' ]
 */
export { BoundedQueue, type BoundedQueueOptions, type Overflow } from './bounded-queue.js';
export { Cache, type CacheOptions, type DisposeReason } from './cache.js';
export { Float64History } from './float64-history.js';
export { History } from './history.js';
export { MemoryBudget } from './memory-budget.js';
export type { Permit } from './permit.js';
export { Semaphore, type SemaphoreOptions } from './semaphore.js';
