import { Deadline, WatertightError } from '../core/index.js';
import type { PoolThread } from './pool-thread.js';

/** Settled at most once, by whoever comes first: its thread, its deadline, its caller's signal, the pool. */
export class PoolTask extends Deadline {
  readonly number: number;
  readonly name: string;
  readonly input: unknown;
  readonly transfer: readonly unknown[];
  readonly timeoutMs: number;
  thread: PoolThread | null = null;
  /** When it began to run. */
  startedAt = 0;
  next: PoolTask | null = null;
  previous: PoolTask | null = null;
  readonly #signal: AbortSignal | undefined;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: unknown) => void;
  readonly #onStop: (task: PoolTask, error: unknown, end: 'timedOut' | 'cancelled') => void;
  #isSettled = false;

  constructor(
    call: { number: number; name: string; input: unknown; transfer: readonly unknown[]; timeoutMs: number },
    signal: AbortSignal | undefined,
    settle: { resolve: (value: unknown) => void; reject: (error: unknown) => void },
    onStop: (task: PoolTask, error: unknown, end: 'timedOut' | 'cancelled') => void,
  ) {
    super();
    this.number = call.number;
    this.name = call.name;
    this.input = call.input;
    this.transfer = call.transfer;
    this.timeoutMs = call.timeoutMs;
    this.#signal = signal;
    this.#resolve = settle.resolve;
    this.#reject = settle.reject;
    this.#onStop = onStop;
    signal?.addEventListener('abort', this.#onAbort);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  resolve(value: unknown): boolean {
    if (!this.#settle()) return false;
    this.#resolve(value);
    return true;
  }

  reject(error: unknown): boolean {
    if (!this.#settle()) return false;
    this.#reject(error);
    return true;
  }

  override onDeadline(): void {
    const where = this.thread === null ? '' : ` in ${this.thread.name}`;
    const error = new WatertightError(
      'WT_THREADS_TASK_TIMEOUT',
      `Cannot finish task ${this.name}${where} as its ${this.timeoutMs} ms are over`,
      {
        hint: 'give it more time by timeoutMs, or less work; a task that looks at context.isAborted keeps its thread',
        details: { task: this.name, thread: this.thread?.name, timeoutMs: this.timeoutMs },
      },
    );
    this.#onStop(this, error, 'timedOut');
  }

  readonly #onAbort = () => this.#onStop(this, this.#signal?.reason, 'cancelled');

  #settle(): boolean {
    if (this.#isSettled) return false;
    this.#isSettled = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
    return true;
  }
}
