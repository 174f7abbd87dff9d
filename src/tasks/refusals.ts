import { plainText, WatertightError } from '../core/index.js';
import type { TaskInfo } from './report.js';

/** Names come from the program that spawns. */
const shown = (name: string) => plainText(name, 80);

export function closedError(name: string, tasks: string): WatertightError {
  return new WatertightError('WT_TASKS_CLOSED', `Cannot spawn task ${shown(name)} as ${shown(tasks)} is closed`, {
    hint: 'spawn before the owner closes, or in a manager that lives longer',
    details: { name, tasks },
  });
}

export function fullError(name: string, tasks: string, queueLimit: number): WatertightError {
  const message = `Cannot spawn task ${shown(name)} as ${queueLimit} tasks of ${shown(tasks)} wait already`;
  return new WatertightError('WT_TASKS_FULL', message, {
    hint: 'raise queueLimit or concurrency, choose another overflow, or spawn less',
    details: { name, tasks, queueLimit },
  });
}

export function droppedError(name: string, tasks: string, queueLimit: number): WatertightError {
  const message = `Cannot run task ${shown(name)} as it was dropped from the full queue of ${shown(tasks)} (${queueLimit})`;
  return new WatertightError('WT_TASKS_DROPPED', message, {
    hint: 'raise queueLimit or concurrency, or use overflow block or reject',
    details: { name, tasks, queueLimit },
  });
}

/** Both the reason of the signal and what the promise rejects with. */
export function cancelledError(name: string, tasks: string, cause: unknown): WatertightError {
  return new WatertightError(
    'WT_TASKS_CANCELLED',
    `Cannot finish task ${shown(name)} of ${shown(tasks)} as it was cancelled`,
    {
      hint: 'nothing to do where its manager closes',
      details: { name, tasks },
      cause,
    },
  );
}

export function timeoutError(name: string, tasks: string, timeoutMs: number): WatertightError {
  const message = `Cannot finish task ${shown(name)} of ${shown(tasks)} within ${timeoutMs} ms`;
  return new WatertightError('WT_TASKS_TIMEOUT', message, {
    hint: 'raise timeoutMs, or see why it takes so long; list() shows whether it still runs',
    details: { name, tasks, timeoutMs },
  });
}

/** For the report of the owner: its release of the manager came back with tasks still running. */
export function stuckError(tasks: string, stuck: readonly TaskInfo[]): WatertightError {
  const names = stuck
    .slice(0, 3)
    .map(({ name, spawnedAt }) => shown(name) + (spawnedAt ? ` (${shown(spawnedAt)})` : ''));
  const list = names.join(', ') + (stuck.length > names.length ? ', …' : '');
  const message = `Cannot end ${stuck.length} of the tasks of ${shown(tasks)} in time: ${list}`;
  return new WatertightError('WT_TASKS_STUCK', message, {
    hint: 'end when the signal of the task aborts; details.stuck has all of them',
    details: { tasks, stuck },
  });
}
