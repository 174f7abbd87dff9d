import { closedError } from './closed-error.js';
import { wholeNumber } from './whole-number.js';

const SLOT_BYTES = 8;
/** What a JavaScript array can hold without becoming a dictionary. */
const MOST_VALUES = 2 ** 25;

/**
 * The last `capacity` values: when it is full, each new value replaces the oldest. Room is taken as values come, so a
 * large capacity costs nothing until it is used. Owned by whoever made it; ends with `close()`.
 *
 * Cost: a push is one store, some 3 ns; 8 bytes a value and what the values themselves hold. Full, it never allocates.
 *
 * @example
 * const lastErrors = new History<Error>(100);
 * lastErrors.push(new Error('first'));
 * console.log(lastErrors.last()?.message, lastErrors.size); // first 1
 */
export class History<T> implements Iterable<T>, Disposable {
  /** Most values that it keeps. */
  readonly capacity: number;
  /** Values in order until it is full; then the oldest is at `#oldest`. */
  #slots: T[] = [];
  #oldest = 0;
  #isClosed = false;

  /**
   * @param capacity from 1 to 2^25
   * @throws RangeError
   */
  constructor(capacity: number) {
    this.capacity = wholeNumber('capacity', capacity, { most: MOST_VALUES });
  }

  get size(): number {
    return this.#slots.length;
  }

  /** Bytes of its slots, without what the values hold. While it fills, V8 keeps up to half as much in reserve. */
  get bytes(): number {
    return this.#slots.length * SLOT_BYTES;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** @throws WatertightError WT_BOUNDED_CLOSED */
  push(value: T): void {
    if (this.#slots.length < this.capacity) {
      this.#fill(value);
      return;
    }
    this.#slots[this.#oldest] = value;
    this.#oldest = this.#oldest + 1 === this.capacity ? 0 : this.#oldest + 1;
  }

  /** The value at `index`: 0 is the oldest, -1 the newest. Undefined where there is none. */
  at(index: number): T | undefined {
    const { length } = this.#slots;
    const age = index < 0 ? length + index : index;
    if (!(age >= 0 && age < length)) return undefined;
    const slot = this.#oldest + age;
    return this.#slots[slot < length ? slot : slot - length];
  }

  /** The newest value. */
  last(): T | undefined {
    return this.at(-1);
  }

  /** Oldest first. What is pushed meanwhile moves it: iterate over `toArray()` then. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let index = 0; index < this.#slots.length; index++) yield this.at(index) as T;
  }

  /** A copy, oldest first. */
  toArray(): T[] {
    return [...this.#slots.slice(this.#oldest), ...this.#slots.slice(0, this.#oldest)];
  }

  /** Forgets all values, and gives their memory back. */
  clear(): void {
    this.#slots = [];
    this.#oldest = 0;
  }

  /**
   * Gives back the reserve that V8 keeps while it fills. Nothing that it holds, or does later, changes.
   * Cost: a copy of the values when it is not full, else nothing.
   */
  trim(): void {
    if (this.#slots.length < this.capacity) this.#slots = this.#slots.slice();
  }

  /** Forgets all values; a push throws from now on. Closing again does nothing. */
  close(): void {
    this.#isClosed = true;
    this.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #fill(value: T): void {
    if (this.#isClosed) throw closedError('push to', 'a history');
    // The reserve goes with the last value that makes it grow: a copy is exactly as long as it has to be.
    if (this.#slots.push(value) === this.capacity) this.#slots = this.#slots.slice();
  }
}
