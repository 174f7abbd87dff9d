import { builtin, errorText, plainText, WatertightError } from '../core/index.js';

/** A task that failed, ran over its limit, or was not taken. */
export interface TaskFailure {
  /** Of the manager. */
  readonly tasks: string;
  readonly name: string;
  readonly error: unknown;
  readonly context: unknown;
  /** Since `spawn`, in ms. */
  readonly ageMs: number;
  /** For a supervised task that is tried again: its pause until then, in ms. */
  readonly retryInMs: number | undefined;
}

export type FailureListener = (failure: TaskFailure) => void;

/**
 * Brings failures to whoever watches: `onFailure`, subscribers of `watertight:task-failed`, or, when there is neither,
 * one process warning, so that the first failure nobody waits for is seen.
 */
export class FailureReporter {
  readonly #onFailure: FailureListener | undefined;
  readonly #onAbandoned: FailureListener | undefined;
  #hasWarned = false;

  constructor(onFailure: FailureListener | undefined, onAbandoned: FailureListener | undefined) {
    this.#onFailure = onFailure;
    this.#onAbandoned = onAbandoned;
  }

  report(failure: TaskFailure): void {
    const { error } = failure;
    const isAbandoned = error instanceof WatertightError && error.code === 'WT_TASKS_ABANDONED';
    const failed = builtin.diagnostics.channel('watertight:task-failed');
    const isHeard = failed.hasSubscribers || this.#onFailure || (isAbandoned && this.#onAbandoned);
    if (failed.hasSubscribers) failed.publish(failure);
    if (isAbandoned && this.#onAbandoned) notify(this.#onAbandoned, failure);
    if (this.#onFailure) notify(this.#onFailure, failure);
    if (!isHeard) this.#warnOnce(failure);
  }

  #warnOnce(failure: TaskFailure): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const who = `Task ${plainText(failure.name, 80)} of ${plainText(failure.tasks, 80)}`;
    warn(`${who} failed: ${errorText(failure.error)}. Later failures are only counted; give onFailure to hear of each`);
  }
}

function notify(listener: FailureListener, failure: TaskFailure): void {
  try {
    listener(failure);
  } catch (error) {
    warn(`A failure listener of ${plainText(failure.tasks, 80)} threw: ${errorText(error)}`);
  }
}

function warn(message: string): void {
  process.emitWarning(message, { type: 'WatertightWarning', code: 'WT_TASKS_FAILED' });
}
