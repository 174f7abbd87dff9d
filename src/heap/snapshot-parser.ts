import { SnapshotColumns } from './columns.js';
import { heapError } from './errors.js';
import { IntegerScanner } from './integer-scanner.js';
import { readMeta } from './meta.js';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COLON = 0x3a;

/** The header of Node is 1 KB; a file that opens otherwise and never ends its header is refused here. */
const MAX_HEADER_BYTES = 1 << 20;
/** The longest section name is `trace_function_infos`. */
const MAX_KEY_BYTES = 64;

type Mode = 'start' | 'between' | 'key' | 'colon' | 'value' | 'meta' | 'numbers' | 'strings' | 'skip' | 'end';

/**
 * Reads a `.heapsnapshot` from chunks of any size, in one pass, in the order of the file.
 *
 * 1. *Sections.* The outer object is walked key by key; order and unknown sections do not matter, save that
 *    `snapshot` comes first: its counts size the columns.
 * 2. *Numbers.* `nodes`, `edges` and `locations` go through an `IntegerScanner` into `SnapshotColumns`.
 * 3. *Strings.* The section is kept as it is; the `StringTable` finds the places of the strings.
 * 4. *The rest* (`trace_tree`, `samples`) is stepped over.
 */
export class SnapshotParser {
  readonly #readsEdges: boolean;
  readonly #totalBytes: number;
  #mode: Mode = 'start';
  #section = 'snapshot';
  #consumed = 0;
  #text: number[] = [];
  #depth = 0;
  #isInString = false;
  #isEscaped = false;
  readonly #scanner = new IntegerScanner();
  #columns: SnapshotColumns | null = null;
  #hasEdges = false;

  /** @param totalBytes size of the file, `Infinity` when unknown: a header that promises more is refused early. */
  constructor(readsEdges: boolean, totalBytes: number) {
    this.#readsEdges = readsEdges;
    this.#totalBytes = totalBytes;
  }

  /** Room for the next bytes of the file: those that are read into it, and then pushed, are copied once less. */
  get input(): Uint8Array {
    return this.#scanner.input;
  }

