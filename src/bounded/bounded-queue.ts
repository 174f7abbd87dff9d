import { checkCallback, checkOptionNames, checkSignal, kindOf, WatertightError } from '../core/index.js';
import { closedError } from './closed-error.js';
import { Deque } from './deque.js';
import { plainName } from './plain-name.js';
import { WaitingLine } from './waiting-line.js';
import { wholeNumber, wholeOrInfinite } from './whole-number.js';

/** What `push` does when the queue is full. */
export type Overflow = 'block' | 'drop-oldest' | 'drop-newest' | 'reject';

const OVERFLOWS: readonly string[] = ['block', 'drop-oldest', 'drop-newest', 'reject'];
interface QueueOptions<T> {
  /** For messages. Default `queue`. */
  readonly name?: string;
  /** Most bytes of all values together, by `sizeOf`. No limit by default. */
  readonly limitBytes?: number;
  /** Bytes of a value, a whole number from 0; asked once, when it is pushed. */
  readonly sizeOf?: (value: T) => number;
  /** Most pushers, and most takers, that wait; who comes then gets `WT_BOUNDED_FULL`. No limit by default. */
  readonly waitingLimit?: number;
}

/** `limitBytes` takes a `sizeOf`. */
export type BoundedQueueOptions<T> = QueueOptions<T> &
  ({ readonly limitBytes?: undefined } | { readonly sizeOf: (value: T) => number });

interface Offer<T> {
  readonly value: T;
  readonly bytes: number;
}

/**
 * First in, first out, at most `limit` values, and a stated rule for the one that does not fit:
 *
 * | overflow      | `push` on a full queue                                                     |
 * | ------------- | -------------------------------------------------------------------------- |
 * | `block`       | gives a promise that resolves when the value is in; pushers stay in order   |
 * | `drop-oldest` | drops the oldest values until the new one fits                             |
 * | `drop-newest` | drops the new value and returns false                                      |
 * | `reject`      | throws `WT_BOUNDED_FULL`                                                   |
 *
 * Everyone who waits is settled: answered, cancelled by their signal, or by `close()`. Owned by whoever made it.
 *
 * Cost: O(1) for each call; storage follows what is held, 8 bytes a value (16 with `sizeOf`), and is given back.
 *
 * @example
 * const queue = new BoundedQueue<string>(100, 'block');
 * await queue.push('first');
 * queue.close();
 * for await (const line of queue) console.log(line); // first
 */
export class BoundedQueue<T> implements AsyncIterable<T>, Disposable {
  readonly limit: number;
  readonly limitBytes: number;
  readonly overflow: Overflow;
  readonly name: string;
  readonly #waitingLimit: number;
  readonly #sizeOf: ((value: T) => number) | undefined;
  readonly #values = new Deque<T>();
  /** Bytes of each value; none without `sizeOf`. */
  readonly #sizes = new Deque<number>();
  /** Pushers wait only while the first of them does not fit, takers only while nothing is there. */
  readonly #pushers = new WaitingLine<Offer<T>, true>(() => this.#admit());
  readonly #takers = new WaitingLine<undefined, IteratorResult<T, undefined>>();
  #bytes = 0;
  #dropped = 0;
  #isClosed = false;

  /**
   * @param limit most values, from 1
   * @throws TypeError, RangeError
   */
  constructor(limit: number, overflow: Overflow, options: BoundedQueueOptions<T> = {}) {
    checkOptionNames('BoundedQueue', options, ['name', 'limitBytes', 'sizeOf', 'waitingLimit']);
    const { name = 'queue', limitBytes = Number.POSITIVE_INFINITY, sizeOf } = options;
    checkCallback('BoundedQueue', 'sizeOf', sizeOf);
    this.limit = wholeNumber('limit', limit);
    if (!OVERFLOWS.includes(overflow)) {
      throw new RangeError(`overflow must be ${OVERFLOWS.join(', ')}, got ${kindOf(overflow)}`);
    }
    this.overflow = overflow;
    this.limitBytes = wholeOrInfinite('limitBytes', limitBytes);
    if (sizeOf === undefined && this.limitBytes !== Number.POSITIVE_INFINITY) {
      throw new TypeError('sizeOf must be a function when limitBytes is given, got undefined');
    }
    this.#sizeOf = sizeOf;
    this.#waitingLimit = wholeOrInfinite('waitingLimit', options.waitingLimit ?? Number.POSITIVE_INFINITY);
    this.name = plainName('BoundedQueue', name);
  }

  /** Values that can be taken. */
  get size(): number {
    return this.#values.size;
  }

  /** Bytes of these values, by `sizeOf`; 0 without. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Values that were dropped because the queue was full. */
  get dropped(): number {
    return this.#dropped;
  }

  get waitingPushers(): number {
    return this.#pushers.size;
  }

