import { monotonicMs, plainText, WatertightError } from '../core/index.js';
import type { RetryPolicy } from './retry-policy.js';
import type { Task } from './task.js';
import type { TaskRecord } from './task-record.js';

/**
 * Runs a function until it succeeds: after a failure it pauses and tries again, after too many in a row it gives up.
 * @param onWait gets 1 when a pause begins, and -1 when it ends, in whatever way
 * @throws WatertightError WT_TASKS_ABANDONED with the last failure as cause; or what the function threw once cancelled.
 */
export async function supervise<T>(
  task: TaskRecord,
  run: (task: Task) => T | PromiseLike<T>,
  policy: RetryPolicy,
  onRetry: (error: unknown, retryInMs: number) => void,
  onWait: (change: 1 | -1) => void,
): Promise<T> {
  for (let failures = 0; ; ) {
    const startedAt = monotonicMs();
    try {
      return await run(task);
    } catch (error) {
      if (task.isCancelled) throw error;
      failures = monotonicMs() - startedAt >= policy.healthyMs ? 1 : failures + 1;
      if (failures >= policy.failures) throw abandoned(task, failures, error);
      const delayMs = policy.delayMs(failures);
      onRetry(error, delayMs);
      await pause(task, delayMs, onWait);
    }
  }
}

function abandoned(task: Task, failures: number, cause: unknown): WatertightError {
  const message = `Cannot keep task ${plainText(task.name, 80)} running as it failed ${failures} times in a row`;
  return new WatertightError('WT_TASKS_ABANDONED', message, {
    hint: 'see the cause, the last failure; then supervise it again',
    details: { name: task.name, failures, ageMs: task.ageMs },
    cause,
  });
}

/** Rejects with the reason as soon as the task is cancelled. Leaves neither timer nor listener. */
function pause(task: TaskRecord, delayMs: number, onWait: (change: 1 | -1) => void): Promise<void> {
  const { signal } = task;
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    task.state = 'waiting';
    onWait(1);
    const end = () => {
      onWait(-1);
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      task.state = 'running';
      resolve();
    };
    const timer = setTimeout(end, Math.min(delayMs, 2 ** 31 - 1));
    signal.addEventListener('abort', end);
  });
}
