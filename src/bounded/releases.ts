import diagnostics from 'node:diagnostics_channel';
import { WatertightError } from '../core/index.js';
import { Deque } from './deque.js';
import { History } from './history.js';

/** Failures that are kept for the last report; the others are counted, and all were published. */
const KEPT_FAILURES = 100;

const channel = diagnostics.channel('watertight:release-failed');

/**
 * Releases that take time: at most `limit` run at once, the others wait their turn, and somebody can wait for all.
 * Failures never stop the others; each is published on the channel `watertight:release-failed` as `{ name, error }`.
 */
export class Releases {
  readonly #name: string;
  readonly #limit: number;
  readonly #pending = new Deque<() => unknown>();
  readonly #failures = new History<unknown>(KEPT_FAILURES);
  #running = 0;
  #released = 0;
  #failed = 0;
  #settled: { promise: Promise<void>; resolve: () => void } | null = null;

  constructor(name: string, limit: number) {
    this.#name = name;
    this.#limit = limit;
  }

  /** Releases that have not ended. */
  get size(): number {
    return this.#running + this.#pending.size;
  }

  get isFull(): boolean {
    return this.size >= this.#limit;
  }

  add(release: () => unknown): void {
    this.#pending.push(release);
    this.#start();
  }

  /** Resolves when none is left. Never rejects. */
  settled(): Promise<void> {
    if (this.size === 0) return Promise.resolve();
    if (this.#settled === null) {
      let resolve!: () => void;
      const promise = new Promise<void>((done) => {
        resolve = done;
      });
      this.#settled = { promise, resolve };
    }
    return this.#settled.promise;
  }

  /** All failures so far as one error; null when there were none. */
  failure(): WatertightError | null {
    if (this.#failed === 0) return null;
    const errors = this.#failures.toArray();
    return new WatertightError(
      'WT_BOUNDED_RELEASE_FAILED',
      `Cannot release ${this.#failed} of ${this.#failed + this.#released} values of ${this.#name} as their dispose failed`,
      {
        hint: 'see the cause: an AggregateError with the newest 100 failures, oldest first',
        details: { failed: this.#failed, released: this.#released },
        cause: new AggregateError(errors, 'Failures of dispose'),
      },
    );
  }

  /** A loop, as thousands of releases in a row may end at once. */
  #start(): void {
    while (this.#running < this.#limit && this.#pending.size > 0) {
      const release = this.#pending.shift()!;
      this.#running++;
      try {
        const ending = release();
        if (isThenable(ending)) {
          ending.then(
            () => this.#endLater(null),
            (error) => this.#endLater({ error }),
          );
        } else this.#end(null);
      } catch (error) {
        this.#end({ error });
      }
    }
  }

  #endLater(failure: { readonly error: unknown } | null): void {
    this.#end(failure);
    this.#start();
  }

  #end(failure: { readonly error: unknown } | null): void {
    this.#running--;
    if (failure === null) this.#released++;
    else this.#fail(failure.error);
    if (this.size > 0 || this.#settled === null) return;
    this.#settled.resolve();
    this.#settled = null;
  }

  #fail(error: unknown): void {
    this.#failed++;
    this.#failures.push(error);
    channel.publish({ name: this.#name, error });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value !== null && typeof value === 'object' && typeof (value as PromiseLike<unknown>).then === 'function';
}