  /** Takes the next bytes of the file; the chunk may be reused afterwards. */
  push(chunk: Uint8Array): void {
    let at = 0;
    try {
      while (at < chunk.length && this.#mode !== 'end') at = this.#step(chunk, at);
    } catch (cause) {
      // Arrays and WebAssembly memory that cannot be had.
      if (!(cause instanceof RangeError)) throw cause;
      throw heapError(
        'WT_HEAP_TOO_LARGE',
        `memory ran out: ${cause.message}`,
        this.#section,
        this.#consumed + at,
        cause,
      );
    }
    this.#consumed += chunk.length;
  }

  /**
   * Ends the file and gives its columns.
   * @throws WatertightError `WT_HEAP_NOT_A_SNAPSHOT`, `WT_HEAP_TRUNCATED`, `WT_HEAP_CORRUPT`
   */
  finish(): SnapshotColumns {
    if (this.#mode === 'start') throw this.#error('WT_HEAP_NOT_A_SNAPSHOT', 'it is empty', 0);
    if (this.#mode !== 'end') {
      const code = this.#columns === null && this.#section === '' ? 'WT_HEAP_NOT_A_SNAPSHOT' : 'WT_HEAP_TRUNCATED';
      throw this.#error(code, 'it ends too early', 0);
    }
    if (this.#columns === null) throw this.#error('WT_HEAP_NOT_A_SNAPSHOT', 'it has no snapshot section', 0);
    this.#columns.finish(this.#readsEdges && this.#hasEdges, this.#consumed);
    if (this.#readsEdges && !this.#hasEdges) throw this.#error('WT_HEAP_CORRUPT', 'it has no edges section', 0);
    return this.#columns;
  }

  #step(chunk: Uint8Array, at: number): number {
    switch (this.#mode) {
      case 'numbers':
        return this.#numbers(chunk, at);
      case 'strings':
        return this.#strings(chunk, at);
      case 'meta':
        return this.#meta(chunk, at);
      case 'skip':
        return this.#skip(chunk, at);
      default:
        return this.#outer(chunk, at);
    }
  }

  /** Phase 1: one byte of the outer object. */
  #outer(chunk: Uint8Array, at: number): number {
    const byte = chunk[at]!;
    if (this.#mode === 'key') return this.#key(chunk, at);
    if (byte <= 32) return at + 1;
    if (this.#mode === 'start') {
      if (byte !== OPEN_OBJECT) throw this.#error('WT_HEAP_NOT_A_SNAPSHOT', 'it does not open with {', at);
      this.#section = '';
      this.#mode = 'between';
    } else if (this.#mode === 'between') {
      if (byte === QUOTE) this.#mode = 'key';
      else if (byte === CLOSE_OBJECT) this.#mode = 'end';
      else if (byte !== 0x2c) throw this.#broken(at);
    } else if (this.#mode === 'colon') {
      if (byte !== COLON) throw this.#broken(at);
      this.#mode = 'value';
    } else {
      return this.#openSection(byte, at);
    }
    return at + 1;
  }

  #key(chunk: Uint8Array, at: number): number {
    const byte = chunk[at]!;
    if (byte !== QUOTE) {
      this.#text.push(byte);
      if (this.#text.length > MAX_KEY_BYTES) throw this.#broken(at);
      return at + 1;
    }
    this.#section = String.fromCharCode(...this.#text);
    this.#text = [];
    this.#mode = 'colon';
    if (this.#columns === null && this.#section !== 'snapshot') {
      throw this.#error('WT_HEAP_NOT_A_SNAPSHOT', 'its first section is not snapshot', at);
    }
    return at + 1;
  }

  /** The first byte of a section's value decides how the section is read; it is not consumed here. */
  #openSection(byte: number, at: number): number {
    const isArray = byte === OPEN_ARRAY;
    if (this.#section === 'snapshot' && byte === OPEN_OBJECT && this.#columns === null) {
      this.#mode = 'meta';
      return at;
    }
    if (this.#columns === null) throw this.#error('WT_HEAP_NOT_A_SNAPSHOT', 'its header is not an object', at);
    if (!isArray) throw this.#error('WT_HEAP_CORRUPT', 'the section is not an array', at);
    if (this.#section === 'strings') {
      this.#mode = 'strings';
      this.#columns.openStrings(this.#totalBytes);
    } else if (this.#openNumbers()) this.#mode = 'numbers';
    else {
      this.#mode = 'skip';
      return at;
    }
    return at + 1;
  }

  #openNumbers(): boolean {
    const columns = this.#columns!;
    const { meta } = columns;
    const scanner = this.#scanner;
    if (this.#section === 'nodes') {
      scanner.open(meta.nodeFields, (rows) => columns.addNodes(scanner, rows, this.#consumed));
    } else if (this.#section === 'edges' && this.#readsEdges) {
      this.#hasEdges = true;
      scanner.open(meta.edgeFields, (rows) => columns.addEdges(scanner, rows, this.#consumed));
    } else if (this.#section === 'locations' && meta.locationField.objectIndex >= 0) {
      scanner.open(meta.locationFields, (rows) => columns.addLocations(scanner, rows));
    } else {
      return false;
    }
    return true;
  }

  /** Phase 2. */
  #numbers(chunk: Uint8Array, at: number): number {
    const next = this.#scanner.scan(chunk, at);
    if (next === -1) return chunk.length;
    if (next < -1) throw this.#broken(-2 - next);
    if (this.#scanner.hasRest) throw this.#error('WT_HEAP_CORRUPT', 'its last record is incomplete', next);
    this.#mode = 'between';
    return next;
  }

  /** Phase 3. */
  #strings(chunk: Uint8Array, at: number): number {
    const next = this.#columns!.strings.scan(chunk, at);
    if (next === -1) return chunk.length;
    if (next < -1) throw this.#broken(-2 - next);
    this.#mode = 'between';
    return next;
  }

  #meta(chunk: Uint8Array, start: number): number {
    let at = start;
    while (at < chunk.length) {
      const byte = chunk[at++]!;
      this.#text.push(byte);
      if (this.#text.length > MAX_HEADER_BYTES)
        throw this.#error('WT_HEAP_NOT_A_SNAPSHOT', 'its header is too long', at);
      if (!this.#closes(byte)) continue;
      this.#columns = this.#makeColumns(Buffer.from(this.#text).toString('utf8'), at);
      this.#text = [];
      this.#mode = 'between';
      break;
    }
    return at;
  }

  #makeColumns(header: string, at: number): SnapshotColumns {
    const meta = readMeta(header, this.#consumed);
    // Each number takes a digit and a comma at least.
    const least = 2 * (meta.nodeCount * meta.nodeFields + meta.edgeCount * meta.edgeFields);
    if (least > this.#totalBytes)
      throw this.#error('WT_HEAP_TRUNCATED', `its header announces ${least} bytes or more`, at);
    return new SnapshotColumns(meta, this.#readsEdges);
  }

  /** Phase 4. A flat array, which the edges of a census are, is left through the search of a byte. */
  #skip(chunk: Uint8Array, start: number): number {
    if (this.#section === 'edges' && this.#depth === 1) {
      const close = chunk.indexOf(CLOSE_ARRAY, start);
      if (close < 0) return chunk.length;
      this.#depth = 0;
      this.#mode = 'between';
      return close + 1;
    }
    let at = start;
    while (at < chunk.length) {
      if (this.#closes(chunk[at++]!)) {
        this.#mode = 'between';
        break;
      }
      if (this.#section === 'edges') break;
    }
    return at;
  }

  /** Follows brackets and strings; true at the bracket that ends the value. */
  #closes(byte: number): boolean {
    if (this.#isInString) {
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) this.#isInString = false;
      return false;
    }
    if (byte === QUOTE) this.#isInString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#depth++;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) return --this.#depth === 0;
    return false;
  }

  #broken(at: number): Error {
    const code = this.#columns === null ? 'WT_HEAP_NOT_A_SNAPSHOT' : 'WT_HEAP_CORRUPT';
    return this.#error(code, 'a byte does not belong there', at);
  }

  #error(code: Parameters<typeof heapError>[0], problem: string, at: number): Error {
    return heapError(code, problem, this.#section === '' ? 'outer' : this.#section, this.#consumed + at);
  }
}
