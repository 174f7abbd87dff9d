import { type CallPlace, closingClock, Deadline, monotonicMs } from '../core/index.js';
import type { Loan } from './loan.js';

/** One acquirer that waits. It settles once: by a loan, its limit, its signal, or the close of the pool. */
export class Waiter<T> extends Deadline {
  readonly borrower: string | undefined;
  readonly place: CallPlace | null;
  next: Waiter<T> | null = null;
  previous: Waiter<T> | null = null;
  readonly #resolve: (loan: Loan<T>) => void;
  readonly #reject: (error: unknown) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #onGivenUp: (waiter: Waiter<T>, why: 'limit' | 'abort') => void;
  #isWaiting = true;
  readonly #onAbort = () => this.#onGivenUp(this, 'abort');

  constructor(
    resolve: (loan: Loan<T>) => void,
    reject: (error: unknown) => void,
    signal: AbortSignal | undefined,
    onGivenUp: (waiter: Waiter<T>, why: 'limit' | 'abort') => void,
    borrower: string | undefined,
    place: CallPlace | null,
  ) {
    super();
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = signal;
    this.#onGivenUp = onGivenUp;
    this.borrower = borrower;
    this.place = place;
  }

  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  get abortReason(): unknown {
    return this.#signal?.reason;
  }

  start(timeoutMs: number): void {
    if (this.#signal?.aborted) {
      this.#onGivenUp(this, 'abort');
      return;
    }
    this.#signal?.addEventListener('abort', this.#onAbort);
    if (timeoutMs === Number.POSITIVE_INFINITY) return;
    const now = monotonicMs();
    this.deadlineAt = now + timeoutMs;
    closingClock.add(this, now);
  }

  onDeadline(): void {
    this.#onGivenUp(this, 'limit');
  }

  give(loan: Loan<T>): void {
    this.#end();
    this.#resolve(loan);
  }

  refuse(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  #end(): void {
    this.#isWaiting = false;
    closingClock.remove(this);
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

/** First come, first served. Joining, leaving and being served: O(1). */
export class WaitLine<T> {
  size = 0;
  #first: Waiter<T> | null = null;
  #last: Waiter<T> | null = null;

  join(waiter: Waiter<T>): void {
    waiter.previous = this.#last;
    if (this.#last) this.#last.next = waiter;
    else this.#first = waiter;
    this.#last = waiter;
    this.size++;
  }

  leave(waiter: Waiter<T>): void {
    if (waiter.previous) waiter.previous.next = waiter.next;
    else this.#first = waiter.next;
    if (waiter.next) waiter.next.previous = waiter.previous;
    else this.#last = waiter.previous;
    waiter.next = null;
    waiter.previous = null;
    this.size--;
  }

  /** Takes the first one out. */
  shift(): Waiter<T> | null {
    const first = this.#first;
    if (first) this.leave(first);
    return first;
  }
}
