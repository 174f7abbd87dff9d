import { monotonicMs } from '../core/index.js';
import type { Encoding } from './encoding.js';
import { recordBytes, writeRecord } from './outbox-record.js';

/** Most bytes that one write takes: 3,500 events of 300 bytes, far more than what makes a sync worth it. */
const MOST_BATCH_BYTES = 2 ** 20;
const FIRST_BATCH_BYTES = 16 * 1024;

/** Who waits for an event to be on the disk. Both may be called again, and then do nothing. */
export interface Intent {
  readonly bytes: number;
  readonly deadlineAt: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Events that go to the disk together. */
export class OutboxBatch {
  readonly intents: Intent[] = [];
  #records = Buffer.allocUnsafeSlow(FIRST_BATCH_BYTES);
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get records(): Buffer {
    return this.#records.subarray(0, this.#bytes);
  }

  add(intent: Intent, encoding: Encoding, id: string, key: string, body: string | Buffer): void {
    const end = this.#bytes + intent.bytes;
    if (end > this.#records.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, this.#records.length * 2));
      this.#records.copy(larger, 0, 0, this.#bytes);
      this.#records = larger;
    }
    this.#bytes = writeRecord(this.#records, this.#bytes, encoding, id, key, body);
    this.intents.push(intent);
  }
}

interface Waiting {
  readonly intent: Intent;
  readonly id: string;
  readonly key: string;
  readonly body: string | Buffer;
}

export interface IntakeLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly maxWaiting: number;
  readonly encoding: Encoding;
  /** Each event in a batch of its own. */
  readonly isSingle: boolean;
  /** Whether the disk may have so many bytes more than those in batches. */
  readonly hasDiskRoom: (bytes: number) => boolean;
  /** An event was not on the disk in time; `isWritten`: perhaps it will be. */
  readonly onLate: (intent: Intent, isWritten: boolean) => void;
}

/** Events on their way to the disk: batches that fill while another is written, and who waits for room, in order. */
export class OutboxIntake {
  readonly #limits: IntakeLimits;
  /** The first may be being written. */
  readonly #batches: OutboxBatch[] = [];
  #line: Waiting[] = [];
  #isWriting = false;
  #events = 0;
  #bytes = 0;
  #alarm: NodeJS.Timeout | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;

  constructor(limits: IntakeLimits) {
    this.#limits = limits;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /** In batches. */
  get events(): number {
    return this.#events;
  }

  get isEmpty(): boolean {
    return this.#events === 0 && this.#line.length === 0;
  }

  get canWait(): boolean {
    return this.#line.length < this.#limits.maxWaiting;
  }

  static bytesOf(id: string, key: string, bodyBytes: number): number {
    return recordBytes(id, key, bodyBytes);
  }

  /** One always fits when nothing is there. */
  hasRoom(bytes: number): boolean {
    if (this.#line.length > 0) return false;
    return this.#fits(bytes);
  }

  add(intent: Intent, id: string, key: string, body: string | Buffer): void {
    let batch = this.#batches.at(-1);
    const isTaken = this.#isWriting && this.#batches.length === 1;
    const { isSingle, encoding } = this.#limits;
    if (!batch || isTaken || isSingle || batch.bytes + intent.bytes > MOST_BATCH_BYTES) {
      batch = new OutboxBatch();
      this.#batches.push(batch);
    }
    batch.add(intent, encoding, id, key, body);
    this.#events++;
    this.#bytes += intent.bytes;
    this.#arm(intent.deadlineAt);
  }

  wait(intent: Intent, id: string, key: string, body: string | Buffer): void {
    // Encoded bytes are good until the next call only.
    this.#line.push({ intent, id, key, body: typeof body === 'string' ? body : Buffer.from(body) });
    this.#arm(intent.deadlineAt);
  }

  /** The batch to write now; it is done by `done()`. */
  next(): OutboxBatch | undefined {
    this.#isWriting = this.#batches.length > 0;
    return this.#batches[0];
  }

  done(): void {
    const batch = this.#batches.shift() as OutboxBatch;
    this.#isWriting = false;
    this.#events -= batch.intents.length;
    this.#bytes -= batch.bytes;
    this.admit();
  }

  /** Lets in who waits longest, in order. */
  admit(): void {
    let admitted = 0;
    for (const { intent, id, key, body } of this.#line) {
      if (!this.#fits(intent.bytes)) break;
      admitted++;
      this.add(intent, id, key, body);
    }
    if (admitted > 0) this.#line.splice(0, admitted);
  }

  /** Who still waits for room waits in vain. */
  refuseLine(error: () => Error): number {
    const refused = this.#line.splice(0);
    for (const { intent } of refused) intent.reject(error());
    return refused.length;
  }

  stop(): void {
    clearTimeout(this.#alarm);
    this.#alarmAt = Number.NEGATIVE_INFINITY;
  }

  #fits(bytes: number): boolean {
    const { maxEvents, maxBytes, hasDiskRoom } = this.#limits;
    if (this.#events > 0 && (this.#events >= maxEvents || this.#bytes + bytes > maxBytes)) return false;
    return hasDiskRoom(this.#bytes + bytes);
  }

  #arm(at: number): void {
    if (at >= this.#alarmAt) return;
    clearTimeout(this.#alarm);
    this.#alarmAt = at;
    this.#alarm = setTimeout(() => this.#expire(), Math.max(at - monotonicMs(), 1)).unref();
  }

  #expire(): void {
    const now = monotonicMs();
    let soonest = Number.POSITIVE_INFINITY;
    const isLate = (intent: Intent, isWritten: boolean) => {
      if (intent.deadlineAt > now) soonest = Math.min(soonest, intent.deadlineAt);
      else this.#limits.onLate(intent, isWritten);
      return intent.deadlineAt <= now;
    };
    for (const batch of this.#batches) for (const intent of batch.intents) isLate(intent, true);
    this.#line = this.#line.filter(({ intent }) => !isLate(intent, false));
    this.#alarmAt = Number.POSITIVE_INFINITY;
    if (soonest < Number.POSITIVE_INFINITY) this.#arm(soonest);
  }
}
