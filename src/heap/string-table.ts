const SEGMENT_BYTES = 1 << 22;
const BACKSLASH = 0x5c;
/** Decoded strings that are kept: the names of a census are few hundreds, a path uses tens. */
const CACHE_LIMIT = 65_536;

/**
 * The strings of a snapshot, kept as the bytes of the file and decoded when asked for.
 * A section may exceed the largest JavaScript string: its bytes lie in segments of 4 MiB.
 */
export class StringTable {
  readonly #segments: Buffer[] = [];
  #end = 0;
  #bytes = 0;
  /** Start of each string, modulo 2 ** 32. */
  #starts = new Uint32Array(1024);
  #lengths = new Uint32Array(1024);
  /** Strings from which on starts are 2 ** 32 more. */
  readonly #wraps: number[] = [];
  #length = 0;
  readonly #decoded = new Map<number, string>();
  readonly #found = new Map<string, number>();

  /** Number of strings. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of all strings as they stand in the file, escapes included. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** Bytes that were added, with what stands between strings; for the reader only. */
  get end(): number {
    return this.#end;
  }

  /** Adds bytes of the section as they stand, quotes and commas too; for the reader only. */
  append(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const offset = this.#end % SEGMENT_BYTES;
      if (offset === 0) this.#segments.push(Buffer.allocUnsafeSlow(SEGMENT_BYTES));
      const part = bytes.subarray(at, at + SEGMENT_BYTES - offset);
      this.#segments[this.#segments.length - 1]!.set(part, offset);
      at += part.length;
      this.#end += part.length;
    }
  }

  /** Adds the string whose bytes are, or will be, from `start` on; for the reader only. */
  addString(start: number, length: number): void {
    if (this.#length === this.#starts.length) this.reserve(this.#length * 2);
    if (start >= (this.#wraps.length + 1) * 2 ** 32) this.#wraps.push(this.#length);
    this.#starts[this.#length] = start;
    this.#lengths[this.#length] = length;
    this.#length++;
    this.#bytes += length;
  }

  /** Makes room for so many strings; for the reader only. */
  reserve(strings: number): void {
    if (!(strings > this.#starts.length) || strings >= 2 ** 32) return;
    const [starts, lengths] = [new Uint32Array(strings), new Uint32Array(strings)];
    starts.set(this.#starts.subarray(0, this.#length));
    lengths.set(this.#lengths.subarray(0, this.#length));
    this.#starts = starts;
    this.#lengths = lengths;
  }

  /**
   * The string at an index, `''` outside the table. Its text is untrusted.
   * Cost: one decode, then a map look-up.
   */
  get(index: number): string {
    if (!(index >= 0 && index < this.#length)) return '';
    const known = this.#decoded.get(index);
    if (known !== undefined) return known;
    const text = decode(this.#slice(index));
    if (this.#decoded.size >= CACHE_LIMIT) this.#decoded.clear();
    this.#decoded.set(index, text);
    return text;
  }

  /** Length in bytes of the string at an index, as in the file. Cost: constant. */
  byteLengthAt(index: number): number {
    return this.#lengths[index]!;
  }

  /** Byte of the string at an index, as in the file; -1 past its end. Cost: constant. */
  byteAt(index: number, offset: number): number {
    if (!(offset < this.#lengths[index]!)) return -1;
    const at = this.#startOf(index) + offset;
    return this.#segments[Math.floor(at / SEGMENT_BYTES)]![at % SEGMENT_BYTES]!;
  }

  /** Number of decimal digits that the string at an index starts with. */
  leadingDigits(index: number): number {
    let digits = 0;
    for (let byte = this.byteAt(index, 0); byte >= 0x30 && byte <= 0x39; byte = this.byteAt(index, digits)) digits++;
    return digits;
  }

  /** True when the string at an index is one or more digits. */
  isNumber(index: number): boolean {
    const digits = this.leadingDigits(index);
    return digits > 0 && digits === this.byteLengthAt(index);
  }

  /** The string at an index, which is not kept: for names that are looked at once. */
  peek(index: number): string {
    return decode(this.#slice(index));
  }

  /**
   * Index of the first string equal to `text`, -1 when there is none.
   * Cost: the first call for a text compares the lengths of all strings (2 ns each), later calls are a look-up.
   */
  indexOf(text: string): number {
    const known = this.#found.get(text);
    if (known !== undefined) return known;
    const index = this.#search(text);
    this.#found.set(text, index);
    return index;
  }

  #search(text: string): number {
    const isPlain = /^[ !#-[\]-~]*$/.test(text);
    for (let index = 0; index < this.#length; index++) {
      const bytes = this.byteLengthAt(index);
      if (isPlain ? bytes !== text.length : bytes < text.length) continue;
      if (decode(this.#slice(index)) === text) return index;
    }
    return -1;
  }

  #startOf(index: number): number {
    let start = this.#starts[index]!;
    for (const wrap of this.#wraps) if (index >= wrap) start += 2 ** 32;
    return start;
  }

  #slice(index: number): Buffer {
    const from = this.#startOf(index);
    const length = this.#lengths[index]!;
    const segment = Math.floor(from / SEGMENT_BYTES);
    const offset = from - segment * SEGMENT_BYTES;
    if (offset + length <= SEGMENT_BYTES) {
      return this.#segments[segment]?.subarray(offset, offset + length) ?? Buffer.alloc(0);
    }
    const last = Math.floor((from + length - 1) / SEGMENT_BYTES);
    const parts = this.#segments.slice(segment, last + 1);
    return Buffer.concat(parts).subarray(offset, offset + length);
  }
}

/** V8 writes 7-bit text with escapes; other writers may put UTF-8 in. A broken escape leaves the text as it stands. */
function decode(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!bytes.includes(BACKSLASH)) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}