  get waitingTakers(): number {
    return this.#takers.size;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Adds a value. True when it is in (or with a taker already), false when it was dropped; a promise only when it has
   * to wait, which rejects with the signal's reason when that aborts first.
   * @throws WatertightError WT_BOUNDED_CLOSED; WT_BOUNDED_FULL (`reject`, or too many wait); WT_BOUNDED_TOO_LARGE when
   * the value alone exceeds `limitBytes`; the reason of a signal that has aborted already; TypeError when it is no signal
   */
  push(value: T, signal?: AbortSignal): boolean | Promise<boolean> {
    if (signal !== undefined) checkSignal('push()', signal);
    if (this.#isClosed) throw closedError('push to', this.name);
    signal?.throwIfAborted();
    const bytes = this.#sizeOf === undefined ? 0 : this.#measure(value);
    if (this.#pushers.size === 0 && this.#fits(bytes)) {
      this.#accept(value, bytes);
      return true;
    }
    switch (this.overflow) {
      case 'block':
        if (this.#pushers.size >= this.#waitingLimit) throw this.#full(`${this.#pushers.size} pushers wait`);
        return this.#pushers.wait({ value, bytes }, signal);
      case 'drop-oldest':
        while (!this.#fits(bytes)) {
          this.#remove();
          this.#dropped++;
        }
        this.#accept(value, bytes);
        return true;
      case 'drop-newest':
        this.#dropped++;
        return false;
      case 'reject':
        throw this.#full(this.#fullness());
    }
  }

  /**
   * The oldest value, when there is one.
   * @throws WatertightError WT_BOUNDED_CLOSED when the queue is closed and empty; WT_BOUNDED_FULL when too many wait;
   * the signal's reason when that aborts first: no value is lost by it; TypeError when it is no signal
   */
  async take(signal?: AbortSignal): Promise<T> {
    if (signal !== undefined) checkSignal('take()', signal);
    const taken = await this.#next(signal);
    if (taken.done) throw closedError('take from', this.name);
    return taken.value;
  }

  /** The oldest value; undefined when there is none now. */
  tryTake(): T | undefined {
    if (this.#values.size === 0) return undefined;
    const value = this.#remove();
    this.#admit();
    return value;
  }

  /** Takes values as they come; ends when the queue is closed and empty. Several iterators share the values. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    return {
      next: () => this.#next(undefined),
      return: () => Promise.resolve({ done: true, value: undefined }),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Takes out all values, which are not counted as dropped; pushers that wait come in. Returns how many went. */
  clear(): number {
    const { size } = this.#values;
    this.#values.clear();
    this.#sizes.clear();
    this.#bytes = 0;
    this.#admit();
    return size;
  }

  /** Gives back storage beyond what is held; it also shrinks by itself, to four times that. Changes nothing else. */
  trim(): void {
    this.#values.trim();
    this.#sizes.trim();
  }

  /**
   * Ends it: pushers that wait are refused, values that are in can still be taken, then takers get the end.
   * Closing again does nothing.
   */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#pushers.refuseAll(() => closedError('push to', this.name));
    for (let taker = this.#takers.shift(); taker; taker = this.#takers.shift()) {
      taker.answer({ done: true, value: undefined });
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #next(signal: AbortSignal | undefined): Promise<IteratorResult<T, undefined>> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#values.size > 0) return Promise.resolve({ done: false, value: this.tryTake() as T });
    if (this.#isClosed) return Promise.resolve({ done: true, value: undefined });
    if (this.#takers.size >= this.#waitingLimit) {
      return Promise.reject(this.#full(`${this.#takers.size} takers wait`));
    }
    return this.#takers.wait(undefined, signal);
  }

  #fits(bytes: number): boolean {
    return this.#values.size < this.limit && this.#bytes + bytes <= this.limitBytes;
  }

  #accept(value: T, bytes: number): void {
    const taker = this.#takers.shift();
    if (taker) {
      taker.answer({ done: false, value });
      return;
    }
    this.#values.push(value);
    if (this.#sizeOf === undefined) return;
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  #remove(): T {
    if (this.#sizeOf !== undefined) this.#bytes -= this.#sizes.shift()!;
    return this.#values.shift() as T;
  }

  /** Lets in the pushers that fit, the first ones first: nobody overtakes one who waits for more room. */
  #admit(): void {
    for (let { first } = this.#pushers; first && this.#fits(first.item.bytes); first = this.#pushers.first) {
      const { item } = this.#pushers.shift()!;
      this.#accept(item.value, item.bytes);
      first.answer(true);
    }
  }

  #measure(value: T): number {
    const bytes = wholeNumber('size of a value', this.#sizeOf!(value), { least: 0 });
    if (bytes <= this.limitBytes) return bytes;
    throw new WatertightError(
      'WT_BOUNDED_TOO_LARGE',
      `Cannot push ${bytes} bytes to ${this.name} as it takes ${this.limitBytes} in all`,
      { hint: 'raise the limit, or split the value', details: { bytes, limitBytes: this.limitBytes } },
    );
  }

  #fullness(): string {
    if (this.#values.size >= this.limit) return `${this.#values.size} of ${this.limit} values are in`;
    return `${this.#bytes} of ${this.limitBytes} bytes are in`;
  }

  #full(why: string): WatertightError {
    return new WatertightError('WT_BOUNDED_FULL', `Cannot use ${this.name} as ${why}`, {
      hint: 'take faster, push slower, or choose another overflow',
      details: { size: this.#values.size, limit: this.limit, bytes: this.#bytes },
    });
  }
}
