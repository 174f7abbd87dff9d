/** What a limit belongs to, outermost first. */
export type LimitOf = 'start-up' | 'critical path' | 'phase' | 'step';

/**
 * A time limit inside other time limits: it ends at its own end or at the soonest end of what it lies in, whichever comes
 * first, so a child never outlives its parent's remainder. Times are `performance.now()` in ms.
 */
export class Budget {
  readonly of: LimitOf;
  /** As it was asked for, extensions included, without regard to the parents. */
  timeoutMs: number;
  readonly startedAt: number;
  readonly #parents: readonly Budget[];

  constructor(of: LimitOf, timeoutMs: number, startedAt: number, ...parents: Budget[]) {
    this.of = of;
    this.timeoutMs = timeoutMs;
    this.startedAt = startedAt;
    this.#parents = parents;
  }

  /** The budget whose end comes first: this one, unless a parent's is sooner. */
  get decider(): Budget {
    let soonest: Budget = this;
    for (const parent of this.#parents) {
      const { decider } = parent;
      if (decider.startedAt + decider.timeoutMs < soonest.startedAt + soonest.timeoutMs) soonest = decider;
    }
    return soonest;
  }

  get endsAt(): number {
    const { startedAt, timeoutMs } = this.decider;
    return startedAt + timeoutMs;
  }

  /** What it gets in fact: at most `timeoutMs`, 0 when nothing was left of its parents. */
  get grantedMs(): number {
    return Math.max(0, this.endsAt - this.startedAt);
  }

  /** `ms` from `now` on, for what still makes progress. Never makes it shorter; the parents stay as they are. */
  extend(ms: number, now: number): void {
    this.timeoutMs = Math.max(this.timeoutMs, now + ms - this.startedAt);
  }
}
