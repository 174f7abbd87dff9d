/** What a child wrote. */
export interface Output {
  /** As UTF-8. With a line `… 123 bytes dropped …` in the place of what is missing. The child's own words: untrusted. */
  readonly text: string;
  /** All that it wrote. */
  readonly bytes: number;
  /** What is not in `text`. */
  readonly droppedBytes: number;
}

/** Of the limit, what is kept of the beginning; the rest is for the end, where errors stand. */
const HEAD_SHARE = 0.25;
const FIRST_BYTES = 4096;

/**
 * The first quarter of a limit and the last three, of however much: a buffer for the head and a ring for the tail.
 * Cost: one copy of each byte; storage doubles up to the limit, and is given back by `take()`.
 */
export class KeptOutput {
  readonly #headLimit: number;
  readonly #tailLimit: number;
  #head = Buffer.alloc(0);
  #headBytes = 0;
  /** Linear until it is as long as its limit, then a ring that begins at `#tailStart`. */
  #tail = Buffer.alloc(0);
  #tailBytes = 0;
  #tailStart = 0;
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#headLimit = Math.floor(limitBytes * HEAD_SHARE);
    this.#tailLimit = limitBytes - this.#headLimit;
  }

  /** Bytes of storage. */
  get storageBytes(): number {
    return this.#head.length + this.#tail.length;
  }

  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    const first = Math.min(chunk.length, this.#headLimit - this.#headBytes);
    if (first > 0) {
      this.#head = roomFor(this.#head, this.#headBytes, first, this.#headLimit);
      this.#head.set(chunk.subarray(0, first), this.#headBytes);
      this.#headBytes += first;
    }
    if (first < chunk.length) this.#pushTail(chunk.subarray(first));
  }

  /** What was kept; empty afterwards. */
  take(): Output {
    const head = this.#head.subarray(0, this.#headBytes);
    const tail = Buffer.concat([
      this.#tail.subarray(this.#tailStart, this.#tailBytes),
      this.#tail.subarray(0, this.#tailStart),
    ]);
    const missing = this.#bytes - head.length - tail.length;
    const output = missing === 0 ? whole(head, tail) : broken(head, tail, this.#bytes);
    this.#head = Buffer.alloc(0);
    this.#tail = Buffer.alloc(0);
    this.#headBytes = this.#tailBytes = this.#tailStart = this.#bytes = 0;
    return output;
  }

  #pushTail(chunk: Uint8Array): void {
    const limit = this.#tailLimit;
    const last = chunk.length > limit ? chunk.subarray(chunk.length - limit) : chunk;
    const linear = Math.min(last.length, limit - this.#tailBytes);
    if (linear > 0) {
      this.#tail = roomFor(this.#tail, this.#tailBytes, linear, limit);
      this.#tail.set(last.subarray(0, linear), this.#tailBytes);
      this.#tailBytes += linear;
    }
    for (let at = linear; at < last.length; ) {
      const part = Math.min(last.length - at, limit - this.#tailStart);
      this.#tail.set(last.subarray(at, at + part), this.#tailStart);
      this.#tailStart = (this.#tailStart + part) % limit;
      at += part;
    }
  }
}

function roomFor(buffer: Buffer<ArrayBuffer>, used: number, more: number, limit: number): Buffer<ArrayBuffer> {
  if (used + more <= buffer.length) return buffer;
  const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(buffer.length * 2, used + more, FIRST_BYTES), limit));
  buffer.copy(larger, 0, 0, used);
  return larger;
}

function whole(head: Buffer, tail: Buffer): Output {
  return { text: Buffer.concat([head, tail]).toString(), bytes: head.length + tail.length, droppedBytes: 0 };
}

/** A character that was cut in two goes with what is dropped. */
function broken(head: Buffer, tail: Buffer, bytes: number): Output {
  const kept = head.subarray(0, wholeLength(head));
  const from = continuationBytes(tail);
  const droppedBytes = bytes - kept.length - (tail.length - from);
  const text = `${kept}\n… ${droppedBytes} bytes dropped …\n${tail.subarray(from)}`;
  return { text, bytes, droppedBytes };
}

/** Length up to the last character that is whole: UTF-8 has at most three bytes after the first of a character. */
function wholeLength(bytes: Buffer): number {
  for (let back = 1; back <= 4 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return needed > back ? bytes.length - back : bytes.length;
  }
  return bytes.length;
}

function continuationBytes(bytes: Buffer): number {
  let count = 0;
  while (count < 3 && count < bytes.length && (bytes[count]! & 0xc0) === 0x80) count++;
  return count;
}
