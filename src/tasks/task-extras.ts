import { type CallPlace, Deadline, DeadlineClock, monotonicMs } from '../core/index.js';
import type { Task } from './task.js';
import type { TaskRecord } from './task-record.js';

/** Limits of all tasks of this thread share one timer, which does not keep the process alive. */
const limits = new DeadlineClock({ keepsAlive: false });

/** A rejection of ours never counts as unhandled: the failure is reported in other ways. */
const ignore = () => {};

/** Where the executor below leaves its two functions: a closure for each promise would cost more. */
let resolveMade: (value: unknown) => void = ignore;
let rejectMade: (error: unknown) => void = ignore;
function keepBoth(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  resolveMade = resolve;
  rejectMade = reject;
}

/**
 * What a task may need beside its name and age; most need none of it. It is the deadline of its task's limit itself, as
 * tasks with a limit come in thousands.
 */
export class TaskExtras extends Deadline {
  readonly #task: TaskRecord;
  controller: AbortController | null = null;
  reason: unknown = undefined;
  place: CallPlace | null = null;
  /** Told to stop when its manager begins to close, as it would never end by itself. */
  isEndless = false;
  timeoutMs: number | undefined = undefined;
  /** The function of a task that waits. */
  run: ((task: Task) => unknown) | null = null;
  /** A promise that may settle before the function does; null for most, whose promise is derived from the function's. */
  promise: Promise<unknown> | null = null;
  #resolve: ((value: unknown) => void) | null = null;
  #reject: ((error: unknown) => void) | null = null;
  #onLimit: ((task: TaskRecord) => void) | null = null;

  constructor(task: TaskRecord) {
    super();
    this.#task = task;
  }

  makePromise(): Promise<unknown> {
    this.promise = new Promise(keepBoth);
    this.#resolve = resolveMade;
    this.#reject = rejectMade;
    return this.promise;
  }

  resolve(value: unknown): void {
    this.#resolve?.(value);
  }

  reject(error: unknown): void {
    this.promise?.catch(ignore);
    this.#reject?.(error);
  }

  /** `onLimit` is called `timeoutMs` from now unless the limit is dropped before. */
  setLimit(timeoutMs: number, onLimit: (task: TaskRecord) => void): void {
    const now = monotonicMs();
    this.deadlineAt = now + timeoutMs;
    this.#onLimit = onLimit;
    limits.add(this, now);
  }

  dropLimit(): void {
    if (this.#onLimit) limits.remove(this);
  }

  onDeadline(): void {
    this.#onLimit?.(this.#task);
  }
}
