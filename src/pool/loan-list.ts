import { holderOf, type LoanRecord } from './loan.js';
import type { Holder } from './options.js';

/** Loans that are out, oldest first. Adding and removing: O(1). */
export class LoanList<T> {
  size = 0;
  first: LoanRecord<T> | null = null;
  #last: LoanRecord<T> | null = null;

  append(loan: LoanRecord<T>): void {
    loan.previous = this.#last;
    if (this.#last) this.#last.next = loan;
    else this.first = loan;
    this.#last = loan;
    this.size++;
  }

  remove(loan: LoanRecord<T>): void {
    if (loan.previous) loan.previous.next = loan.next;
    else this.first = loan.next;
    if (loan.next) loan.next.previous = loan.previous;
    else this.#last = loan.previous;
    loan.next = null;
    loan.previous = null;
    this.size--;
  }

  holders(): Holder[] {
    const holders: Holder[] = [];
    for (let loan = this.first; loan; loan = loan.next) holders.push(holderOf(loan as LoanRecord<unknown>));
    return holders;
  }
}
