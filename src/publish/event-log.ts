import type { Outgoing } from './transport.js';

/** Bytes of a chunk: some 200 events of 300 bytes, taken and given back at once. A larger event has a chunk of its own. */
const CHUNK_BYTES = 64 * 1024;
const FIRST_CAPACITY = 16;
/** A deadline is kept in 16 ms since the start, in 32 bits: two years. */
const TICK_MS = 16;
const NO_DEADLINE = 0xffffffff;

const SETTLED = 1;
const MAYBE_STORED = 2;
const RETRIED = 4;

/** How an event ends: its promise and what resolves it; none when nobody waits for it. */
export interface Waiter {
  readonly promise: Promise<unknown>;
  readonly resolve: (value: unknown) => void;
}

/**
 * First in, first out: encoded events and who waits for them. The bytes lie in chunks outside of V8's heap, the rest in
 * columns: 41 bytes an event beside its promise (160). What is settled before its turn stays as a gap until it is passed or
 * `closeGaps()`.
 */
export class EventLog {
  #first = 0;
  #count = 0;
  #capacity = FIRST_CAPACITY;
  #startedAt: number;
  #chunks: Buffer[] = [];
  /** Number of the first chunk; numbers wrap at 2^16, which no buffer has chunks for. */
  #firstChunk = 0;
  #usedOfLast = 0;
  /** Of the chunks, and what entries have of them. */
  #chunkBytes = 0;
  #usedBytes = 0;

  #promises: (Promise<unknown> | undefined)[] = new Array(FIRST_CAPACITY);
  #resolves: (((value: unknown) => void) | undefined)[] = new Array(FIRST_CAPACITY);
  #starts = new Int32Array(FIRST_CAPACITY);
  #bodyBytes = new Int32Array(FIRST_CAPACITY);
  #deadlines = new Uint32Array(FIRST_CAPACITY);
  #chunkNumbers = new Uint16Array(FIRST_CAPACITY);
  #idBytes = new Uint8Array(FIRST_CAPACITY);
  #keyBytes = new Uint8Array(FIRST_CAPACITY);
  #flags = new Uint8Array(FIRST_CAPACITY);
  /** Order of acceptance over all lanes, or the place in the outbox. */
  #orders = new Float64Array(FIRST_CAPACITY);
  #gaps = 0;

  constructor(now: number) {
    this.#startedAt = now;
  }

  /** Entries, gaps among them. */
  get count(): number {
    return this.#count;
  }

