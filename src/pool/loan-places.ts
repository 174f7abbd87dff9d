import { CallPlace } from '../core/index.js';

/** Of a pool's first loans: a leak that is there from the start. */
const FIRST = 128;
/** One loan in so many at rest. A place takes some 10 µs: 10 ns a loan, where one in 128 was a fifth of its cost. */
const SAMPLED = 1_024;
/** After something went wrong: a borrower that forgets once will forget again. */
const WATCHFUL = 1_024;

/** Decides which loans remember the line that took them. */
export class LoanPlaces {
  readonly #sites: 'off' | 'sampled' | 'always';
  #due = FIRST;
  #count = 0;

  constructor(sites: 'off' | 'sampled' | 'always') {
    this.#sites = sites;
  }

  /** The caller of `below`, or null when this loan is not one of those. */
  // biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace takes any function.
  take(below: Function): CallPlace | null {
    if (this.#sites === 'off') return null;
    if (this.#sites === 'always') return new CallPlace(below);
    if (this.#due > 0) this.#due--;
    else if (++this.#count % SAMPLED !== 0) return null;
    return new CallPlace(below);
  }

  /** A loan was overdue, or an acquirer waited in vain: looks at every loan for a while. */
  watch(): void {
    this.#due = WATCHFUL;
  }
}
