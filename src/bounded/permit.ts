import type { CallPlace } from '../core/index.js';

/** Where permits come from and go back to. */
export interface PermitSource {
  /** Called once for each permit: when it is released, or found to have been collected. */
  takeBack(loan: Loan, isForgotten: boolean): void;
}

/** What is known of a permit after it is gone. It must not hold the permit, or none would ever be forgotten. */
export class Loan {
  readonly source: PermitSource;
  readonly place: CallPlace | undefined;

  constructor(source: PermitSource, place: CallPlace | undefined) {
    this.source = source;
    this.place = place;
  }
}

const registry = new FinalizationRegistry<Loan>((loan) => loan.source.takeBack(loan, true));

/** The right to be one of the few. Owned by who acquired it; ends with `release()`, or the end of a `using` block. */
export class Permit implements Disposable {
  #loan: Loan | null;

  /** @internal */
  constructor(loan: Loan) {
    this.#loan = loan;
    registry.register(this, loan, loan);
  }

  get isHeld(): boolean {
    return this.#loan !== null;
  }

  /** Gives it back: the next who waits has it. Releasing again does nothing. */
  release(): void {
    const loan = this.#loan;
    if (loan === null) return;
    this.#loan = null;
    registry.unregister(loan);
    loan.source.takeBack(loan, false);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
