import { HEADER_BYTES, recordAt, recordEnd } from './outbox-record.js';
import type { OutboxSegment } from './outbox-segment.js';

/** Who takes events out of the outbox, as far as it has room. */
export interface OutboxTaker {
  hasRoom(bytes: number): boolean;
  take(place: number, id: string, key: string, body: Buffer, isRedelivery: boolean): void;
}

interface Part {
  readonly segment: OutboxSegment;
  readonly records: Buffer;
  readonly start: number;
  readonly next: number;
  /** In `records`: of the first that was not handed on. */
  at: number;
}

/** Hands events on in the order in which they were accepted: what was just written from memory, the rest from the disk. */
export class OutboxFeed {
  readonly #segments: readonly OutboxSegment[];
  readonly #taker: OutboxTaker;
  /** What is next: a segment by its number, and an offset in it. */
  #number = 0;
  #offset = HEADER_BYTES;
  #part: Part | undefined;
  #isReading = false;

  /** @param segments the outbox's own list, oldest first */
  constructor(segments: readonly OutboxSegment[], taker: OutboxTaker) {
    this.#segments = segments;
    this.#taker = taker;
  }

  /** What was written last: handed on now, if it is its turn; else it is read again when it is. */
  offer(segment: OutboxSegment, start: number, records: Buffer): void {
    if (this.#isReading || this.#part || this.#next() !== segment || this.#offset !== start) return;
    this.#part = { segment, records, start, next: start + records.length, at: 0 };
    this.#hand(this.#part);
  }

  /** Hands on what there is room for. @throws as the file system */
  async run(isStopped: () => boolean): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      while (!isStopped()) {
        if (this.#part && !this.#hand(this.#part)) return;
        const segment = this.#next();
        if (!segment) return;
        // What is full needs nothing from the disk.
        if (!this.#taker.hasRoom(0)) return;
        const { records, start, next } = await segment.read(this.#offset);
        this.#part = { segment, records, start, next, at: 0 };
      }
    } finally {
      this.#isReading = false;
    }
  }

  /** @returns whether all of it was handed on */
  #hand(part: Part): boolean {
    const { segment, records, start, next } = part;
    while (part.at < records.length) {
      const offset = start + part.at;
      if (!segment.wasAcknowledged(offset)) {
        const { id, key, body } = recordAt(records, part.at);
        if (!this.#taker.hasRoom(body.length)) return false;
        segment.unfed--;
        this.#taker.take(segment.base + offset, id, key, body, segment.isOld);
      }
      part.at = recordEnd(records, part.at);
    }
    this.#part = undefined;
    this.#number = segment.number;
    this.#offset = next;
    if (next >= segment.bytes && segment.unfed > 0) segment.giveUpUnfed();
    return true;
  }

  /** The segment to read from; undefined when all was handed on. */
  #next(): OutboxSegment | undefined {
    for (const segment of this.#segments) {
      if (segment.number < this.#number) continue;
      if (segment.number > this.#number) {
        this.#number = segment.number;
        this.#offset = HEADER_BYTES;
      }
      if (this.#offset < segment.bytes) return segment;
    }
    return undefined;
  }
}
