import { Deadline, type DeadlineClock, monotonicMs } from '../core/index.js';

/** One deadline that can be moved, and what is due then. */
export class Alarm extends Deadline {
  readonly #clock: DeadlineClock;
  #onDue: () => void = () => {};

  constructor(clock: DeadlineClock) {
    super();
    this.#clock = clock;
  }

  /** Instead of what was due before. */
  set(deadlineAt: number, onDue: () => void): void {
    this.#clock.remove(this);
    this.deadlineAt = deadlineAt;
    this.#onDue = onDue;
    this.#clock.add(this, monotonicMs());
  }

  cancel(): void {
    this.#clock.remove(this);
  }

  onDeadline(): void {
    this.#onDue();
  }
}
