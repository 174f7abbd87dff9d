import { closingClock, Deadline, monotonicMs } from '../core/index.js';

/** How a step of the program's code ended; `late`: it did not, in its time. */
export type StepEnd<V> =
  | { readonly status: 'ok'; readonly value: V }
  | { readonly status: 'failed'; readonly error: unknown }
  | { readonly status: 'late' };

const LATE = { status: 'late' } as const;

/**
 * Calls `run` and then `onEnd`, once: at once for a value, else when the promise settles, or at `deadlineAt`
 * (`performance.now()`, ms). What comes after that goes to `onLateEnd`. Nothing of `run` reaches the caller as an error.
 */
export function takeStep<V>(
  run: () => V | PromiseLike<V>,
  deadlineAt: number,
  onEnd: (end: StepEnd<V>) => void,
  onLateEnd: (end: StepEnd<V>) => void,
): void {
  let result: V | PromiseLike<V>;
  let promise: Promise<V> | null;
  try {
    result = run();
    promise = asPromise(result);
  } catch (error) {
    onEnd({ status: 'failed', error });
    return;
  }
  if (promise) new Step(promise, deadlineAt, onEnd, onLateEnd);
  else onEnd({ status: 'ok', value: result as V });
}

/** Null for a value that is there already. A foreign thenable may be of any kind, and throw. */
function asPromise<V>(result: V | PromiseLike<V>): Promise<V> | null {
  if (result instanceof Promise) return result;
  if (typeof result !== 'object' || result === null || !('then' in result)) return null;
  return typeof result.then === 'function' ? Promise.resolve(result) : null;
}

class Step<V> extends Deadline {
  #onEnd: (end: StepEnd<V>) => void;
  readonly #onLateEnd: (end: StepEnd<V>) => void;

  constructor(
    promise: Promise<V>,
    deadlineAt: number,
    onEnd: (end: StepEnd<V>) => void,
    onLateEnd: (end: StepEnd<V>) => void,
  ) {
    super();
    this.#onEnd = onEnd;
    this.#onLateEnd = onLateEnd;
    this.deadlineAt = deadlineAt;
    if (deadlineAt < Number.POSITIVE_INFINITY) closingClock.add(this, monotonicMs());
    promise.then(
      (value) => this.#end({ status: 'ok', value }),
      (error) => this.#end({ status: 'failed', error }),
    );
  }

  onDeadline(): void {
    const onEnd = this.#onEnd;
    this.#onEnd = this.#onLateEnd;
    onEnd(LATE);
  }

  #end(end: StepEnd<V>): void {
    closingClock.remove(this);
    this.#onEnd(end);
  }
}
