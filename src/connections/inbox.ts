import { Deadline, type DeadlineClock } from '../core/index.js';

/** A handler's work on one message: whatever it returns, a promise included. */
export interface Work {
  run(): unknown;
  /** The handler threw, rejected, or was over its time (then without an error). */
  onFailure(error: unknown, isOverTime: boolean): void;
  /** It left the inbox, whichever way. */
  onDone(): void;
  /** False once whoever sent it is cut off: it is then passed over. */
  readonly isWanted: boolean;
}

/**
 * One user's messages, handled one after another in the order of arrival; other users have inboxes of their own. A handler
 * over its time is not waited for any longer.
 */
export class Inbox extends Deadline {
  readonly #clock: DeadlineClock;
  readonly #timeoutMs: number;
  #works: Work[] = [];
  #next = 0;
  #current: Work | null = null;

  constructor(clock: DeadlineClock, timeoutMs: number) {
    super();
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  /** Messages that wait or are being handled. */
  get size(): number {
    return this.#works.length - this.#next + (this.#current === null ? 0 : 1);
  }

  push(work: Work): void {
    this.#works.push(work);
    if (this.#current === null) this.#run();
  }

  /** Stops waiting for what is being handled and passes over the rest. */
  abandon(): void {
    this.#clock.remove(this);
    const current = this.#current;
    const rest = this.#works.slice(this.#next);
    this.#works = [];
    this.#next = 0;
    this.#current = null;
    current?.onDone();
    for (const work of rest) work.onDone();
  }

  onDeadline(): void {
    const work = this.#current;
    if (work === null) return;
    work.onFailure(undefined, true);
    this.#end(work);
    this.#run();
  }

  /** Runs until a handler has to be waited for. */
  #run(): void {
    while (this.#current === null && this.#next < this.#works.length) {
      const work = this.#take();
      if (!work.isWanted) {
        work.onDone();
        continue;
      }
      this.#current = work;
      try {
        const result = work.run();
        if (isThenable(result)) {
          this.#waitFor(work, result);
          return;
        }
      } catch (error) {
        work.onFailure(error, false);
      }
      this.#end(work);
    }
  }

  #take(): Work {
    const work = this.#works[this.#next++]!;
    // Halved when half of it is behind us: O(1) a message, and a burst leaves no long array.
    if (this.#next * 2 > this.#works.length) {
      this.#works = this.#works.slice(this.#next);
      this.#next = 0;
    }
    return work;
  }

  #waitFor(work: Work, result: PromiseLike<unknown>): void {
    const now = performance.now();
    this.deadlineAt = now + this.#timeoutMs;
    this.#clock.add(this, now);
    result.then(
      () => this.#settle(work),
      (error: unknown) => {
        if (this.#current === work) work.onFailure(error, false);
        this.#settle(work);
      },
    );
  }

  #settle(work: Work): void {
    if (this.#current !== work) return;
    this.#clock.remove(this);
    this.#end(work);
    this.#run();
  }

  #end(work: Work): void {
    if (this.#current !== work) return;
    this.#current = null;
    work.onDone();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
