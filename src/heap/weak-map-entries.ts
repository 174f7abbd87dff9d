import type { StringTable } from './string-table.js';

const ENTRY = /^\d+ \/ part of key \(.*? @(\d+)\) -> value \(.*? @\d+\) pair in WeakMap \(table @(\d+)\)$/;
/** Bytes of the shortest name of an entry: no class names, numbers of one digit. */
const SHORTEST = '0 / part of key ( @0) -> value ( @0) pair in WeakMap (table @0)'.length;
/** V8 writes such a name into 1024 characters, of up to 6 bytes each in the file. Longer ones would cost their square. */
const LONGEST = 6 * 1024;

const SPACE = 0x20;
const SLASH = 0x2f;

const UNKNOWN = 0;
const NO_ENTRY = 1;
const FIRST_ROW = 2;

/**
 * Finds the internal edges that stand for entries of a WeakMap. V8 writes each entry twice, as an edge to the value
 * from the key and one from the table; their names differ in the number at the start and tell both ids. Use those of
 * `HeapSnapshot.weakMapEntries`: what was learned about a name is kept.
 *
 * Cost: each name is looked at once, about 1 µs when it is one of an entry; 4 bytes a string and 16 an entry.
 */
export class WeakMapEntries {
  readonly #strings: StringTable;
  /** `UNKNOWN`, `NO_ENTRY`, or `FIRST_ROW` and up, by string index. */
  readonly #rows: Uint32Array;
  readonly #keyIds: number[] = [];
  readonly #tableIds: number[] = [];

  constructor(strings: StringTable) {
    this.#strings = strings;
    this.#rows = new Uint32Array(strings.length);
  }

  /** True when an internal edge of this name (a string index) is half of an entry. */
  isEntry(name: number): boolean {
    const row = this.#rows[name]!;
    return row === UNKNOWN ? this.#look(name) : row !== NO_ENTRY;
  }

  /** Id of the key of what `isEntry`. */
  keyId(name: number): number {
    return this.#keyIds[this.#rows[name]! - FIRST_ROW]!;
  }

  /** Id of the table of what `isEntry`. */
  tableId(name: number): number {
    return this.#tableIds[this.#rows[name]! - FIRST_ROW]!;
  }

  #look(name: number): boolean {
    const ids = this.#mayBeEntry(name) ? ENTRY.exec(this.#strings.peek(name)) : null;
    this.#rows[name] = ids === null ? NO_ENTRY : FIRST_ROW + this.#keyIds.length;
    if (ids === null) return false;
    this.#keyIds.push(Number(ids[1]));
    this.#tableIds.push(Number(ids[2]));
    return true;
  }

  /** Most names are other ones, and are told by a few bytes. */
  #mayBeEntry(name: number): boolean {
    const strings = this.#strings;
    const bytes = strings.byteLengthAt(name);
    if (bytes < SHORTEST || bytes > LONGEST) return false;
    const digits = strings.leadingDigits(name);
    return digits > 0 && strings.byteAt(name, digits) === SPACE && strings.byteAt(name, digits + 1) === SLASH;
  }
}
