import { monotonicMs } from '../core/index.js';

/** Looks at the lock before it first sleeps: ≈ 1 µs, several times what an operation holds it. */
const SPINS = 100;
const FIRST_SLEEP_MS = 0.05;
const LAST_SLEEP_MS = 1;
/** Holders are judged by a system call: not before the lock has had the same holder for as long, and not more often. */
const JUDGE_AFTER_MS = 1;

/** How long to wait for the lock, and when to ask whether its holder lives. Never spins for ever: a holder may be stopped. */
export class LockWait {
  readonly timeoutMs: number;
  /** How often the lock was taken over from a dead holder. */
  takeovers = 0;
  /** Nobody wakes it: `Atomics.wait` on it is a sleep of less than a timer's millisecond. */
  readonly #pillow = new Int32Array(new SharedArrayBuffer(4));
  #spins = 0;
  #sleepMs = FIRST_SLEEP_MS;
  #seen = 0;
  #since = 0;
  #began = 0;
  #isJudged = false;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  start(): void {
    this.#spins = 0;
    this.#sleepMs = FIRST_SLEEP_MS;
    this.#seen = 0;
    this.#isJudged = false;
  }

  /** One pause in sight of this lock word. */
  pause(seen: number): 'look' | 'judge' | 'give up' {
    if (this.#spins++ < SPINS) return 'look';
    const now = monotonicMs();
    if (this.#spins === SPINS + 1) this.#began = now;
    if (now - this.#began >= this.timeoutMs) {
      // However short the time is: a dead holder's lock is taken over, not complained of.
      if (this.#isJudged) return 'give up';
      this.#isJudged = true;
      return 'judge';
    }
    if (seen !== this.#seen) {
      this.#seen = seen;
      this.#since = now;
    }
    const isOld = now - this.#since >= JUDGE_AFTER_MS;
    if (isOld) this.#since = now;
    else Atomics.wait(this.#pillow, 0, 0, this.#sleepMs);
    this.#sleepMs = Math.min(LAST_SLEEP_MS, this.#sleepMs * 1.5);
    return isOld ? 'judge' : 'look';
  }
}
