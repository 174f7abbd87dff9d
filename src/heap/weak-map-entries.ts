import { type Bits, hasBit, newBits, setBit } from './bits.js';
import type { StringTable } from './string-table.js';

/**
 * Finds the internal edges that stand for entries of a WeakMap. V8 writes each entry twice, as an edge to the value
 * from the key and one from the table; their names differ in the number at the start and tell both ids. Use those of
 * `HeapSnapshot.weakMapEntries`; names were matched when the strings were read.
 *
 * Cost: 2 bits a string and 24 bytes an entry.
 */
export class WeakMapEntries {
  /** Names of entries [bits, strings]. */
  readonly names: Bits;
  /** Ids of the tables of WeakMaps that have entries. */
  readonly tables: ReadonlySet<number>;
  /** Names of entries before each word of `names`. */
  readonly #before: Uint32Array;
  readonly #keyIds: Float64Array;
  readonly #tableIds: Float64Array;

  constructor(strings: StringTable) {
    this.names = newBits(strings.length);
    this.#before = new Uint32Array(this.names.length);
    const count = strings.entryNames.reduce((sum, { rows }) => sum + rows.length, 0);
    this.#keyIds = new Float64Array(count);
    this.#tableIds = new Float64Array(count);
    let end = 0;
    for (const { first, rows, keyIds, tableIds } of strings.entryNames) {
      for (const row of rows) setBit(this.names, first + row);
      this.#keyIds.set(keyIds, end);
      this.#tableIds.set(tableIds, end);
      end += rows.length;
    }
    this.tables = new Set(this.#tableIds);
    for (let word = 1; word < this.#before.length; word++) {
      this.#before[word] = this.#before[word - 1]! + bitCount(this.names[word - 1]!);
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
