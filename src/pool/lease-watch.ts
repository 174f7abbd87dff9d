import { Deadline, DeadlineClock, monotonicMs } from '../core/index.js';
import type { LoanRecord } from './loan.js';
import type { LoanList } from './loan-list.js';

/** Watches of all pools of this thread share one timer, which does not keep the process alive. */
const watches = new DeadlineClock({ keepsAlive: false });

/**
 * Finds loans that last too long. All have the same limit and stand in the order of their lending, so one deadline serves
 * all: it is set for the oldest, and looks who is next when it comes. A loan that comes back in time costs nothing.
 */
export class LeaseWatch<T> extends Deadline {
  readonly #loans: LoanList<T>;
  readonly #leaseTimeoutMs: number;
  readonly #onOverdue: (loan: LoanRecord<T>) => void;
  isSet: boolean;

  constructor(loans: LoanList<T>, leaseTimeoutMs: number, onOverdue: (loan: LoanRecord<T>) => void) {
    super();
    this.#loans = loans;
    this.#leaseTimeoutMs = leaseTimeoutMs;
    this.#onOverdue = onOverdue;
    // Without a limit there is nothing to watch: as if it were set already.
    this.isSet = leaseTimeoutMs === Number.POSITIVE_INFINITY;
  }

  /** For the oldest loan that is not overdue. */
  set(loan: LoanRecord<T>): void {
    this.isSet = true;
    this.deadlineAt = loan.lentAt + this.#leaseTimeoutMs;
    watches.add(this, monotonicMs());
  }

  stop(): void {
    watches.remove(this);
    this.isSet = true;
  }

  onDeadline(): void {
    this.isSet = false;
    const now = monotonicMs();
    const overdue: LoanRecord<T>[] = [];
    let loan = this.#loans.first;
    for (; loan && loan.lentAt + this.#leaseTimeoutMs <= now; loan = loan.next) if (!loan.isOverdue) overdue.push(loan);
    if (loan) this.set(loan);
    for (const one of overdue) this.#onOverdue(one);
  }
}
