/** One resource of a pool. It is idle, lent, being checked or being destroyed: whoever has it says which. */
export class Resource<T> {
  readonly value: T;
  /** Number of the sweep after which it was last given back, so that no clock is read for it. */
  usedInSweep = 0;

  constructor(value: T) {
    this.value = value;
  }
}
