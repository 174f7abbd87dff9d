import { closingClock, Deadline, monotonicMs } from '../core/index.js';

class IdleWait extends Deadline {
  readonly #end: (wait: IdleWait) => void;

  constructor(end: (wait: IdleWait) => void) {
    super();
    this.#end = end;
  }

  onDeadline(): void {
    this.#end(this);
  }
}

/** Those who wait until no task is left, each with its own patience. */
export class IdleWaits {
  readonly #waits = new Set<IdleWait>();

  /** Resolves when `endAll` is called, at `deadlineAt` (`performance.now()`, ms) at the latest. */
  until(deadlineAt: number): Promise<void> {
    return new Promise((resolve) => {
      const wait = new IdleWait((ended) => {
        this.#waits.delete(ended);
        resolve();
      });
      wait.deadlineAt = deadlineAt;
      this.#waits.add(wait);
      if (deadlineAt < Number.POSITIVE_INFINITY) closingClock.add(wait, monotonicMs());
    });
  }

  endAll(): void {
    for (const wait of this.#waits) {
      closingClock.remove(wait);
      wait.onDeadline();
    }
  }
}
