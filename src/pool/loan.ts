import { type CallPlace, monotonicMs } from '../core/index.js';
import type { Holder } from './options.js';
import { releasedError } from './refusals.js';
import type { Resource } from './resource.js';

/**
 * One resource in the hands of one borrower, who gives it back by `release()`, `discard()`, or the end of a `using` block.
 */
export interface Loan<T> extends Disposable, AsyncDisposable {
  /** @throws WatertightError WT_POOL_RELEASED once it was given back: it may be in other hands. */
  readonly value: T;
  /** False once it was given back. */
  readonly isHeld: boolean;
  /** Since it was lent, in ms. */
  readonly ageMs: number;
  /**
   * Gives the resource back; the longest waiting acquirer gets it in the same step. Cost: O(1).
   * @throws WatertightError WT_POOL_RELEASED when it was given back before.
   */
  release(): void;
  /** Gives it back to be destroyed, as it does not work any more. @throws as `release` */
  discard(): void;
}

/** What a loan asks of its pool. */
export interface LoanDesk<T> {
  readonly name: string;
  takeBack(loan: LoanRecord<T>): void;
  takeBackBroken(loan: LoanRecord<T>): void;
}

export class LoanRecord<T> implements Loan<T> {
  readonly desk: LoanDesk<T>;
  readonly borrower: string | undefined;
  readonly place: CallPlace | null;
  readonly lentAt: number = monotonicMs();
  /** Null once it was given back. */
  resource: Resource<T> | null;
  next: LoanRecord<T> | null = null;
  previous: LoanRecord<T> | null = null;
  isOverdue = false;

  constructor(desk: LoanDesk<T>, resource: Resource<T>, borrower: string | undefined, place: CallPlace | null) {
    this.desk = desk;
    this.resource = resource;
    this.borrower = borrower;
    this.place = place;
  }

  get value(): T {
    if (this.resource === null) throw releasedError(this.desk.name, 'use', this.borrower);
    return this.resource.value;
  }

  get isHeld(): boolean {
    return this.resource !== null;
  }

  get ageMs(): number {
    return monotonicMs() - this.lentAt;
  }

  release(): void {
    this.desk.takeBack(this);
  }

  discard(): void {
    this.desk.takeBackBroken(this);
  }

  [Symbol.dispose](): void {
    if (this.resource !== null) this.desk.takeBack(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
  }
}

/** Who holds this loan, as plain data. */
export function holderOf(loan: LoanRecord<unknown>): Holder {
  return { borrower: loan.borrower, acquiredAt: loan.place?.text, ageMs: loan.ageMs };
}
