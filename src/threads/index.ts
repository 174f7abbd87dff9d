/**
 * Threads with owners: a registry that sees every worker of the process, values that end with their thread, a pool that
 * always closes, and objects that only one caller uses at a time.
 *
 * @module
 * @example
 * import { exclusive, ThreadPool, ThreadRegistry } from 'watertight/threads';
 *
 * const registry = new ThreadRegistry();
 * const pool = new ThreadPool({ fn: (n: number) => n ** 2, size: 2, name: 'squares', registry });
 * console.log(await Promise.all([1, 2, 3].map((n) => pool.run(n)))); // [1, 4, 9]
 * console.log(registry.list().map(({ name, state }) => `${name} ${state}`));
 * console.log((await pool.close()).status); // 'completed'
 * await registry.close();
 */
export { type Exclusive, type ExclusiveOptions, exclusive } from './exclusive.js';
export type { RunOptions, ThreadPoolOptions, ThreadTask } from './pool-options.js';
export type { PoolCloseReport, PoolThreadInfo, StuckThread, ThreadPoolStatistics } from './pool-report.js';
export type { PoolThreadState } from './pool-thread.js';
export type { TaskContext } from './task-context.js';
export { disposeThreadLocals, type LocalsReport, perThread, ThreadLocal } from './thread-local.js';
export { ThreadPool } from './thread-pool.js';
export type { ThreadFailure, ThreadInfo, ThreadRegistration, ThreadState } from './thread-record.js';
export {
  type CleanupReport,
  ThreadRegistry,
  type ThreadRegistryOptions,
  type ThreadStatistics,
} from './thread-registry.js';
