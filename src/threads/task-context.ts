import { Transfer } from 'workerpool';
import { ABORTED_TASK } from './thread-protocol.js';

/**
 * The second argument of every function that runs in a `ThreadPool`: it tells when to stop. Made for one task, and of
 * no use after it.
 */
export class TaskContext {
  /** Name of the thread, as the pool reports it: `render#3`. */
  readonly thread: string;
  /** `data` of the pool's options. */
  readonly data: unknown;
  readonly #number: number;
  readonly #aborted: Int32Array;
  #controller: AbortController | null = null;

  constructor(thread: string, data: unknown, number: number, shared: SharedArrayBuffer) {
    this.thread = thread;
    this.data = data;
    this.#number = number;
    this.#aborted = new Int32Array(shared, 0, 1);
  }

  /**
   * True from the moment the task has to stop. Read from shared memory: also a loop that never awaits sees it.
   * Cost: ≈ 12 ns.
   */
  get isAborted(): boolean {
    return Atomics.load(this.#aborted, ABORTED_TASK) === this.#number;
  }

  /** Aborted when the task has to stop and the event loop of the thread turns. Made when first read. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.isAborted && !this.#controller.signal.aborted) this.#controller.abort(abortError('the task was stopped'));
    return this.#controller.signal;
  }

  /** @throws DOMException AbortError when the task has to stop */
  throwIfAborted(): void {
    if (this.isAborted) throw this.signal.reason;
  }

  /** Returned by the function in place of `value`: moves what `list` names to the caller's thread instead of copying it. */
  transfer(value: unknown, list: readonly unknown[]): unknown {
    return new Transfer(value as object, [...list] as object[]);
  }

  /** For the thread alone. */
  abort(number: number, reason: string): void {
    if (number === this.#number) this.#controller?.abort(abortError(reason));
  }

  /** For the thread alone. */
  get number(): number {
    return this.#number;
  }
}

function abortError(reason: string): DOMException {
  return new DOMException(reason, 'AbortError');
}
