import type { TaskFailure } from './failure-reporter.js';
import type { TaskState } from './task.js';
import type { TaskRecord } from './task-record.js';

/** One task that is there. */
export interface TaskInfo {
  readonly name: string;
  readonly state: TaskState;
  /** Since `spawn`, in ms. */
  readonly ageMs: number;
  readonly context: unknown;
  /** As given to `spawn`; undefined without a limit. */
  readonly timeoutMs: number | undefined;
  /** `file:line` of the program; undefined with `sites: 'off'`. */
  readonly spawnedAt: string | undefined;
  /** Whether `spawnedAt` is this task's own line; else it is the line that first spawned a task of its name. */
  readonly isSpawnedAtExact: boolean;
}

/** What closing did. `initial` = `completed` + `failed` + `cancelled` + `remaining`. */
export interface TasksCloseReport {
  /** `timeout`: tasks remain. `failed`: none does, but some failed meanwhile. */
  readonly status: 'completed' | 'failed' | 'timeout' | 'already-closed';
  /** Tasks that ran or waited in the queue when closing began. */
  readonly initial: number;
  /** Of these, ended by themselves and well. */
  readonly completed: number;
  /** Of these, failed or over their limit. */
  readonly failed: number;
  /** Of these, never started, or ended after they were told to stop. */
  readonly cancelled: number;
  /** Of these, still running: see `stuck`. */
  readonly remaining: number;
  readonly durationMs: number;
  /** What failed while closing: the first 100. */
  readonly failures: readonly TaskFailure[];
  /** What is still running, oldest first. */
  readonly stuck: readonly TaskInfo[];
}

/** Totals since the manager was made, and what is there now. */
export interface TasksStats {
  /** Whose function runs now; those that were told to stop are among them until it has ended. */
  readonly running: number;
  /** Supervised tasks that wait for their next try. They keep their places: `running` + `waiting` ≤ `concurrency`. */
  readonly waiting: number;
  readonly queued: number;
  /** Spawns that wait for a place in the queue (`overflow: 'block'`). */
  readonly blocked: number;
  readonly completed: number;
  /** Includes those over their limit. */
  readonly failed: number;
  readonly cancelled: number;
  readonly timedOut: number;
  /** Spawns that were not taken, and tasks dropped from the queue. */
  readonly refused: number;
}

/** `placeOfName` is asked where the task does not know its own line. */
export function describeTask(task: TaskRecord, placeOfName: (name: string) => string | undefined): TaskInfo {
  const own = task.extras?.place?.text;
  return {
    name: task.name,
    state: task.state,
    ageMs: task.ageMs,
    context: task.context,
    timeoutMs: task.extras?.timeoutMs,
    spawnedAt: own ?? placeOfName(task.name),
    isSpawnedAtExact: own !== undefined,
  };
}