  /** Bytes outside of the heap that are taken. */
  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  /**
   * @param bodyBytes of `body` as UTF-8, when it is a text
   * @param deadlineAt Infinity for never
   */
  push(
    order: number,
    id: string,
    key: string,
    body: string | Buffer,
    bodyBytes: number,
    deadlineAt: number,
    waiter?: Waiter,
  ): void {
    if (this.#count === this.#capacity) this.#grow();
    const at = this.#slot(this.#count);
    const keyBytes = Buffer.byteLength(key);
    const bytes = id.length + keyBytes + bodyBytes;
    const start = this.#reserve(bytes);
    this.#usedBytes += bytes;
    const chunk = this.#chunks[this.#chunks.length - 1] as Buffer;
    writeLatin1(chunk, id, start);
    // As many bytes as letters: it is ASCII.
    if (keyBytes === key.length) writeLatin1(chunk, key, start + id.length);
    else chunk.write(key, start + id.length, 'utf8');
    if (typeof body === 'string') chunk.write(body, start + id.length + keyBytes, 'utf8');
    else body.copy(chunk, start + id.length + keyBytes);
    this.#starts[at] = start;
    this.#bodyBytes[at] = bodyBytes;
    this.#idBytes[at] = id.length;
    this.#keyBytes[at] = keyBytes;
    this.#chunkNumbers[at] = this.#firstChunk + this.#chunks.length - 1;
    this.#deadlines[at] = Math.min(Math.ceil((deadlineAt - this.#startedAt) / TICK_MS), NO_DEADLINE);
    this.#flags[at] = 0;
    this.#orders[at] = order;
    this.#promises[at] = waiter?.promise;
    this.#resolves[at] = waiter?.resolve;
    this.#count++;
  }

  /** The event that is `index` behind the first. */
  outgoing(index: number): Outgoing {
    const at = this.#slot(index);
    const idStart = this.#starts[at];
    const keyStart = idStart + this.#idBytes[at];
    const bodyStart = keyStart + this.#keyBytes[at];
    const isRedelivery = (this.#flags[at] & RETRIED) !== 0;
    return new LoggedEvent(this.#chunkOf(at), idStart, keyStart, bodyStart, this.#bodyBytes[at], isRedelivery);
  }

  bytesAt(index: number): number {
    return this.#bodyBytes[this.#slot(index)];
  }

  isSettled(index: number): boolean {
    return (this.#flags[this.#slot(index)] & SETTLED) !== 0;
  }

  /** Whether an attempt ended without telling. */
  mayBeStored(index: number): boolean {
    return (this.#flags[this.#slot(index)] & MAYBE_STORED) !== 0;
  }

  /** Whether somebody waits for the broker's word. */
  isAwaited(index: number): boolean {
    return this.#promises[this.#slot(index)] !== undefined;
  }

  orderAt(index: number): number {
    return this.#orders[this.#slot(index)];
  }

  deadlineAt(index: number): number {
    const ticks = this.#deadlines[this.#slot(index)];
    return ticks === NO_DEADLINE ? Number.POSITIVE_INFINITY : this.#startedAt + ticks * TICK_MS;
  }

  /** The one pushed last may have been sent by an earlier process. */
  markLastRetried(): void {
    this.#flags[this.#slot(this.#count - 1)] |= RETRIED | MAYBE_STORED;
  }

  noteAttempt(index: number, mayBeStored: boolean): void {
    this.#flags[this.#slot(index)] |= mayBeStored ? RETRIED | MAYBE_STORED : RETRIED;
  }

  /** Takes the waiter, if there is one; what is left is a gap. */
  settle(index: number): Waiter | undefined {
    const at = this.#slot(index);
    if ((this.#flags[at] & SETTLED) === 0) this.#gaps++;
    this.#flags[at] |= SETTLED;
    const promise = this.#promises[at];
    const resolve = this.#resolves[at];
    this.#promises[at] = undefined;
    this.#resolves[at] = undefined;
    return promise && resolve ? { promise, resolve } : undefined;
  }

  /** Passes the gaps at the front. */
  passGaps(): void {
    while (this.#count > 0 && this.isSettled(0)) {
      this.#usedBytes -= this.#allBytesAt(this.#first);
      this.#first = (this.#first + 1) % this.#capacity;
      this.#count--;
      this.#gaps--;
    }
    this.#releaseChunks();
  }

  /** Moves the others together, from `from` on. Cost: O(count), nothing without gaps. */
  closeGaps(from = 0): void {
    if (this.#gaps === 0) return;
    let kept = from;
    for (let index = from; index < this.#count; index++) {
      if (this.isSettled(index)) {
        this.#usedBytes -= this.#allBytesAt(this.#slot(index));
        continue;
      }
      if (kept !== index) this.#move(this.#slot(index), this.#slot(kept));
      kept++;
    }
    this.#gaps -= this.#count - kept;
    this.#count = kept;
    this.#releaseChunks();
    this.#compact();
  }

  #slot(index: number): number {
    const at = this.#first + index;
    return at < this.#capacity ? at : at - this.#capacity;
  }

  #chunkOf(at: number): Buffer {
    return this.#chunks[(this.#chunkNumbers[at] - this.#firstChunk) & 0xffff] as Buffer;
  }

  /** Id, key and body. */
  #allBytesAt(at: number): number {
    return this.#idBytes[at] + this.#keyBytes[at] + this.#bodyBytes[at];
  }

  #reserve(bytes: number): number {
    const last = this.#chunks[this.#chunks.length - 1];
    if (last && this.#usedOfLast + bytes <= last.length) {
      this.#usedOfLast += bytes;
      return this.#usedOfLast - bytes;
    }
    const chunk = Buffer.allocUnsafeSlow(Math.max(bytes, CHUNK_BYTES));
    this.#chunks.push(chunk);
    this.#chunkBytes += chunk.length;
    this.#usedOfLast = bytes;
    return 0;
  }

  /** Chunks before that of the first entry hold nothing any more; the last one is written on. */
  #releaseChunks(): void {
    const free =
      this.#count > 0 ? (this.#chunkNumbers[this.#first] - this.#firstChunk) & 0xffff : this.#chunks.length - 1;
    if (free <= 0) return;
    for (const chunk of this.#chunks.splice(0, free)) this.#chunkBytes -= chunk.length;
    this.#firstChunk = (this.#firstChunk + free) & 0xffff;
  }

  /**
   * What stays at the front, as no answer comes, holds all chunks behind it, and those that were dropped leave holes there. When
   * less than half is used, entries move to chunks of their own: a copy for each byte that was dropped, about.
   */
  #compact(): void {
    if (this.#chunkBytes <= 2 * (this.#usedBytes + CHUNK_BYTES)) return;
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#chunkBytes = 0;
    for (let index = 0; index < this.#count; index++) {
      const at = this.#slot(index);
      const from = chunks[(this.#chunkNumbers[at] - this.#firstChunk) & 0xffff] as Buffer;
      const bytes = this.#allBytesAt(at);
      const start = this.#reserve(bytes);
      from.copy(this.#chunks[this.#chunks.length - 1] as Buffer, start, this.#starts[at], this.#starts[at] + bytes);
      this.#starts[at] = start;
      this.#chunkNumbers[at] = this.#firstChunk + this.#chunks.length - 1;
    }
  }

  #move(from: number, to: number): void {
    this.#promises[to] = this.#promises[from];
    this.#resolves[to] = this.#resolves[from];
    this.#promises[from] = undefined;
    this.#resolves[from] = undefined;
    this.#starts[to] = this.#starts[from];
    this.#bodyBytes[to] = this.#bodyBytes[from];
    this.#deadlines[to] = this.#deadlines[from];
    this.#chunkNumbers[to] = this.#chunkNumbers[from];
    this.#idBytes[to] = this.#idBytes[from];
    this.#keyBytes[to] = this.#keyBytes[from];
    this.#flags[to] = this.#flags[from];
    this.#orders[to] = this.#orders[from];
  }

  #grow(): void {
    const capacity = Math.ceil(this.#capacity * 1.5);
    const moved = <Column extends { [index: number]: unknown }>(old: Column, column: Column): Column => {
      for (let index = 0; index < this.#count; index++) column[index] = old[this.#slot(index)];
      return column;
    };
    this.#promises = moved(this.#promises, new Array(capacity));
    this.#resolves = moved(this.#resolves, new Array(capacity));
    this.#starts = moved(this.#starts, new Int32Array(capacity));
    this.#bodyBytes = moved(this.#bodyBytes, new Int32Array(capacity));
    this.#deadlines = moved(this.#deadlines, new Uint32Array(capacity));
    this.#chunkNumbers = moved(this.#chunkNumbers, new Uint16Array(capacity));
    this.#idBytes = moved(this.#idBytes, new Uint8Array(capacity));
    this.#keyBytes = moved(this.#keyBytes, new Uint8Array(capacity));
    this.#flags = moved(this.#flags, new Uint8Array(capacity));
    this.#orders = moved(this.#orders, new Float64Array(capacity));
    this.#first = 0;
    this.#capacity = capacity;
  }
}

/** Some letters are there sooner than a call of `write` begins: 0.02 instead of 0.1 µs. */
function writeLatin1(chunk: Buffer, text: string, start: number): void {
  const { length } = text;
  for (let index = 0; index < length; index++) chunk[start + index] = text.charCodeAt(index);
}

/** Reads from its chunk what a transport asks for. */
class LoggedEvent implements Outgoing {
  readonly #chunk: Buffer;
  readonly #idStart: number;
  readonly #keyStart: number;
  readonly #bodyStart: number;
  readonly #bodyBytes: number;
  readonly isRedelivery: boolean;

  constructor(
    chunk: Buffer,
    idStart: number,
    keyStart: number,
    bodyStart: number,
    bodyBytes: number,
    isRedelivery: boolean,
  ) {
    this.#chunk = chunk;
    this.#idStart = idStart;
    this.#keyStart = keyStart;
    this.#bodyStart = bodyStart;
    this.#bodyBytes = bodyBytes;
    this.isRedelivery = isRedelivery;
  }

  get id(): string {
    return this.#chunk.toString('latin1', this.#idStart, this.#keyStart);
  }

  get key(): string {
    return this.#chunk.toString('utf8', this.#keyStart, this.#bodyStart);
  }

  get body(): Buffer {
    return this.#chunk.subarray(this.#bodyStart, this.#bodyStart + this.#bodyBytes);
  }

  get text(): string {
    return this.#chunk.toString('utf8', this.#bodyStart, this.#bodyStart + this.#bodyBytes);
  }
}
