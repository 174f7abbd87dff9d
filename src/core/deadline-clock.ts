import { monotonicMs } from './clock.js';

/** Longest sleep of a clock that keeps the process alive, and so how long it may stay after its last deadline. */
const LINGER_MS = 10;
/** Shortest sleep: a list of deadlines close together is gone through at most 200 times a second. */
const SHORTEST_SLEEP_MS = 5;

/** Something with a deadline, linked into its clock while it waits. Subclass it: the links are the clock's. */
export abstract class Deadline {
  /** `performance.now()` at which `onDeadline` is due, in ms. Set before it is added. */
  deadlineAt = 0;
  nextDeadline: Deadline | null = null;
  previousDeadline: Deadline | null = null;
  /** Called once, at most 10 ms late on a free event loop; the deadline has been taken out before. Must not throw. */
  abstract onDeadline(): void;
}

/**
 * Any number of deadlines on one timer of Node's: adding and removing cost some 10 ns, where setTimeout and clearTimeout
 * cost 86 to 285 ns and 235 bytes each.
 *
 * A clock that `keepsAlive` holds the process while a deadline waits (something is being closed, and its end must be
 * seen); it then wakes every 10 ms, and its timer is left to run out. Any other clock has no timer when it has no deadline.
 */
export class DeadlineClock {
  readonly #keepsAlive: boolean;
  #first: Deadline | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** When the timer fires; Infinity without a timer. */
  #wakesAt = Number.POSITIVE_INFINITY;
  readonly #tick = () => this.#wake();

  constructor({ keepsAlive }: { keepsAlive: boolean }) {
    this.#keepsAlive = keepsAlive;
  }

  /** It has a timer of Node's that waits, which may be one that only runs out. */
  get isTicking(): boolean {
    return this.#timer !== null;
  }

  /** Cost: O(1). */
  add(deadline: Deadline, now: number): void {
    deadline.nextDeadline = this.#first;
    if (this.#first) this.#first.previousDeadline = deadline;
    this.#first = deadline;
    if (this.#timer === null || deadline.deadlineAt < this.#wakesAt) this.#arm(deadline.deadlineAt, now);
  }

  /** Takes out what was added and has not come due. Cost: O(1). */
  remove(deadline: Deadline): void {
    const { previousDeadline: previous, nextDeadline: next } = deadline;
    if (previous) previous.nextDeadline = next;
    else if (this.#first === deadline) this.#first = next;
    else return;
    if (next) next.previousDeadline = previous;
    deadline.nextDeadline = null;
    deadline.previousDeadline = null;
    if (this.#first === null && !this.#keepsAlive) this.#disarm();
  }

  #arm(soonestAt: number, now: number): void {
    const wantedMs = Math.max(soonestAt - now, 1);
    const sleepMs = this.#keepsAlive ? Math.min(wantedMs, LINGER_MS) : wantedMs;
    if (this.#timer !== null && now + sleepMs >= this.#wakesAt) return;
    this.#disarm();
    this.#wakesAt = now + sleepMs;
    // Longer than setTimeout can sleep (2^31 ms) becomes several sleeps.
    this.#timer = setTimeout(this.#tick, Math.min(Math.ceil(sleepMs), 2 ** 31 - 1));
    if (!this.#keepsAlive) this.#timer.unref();
  }

  #disarm(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#wakesAt = Number.POSITIVE_INFINITY;
  }

  /** All that are due are taken out first: what they call may add and remove others. */
  #wake(): void {
    this.#timer = null;
    this.#wakesAt = Number.POSITIVE_INFINITY;
    const now = monotonicMs();
    const due: Deadline[] = [];
    let soonestAt = Number.POSITIVE_INFINITY;
    for (let deadline = this.#first; deadline; deadline = deadline.nextDeadline) {
      if (deadline.deadlineAt <= now) due.push(deadline);
      else if (deadline.deadlineAt < soonestAt) soonestAt = deadline.deadlineAt;
    }
    for (const deadline of due) this.remove(deadline);
    for (const deadline of due) deadline.onDeadline();
    if (this.#first !== null && this.#timer === null) {
      this.#arm(Math.max(soonestAt, now + SHORTEST_SLEEP_MS), now);
    }
  }
}

/** For whatever is being closed anywhere in this thread. */
export const closingClock = new DeadlineClock({ keepsAlive: true });

class Wait extends Deadline {
  #resolve: (end: 'settled' | 'deadline') => void;

  constructor(resolve: (end: 'settled' | 'deadline') => void) {
    super();
    this.#resolve = resolve;
  }

  onDeadline(): void {
    this.#resolve('deadline');
  }

  onSettled(): void {
    closingClock.remove(this);
    this.#resolve('settled');
  }
}

/**
 * Waits for `promise` to settle, either way, but not beyond `deadlineAt` (`performance.now()`, ms). Never rejects; keeps
 * the process alive meanwhile; leaves nothing behind but one reaction on a promise that does not settle.
 */
export function settleBy(promise: PromiseLike<unknown>, deadlineAt: number): Promise<'settled' | 'deadline'> {
  return new Promise((resolve) => {
    const wait = new Wait(resolve);
    wait.deadlineAt = deadlineAt;
    closingClock.add(wait, monotonicMs());
    const settled = () => wait.onSettled();
    promise.then(settled, settled);
  });
}
