// Waiting across threads and processes: a word in a segment counts how often it was notified; a second one how many wait, so
// that notifying costs no system call when nobody does. `Atomics.wait` sees only the threads of one process, a futex on the
// same word sees all. Who is killed while it waits stays counted: notifying then makes one call more, for nothing.
import { builtin, checkOptionNames, checkSignal, kindOf, WatertightError } from '../core/index.js';
import { native } from '../native/index.js';
import { Segment } from './segment.js';

/** Two words. */
export const SIGNAL_BYTES = 8;

const COUNT = 0;
const WAITING = 1;

/** A round trip between two running processes takes 0.5 µs of spinning; as many looks take about 1 µs. */
const SPINS = 100;
/** Longest sleep in one piece: a segment that was closed, or a holder that was killed, is noticed by then. */
const SLICE_MS = 50;
/** libuv has four threads for all of the process: one of them, for the main thread, may sleep; other waits are made by timers. */
const MOST_ASIDE = builtin.threads.isMainThread && Number(process.env.UV_THREADPOOL_SIZE ?? 4) > 1 ? 1 : 0;
const LAST_POLL_MS = 16;

let aside = 0;

export type WaitResult = 'notified' | 'timeout';

/**
 * Tells others that something changed, and waits until somebody does, over a segment that all of them have open.
 * Read `count`, look at your data, and wait for that count to change: no notification is lost in between.
 *
 * Cost: `notify` 20 ns when nobody waits, else 0.5 µs; a round trip between two processes 3 µs (`bench/shm`).
 *
 * @example
 * const ready = new Signal(segment, 0);
 * let seen = ready.count;
 * while (queueIsEmpty()) {
 *   await ready.waitAsync(seen, { timeoutMs: 1000 });
 *   seen = ready.count;
 * }
 */
export class Signal {
  readonly #segment: Segment;
  readonly #words: Int32Array;
  readonly #address: number;

  /** @param byteOffset of its 8 bytes in the segment, a multiple of 4. @throws TypeError, RangeError */
  constructor(segment: Segment, byteOffset = 0) {
    if (!(segment instanceof Segment)) {
      throw new TypeError(`Signal(segment, byteOffset): segment must be a Segment, not ${kindOf(segment)}`);
    }
    const last = segment.bytes - SIGNAL_BYTES;
    if (!Number.isSafeInteger(byteOffset) || byteOffset < 0 || byteOffset > last || byteOffset % 4 !== 0) {
      throw new RangeError(
        `Signal(segment, byteOffset): byteOffset must be a multiple of 4 from 0 to ${last}, not ${kindOf(byteOffset)}`,
      );
    }
    this.#segment = segment;
    this.#words = new Int32Array(segment.buffer, byteOffset, SIGNAL_BYTES / 4);
    this.#address = segment.address === 0 ? 0 : segment.address + byteOffset;
  }

  /** How often it was notified, as a signed number of 32 bits. */
  get count(): number {
    return Atomics.load(this.#words, COUNT);
  }

  /** Counts one more, and wakes at most `most` of those who wait. */
  notify(most = 2 ** 31 - 1): void {
    this.#checkOpen();
    Atomics.add(this.#words, COUNT, 1);
    if (Atomics.load(this.#words, WAITING) <= 0) return;
    Atomics.notify(this.#words, COUNT, most);
    if (this.#address !== 0) native()?.futexWake(this.#address, most);
  }

  /**
   * Stops this thread until the count is no longer `seen`.
   * @param timeoutMs 0 and more; `Infinity` waits for ever
   * @throws WatertightError WT_SHM_CLOSED when the segment is closed, also meanwhile
   */
  wait(seen: number, timeoutMs = Number.POSITIVE_INFINITY): WaitResult {
    checkWait('Signal.wait(seen, timeoutMs)', seen, timeoutMs);
    this.#checkOpen();
    for (let spin = 0; spin < SPINS; spin++) if (this.count !== seen) return 'notified';
    const deadlineAt = performance.now() + timeoutMs;
    Atomics.add(this.#words, WAITING, 1);
    try {
      while (this.count === seen) {
        const leftMs = deadlineAt - performance.now();
        if (leftMs <= 0) return 'timeout';
        this.#sleep(seen, Math.min(leftMs, SLICE_MS));
        this.#checkOpen();
      }
      return 'notified';
    } finally {
      this.#leave();
    }
  }

  /** The same without stopping this thread, which it keeps alive meanwhile. @throws WatertightError WT_SHM_CLOSED; the reason of `signal` */
  async waitAsync(
    seen: number,
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<WaitResult> {
    const where = 'Signal.waitAsync(seen, options)';
    checkOptionNames(where, options, ['timeoutMs', 'signal']);
    const { timeoutMs = Number.POSITIVE_INFINITY, signal } = options;
    checkWait(where, seen, timeoutMs);
    checkSignal(where, signal);
    this.#checkOpen();
    const deadlineAt = performance.now() + timeoutMs;
    Atomics.add(this.#words, WAITING, 1);
    try {
      for (let pollMs = 1; this.count === seen; pollMs = Math.min(pollMs * 2, LAST_POLL_MS)) {
        signal?.throwIfAborted();
        const leftMs = deadlineAt - performance.now();
        if (leftMs <= 0) return 'timeout';
        await this.#sleepAside(seen, Math.min(leftMs, SLICE_MS), pollMs);
        this.#checkOpen();
      }
      return 'notified';
    } finally {
      this.#leave();
    }
  }

  #sleep(seen: number, timeoutMs: number): void {
    if (this.#address === 0) Atomics.wait(this.#words, COUNT, seen, timeoutMs);
    else native()?.futexWait(this.#address, seen, timeoutMs);
  }

  async #sleepAside(seen: number, timeoutMs: number, pollMs: number): Promise<void> {
    const asleep =
      this.#address !== 0 && aside < MOST_ASIDE ? native()?.futexWaitAside(this.#address, seen, timeoutMs) : null;
    if (!asleep) return void (await new Promise((resolve) => setTimeout(resolve, Math.min(pollMs, timeoutMs))));
    aside++;
    await asleep;
    aside--;
  }

  /** Zero pages are no longer what others wait on. */
  #leave(): void {
    if (this.#segment.isOpen) Atomics.sub(this.#words, WAITING, 1);
  }

  #checkOpen(): void {
    if (this.#segment.isOpen) return;
    throw new WatertightError('WT_SHM_CLOSED', 'Cannot wait on or notify a signal as its segment is closed', {
      hint: 'close a segment after the last use of its signals',
    });
  }
}

function checkWait(where: string, seen: unknown, timeoutMs: unknown): void {
  if (typeof seen !== 'number' || (seen | 0) !== seen) {
    throw new TypeError(`${where}: seen must be a count that was read before, not ${kindOf(seen)}`);
  }
  if (typeof timeoutMs === 'number' && timeoutMs >= 0) return;
  throw new RangeError(`${where}: timeoutMs must be 0 ms or more, not ${kindOf(timeoutMs)}`);
}
