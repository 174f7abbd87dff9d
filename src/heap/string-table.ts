import { growTo, instantiate, MOST_PAGES, PAGE_BYTES, wasmMemory } from './wasm-module.js';

// Shared with wasm/strings.as.ts: change both.
const BATCH = 8_192;
const STARTS = 65_536;
const ENTRIES = 131_072;
const KEY_IDS = 163_840;
const TABLE_IDS = 229_376;
const PATTERNS = 294_912;
const PATTERN = 64;
const TEXT = 327_680;
const PAGES = 6;
const MOST_BYTES = MOST_PAGES * PAGE_BYTES;
const [ENDED, FULL, CLOSED] = [0, 1, 2];
/** What a name of an entry of a WeakMap has before its key, between key and value, and behind its value. */
const ENTRY_PATTERNS = [' / part of key (', ') -> value (', ') pair in WeakMap (table @'];
/** Bytes that the text grows by at least: it is read by loads of 16 bytes, which may end behind it. */
const STEP = 1 << 20;

/** Bytes that are searched at once: `Buffer.indexOf` has offsets of 31 bits. */
const SEARCHED = 1 << 30;
/** Text that stands in the file as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** Bytes between two strings that are walked over each time: V8 writes three. */
const FEW_STEPS = 16;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Decoded strings that are kept: the names of a census are few hundreds, a path uses tens. */
const CACHE_LIMIT = 65_536;

interface Global {
  readonly value: number;
}

interface Machine {
  readonly at: Global;
  readonly count: Global;
  readonly entries: Global;
  open(from: number): void;
  flush(): void;
  scan(end: number): number;
}

/** Names of entries of WeakMaps as they were found, some at a time, by rising index. */
export interface EntryNames {
  /** Index of the string that the rows count from. */
  readonly first: number;
  readonly rows: Uint32Array;
  readonly keyIds: Float64Array;
  readonly tableIds: Float64Array;
}

/**
 * The strings of a snapshot, kept as the bytes of the file and decoded when asked for.
 * A section may exceed the largest JavaScript string: its bytes lie in a memory of WebAssembly.
 */
export class StringTable {
  readonly #memory = wasmMemory(PAGES, MOST_PAGES);
  readonly #machine = instantiate('strings', this.#memory) as Machine;
  /** The memory's bytes; those of the section from TEXT on. */
  #text = Buffer.from(this.#memory.buffer);
  #end = TEXT;
  /** Address of each string, behind its quote. */
  #starts = new Uint32Array(1024);
  #length = 0;
  /** Where a string closes, by index, when the next one is far off. */
  readonly #farCloses = new Map<number, number>();
  readonly #entryNames: EntryNames[] = [];
  readonly #decoded = new Map<number, string>();
  readonly #found = new Map<string, number>();

  constructor() {
    for (const [i, pattern] of ENTRY_PATTERNS.entries()) {
      this.#text[PATTERNS + i * PATTERN] = pattern.length;
      this.#text.write(pattern, PATTERNS + i * PATTERN + 1, 'latin1');
    }
  }

  /** Number of strings. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of all strings as they stand in the file, escapes included. */
  get byteLength(): number {
    let bytes = 0;
    for (let index = 0; index < this.#length; index++) bytes += this.byteLengthAt(index);
    return bytes;
  }

  /** Use `HeapSnapshot.weakMapEntries`. @internal */
  get entryNames(): readonly EntryNames[] {
    return this.#entryNames;
  }

  /**
   * Begins to read a section, behind its bracket; for the reader only.
   * @param strings that room is made for at once
   */
  open(strings: number): void {
    this.#reserve(strings);
    this.#machine.open(this.#end);
  }

  /**
   * Reads from `start` to the end of the chunk or to the closing bracket; for the reader only.
   * @returns the index after the bracket, `-1` when the chunk ended first, `-2 - i` for a foreign byte at `i`.
   * Cost: about 1 ns a byte.
   */
  scan(bytes: Uint8Array, start: number): number {
    const machine = this.#machine;
    const from = this.#end;
    const end = from + bytes.length - start;
    this.#growTo(end + STEP / 2);
    this.#text.set(start === 0 ? bytes : bytes.subarray(start), from);
    this.#end = end;
    let status = FULL;
    while (status === FULL) {
      status = machine.scan(end);
      this.#take();
    }
    if (status === ENDED) return -1;
    // Addresses come as signed numbers.
    this.#end = machine.at.value >>> 0;
    const consumed = start + this.#end - from;
    return status === CLOSED ? consumed : -2 - consumed;
  }

  #growTo(bytes: number): void {
    if (bytes <= this.#text.length) return;
    if (bytes > MOST_BYTES) throw new RangeError('the strings do not fit 4 GiB');
    growTo(this.#memory, Math.min(MOST_BYTES, bytes + Math.max(STEP, this.#end / 4)));
    this.#text = Buffer.from(this.#memory.buffer);
  }

  /** Takes over the batch of what was found. */
  #take(): void {
    const { count, entries } = this.#machine;
    const { buffer } = this.#memory;
    if (this.#length + count.value > this.#starts.length)
      this.#reserve(Math.max(2 * this.#length, this.#length + BATCH));
    this.#starts.set(new Uint32Array(buffer, STARTS, count.value), this.#length);
    if (entries.value > 0) {
      this.#entryNames.push({
        first: this.#length,
        rows: new Uint32Array(buffer, ENTRIES, entries.value).slice(),
        keyIds: new Float64Array(buffer, KEY_IDS, entries.value).slice(),
        tableIds: new Float64Array(buffer, TABLE_IDS, entries.value).slice(),
      });
    }
    this.#length += count.value;
    this.#machine.flush();
  }

