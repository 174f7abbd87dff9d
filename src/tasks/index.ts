/**
 * Background work with an owner: named, counted, limited, drained and never lost.
 *
 * @module
 * @example
 * import { BackgroundTasks } from 'watertight/tasks';
 *
 * const tasks = new BackgroundTasks({ name: 'mail', concurrency: 8, onFailure: ({ name, error }) => console.error(name, error) });
 * tasks.spawn('welcome', async ({ signal }) => void (await fetch('http://127.0.0.1:8025/send', { signal })), { timeoutMs: 5_000 });
 * const report = await tasks.close({ graceMs: 5_000 });
 * console.log(report.completed, report.stuck);
 */
export { BackgroundTasks, type SpawnOptions, type TasksCloseOptions } from './background-tasks.js';
export type { FailureListener, TaskFailure } from './failure-reporter.js';
export type { BackgroundTasksOptions, Overflow } from './options.js';
export type { TaskInfo, TasksCloseReport, TasksStats } from './report.js';
export type { RetryOptions } from './retry-policy.js';
export type { Task, TaskState } from './task.js';
