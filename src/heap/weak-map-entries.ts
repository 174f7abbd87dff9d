import { type Bits, hasBit, newBits, setBit } from './bits.js';
import type { StringTable } from './string-table.js';

const ENTRY = /^\d+ \/ part of key \(.*? @(\d+)\) -> value \(.*? @\d+\) pair in WeakMap \(table @(\d+)\)$/;
/** Bytes of the shortest name of an entry: no class names, numbers of one digit. */
const SHORTEST = '0 / part of key ( @0) -> value ( @0) pair in WeakMap (table @0)'.length;
/** V8 writes such a name into 1024 characters, of up to 6 bytes each in the file. Longer ones would cost their square. */
const LONGEST = 6 * 1024;
const SPACE = 0x20;
const SLASH = 0x2f;

/**
 * Finds the internal edges that stand for entries of a WeakMap. V8 writes each entry twice, as an edge to the value
 * from the key and one from the table; their names differ in the number at the start and tell both ids. Use those of
 * `HeapSnapshot.weakMapEntries`: names are looked at once.
 *
 * Cost: about 5 ns a string, and 0.5 µs for each that is the name of an entry; 2 bits a string and 20 bytes an entry.
 */
export class WeakMapEntries {
  /** Names of entries [bits, strings]. */
  readonly names: Bits;
  /** Names of entries before each word of `names`. */
  readonly #before: Uint32Array;
  readonly #keyIds: number[] = [];
  readonly #tableIds: number[] = [];

  constructor(strings: StringTable) {
    this.names = newBits(strings.length);
    this.#before = new Uint32Array(this.names.length);
    for (let name = 0; name < strings.length; name++) {
      if ((name & 31) === 0) this.#before[name >>> 5] = this.#keyIds.length;
      const ids = mayBeEntry(strings, name) ? ENTRY.exec(strings.peek(name)) : null;
      if (ids === null) continue;
      setBit(this.names, name);
      this.#keyIds.push(Number(ids[1]));
      this.#tableIds.push(Number(ids[2]));
    }
  }

  /** True when an internal edge of this name (a string index) is half of an entry. */
  isEntry(name: number): boolean {
    return hasBit(this.names, name);
  }

  /** Id of the key of what `isEntry`. */
  keyId(name: number): number {
    return this.#keyIds[this.#row(name)]!;
  }

  /** Id of the table of what `isEntry`. */
  tableId(name: number): number {
    return this.#tableIds[this.#row(name)]!;
  }

  #row(name: number): number {
    return this.#before[name >>> 5]! + bitCount(this.names[name >>> 5]! & ((1 << (name & 31)) - 1));
  }
}

/** Bits that are set (Warren, "Hacker's Delight", 2nd edition, 5-1). */
function bitCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

/** Most names are other ones, and are told by a few bytes. */
function mayBeEntry(strings: StringTable, name: number): boolean {
  const bytes = strings.byteLengthAt(name);
  if (bytes < SHORTEST || bytes > LONGEST) return false;
  const digits = strings.leadingDigits(name);
  return digits > 0 && strings.byteAt(name, digits) === SPACE && strings.byteAt(name, digits + 1) === SLASH;
}