  /** Makes room for so many strings. */
  #reserve(strings: number): void {
    if (!(strings > this.#starts.length) || strings >= 2 ** 32) return;
    const starts = new Uint32Array(strings);
    starts.set(this.#starts.subarray(0, this.#length));
    this.#starts = starts;
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

  /** Length in bytes of the string at an index, as in the file. Cost: constant; more once, where much space follows it. */
  byteLengthAt(index: number): number {
    // Back from the next string, over its quote, white space and commas, to the quote that closes this one.
    let close = (index + 1 < this.#length ? this.#starts[index + 1]! - 1 : this.#end) - 1;
    for (let steps = 0; steps < FEW_STEPS; steps++, close--) {
      if (this.#text[close] === QUOTE) return close - this.#starts[index]!;
    }
    close = this.#farCloses.get(index) ?? this.#quoteBefore(close);
    this.#farCloses.set(index, close);
    return close - this.#starts[index]!;
  }

  #quoteBefore(address: number): number {
    let at = address;
    while (this.#text[at] !== QUOTE) at--;
    return at;
  }

  /** Byte of the string at an index, as in the file; -1 past its end. Cost: constant. */
  byteAt(index: number, offset: number): number {
    if (!(offset < this.byteLengthAt(index))) return -1;
    return this.#text[this.#starts[index]! + offset]!;
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
   * Cost: the first call for a text searches the bytes of all strings (0.3 ns each), later calls are a look-up.
   */
  indexOf(text: string): number {
    const known = this.#found.get(text);
    if (known !== undefined) return known;
    const index = PLAIN.test(text) ? (this.#placed(`"${text}"`).next().value ?? -1) : this.#search(text);
    this.#found.set(text, index);
    return index;
  }

  /**
   * Indexes of the strings that start with a plain text (ASCII without quotes, backslashes and control characters).
   * Cost: as `indexOf`, at each call.
   */
  startingWith(text: string): Iterable<number> {
    return this.#placed(`"${text}`);
  }

  /** Strings whose opening quote is that of a text in the section's bytes. */
  *#placed(text: string): Generator<number, undefined> {
    const pattern = Buffer.from(text, 'latin1');
    for (let piece = TEXT; piece < this.#end; piece += SEARCHED) {
      // A text may begin in one piece and end in the next.
      const bytes = this.#text.subarray(piece, Math.min(this.#end, piece + SEARCHED + pattern.length - 1));
      for (let at = bytes.indexOf(pattern); at >= 0; at = bytes.indexOf(pattern, at + 1)) {
        const index = this.#startingAt(piece + at + 1);
        if (index >= 0) yield index;
      }
    }
  }

  /** The string that begins at an address, -1 when there is none. */
  #startingAt(address: number): number {
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#starts[middle]! < address) low = middle + 1;
      else high = middle;
    }
    return low < this.#length && this.#starts[low] === address ? low : -1;
  }

  /** Compares texts: one that is not plain can be written in several ways. */
  #search(text: string): number {
    for (let index = 0; index < this.#length; index++) {
      if (this.byteLengthAt(index) >= text.length && this.peek(index) === text) return index;
    }
    return -1;
  }

  #slice(index: number): Buffer {
    const from = this.#starts[index]!;
    return this.#text.subarray(from, from + this.byteLengthAt(index));
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
