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
 * Cost: about 5 ns a string, and 1 µs for each that is the name of an entry; a bit a string and about 100 bytes an entry.
 */
export class WeakMapEntries {
  /** Names of entries [bits, strings]. */
  readonly names: Bits;
  readonly #ids = new Map<number, readonly [keyId: number, tableId: number]>();

  constructor(strings: StringTable) {
    this.names = newBits(strings.length);
    for (let name = 0; name < strings.length; name++) {
      const ids = mayBeEntry(strings, name) ? ENTRY.exec(strings.peek(name)) : null;
      if (ids === null) continue;
      setBit(this.names, name);
      this.#ids.set(name, [Number(ids[1]), Number(ids[2])]);
    }
  }

  /** True when an internal edge of this name (a string index) is half of an entry. */
  isEntry(name: number): boolean {
    return hasBit(this.names, name);
  }

  /** Id of the key of what `isEntry`. */
  keyId(name: number): number {
    return this.#ids.get(name)![0];
  }

  /** Id of the table of what `isEntry`. */
  tableId(name: number): number {
    return this.#ids.get(name)![1];
  }
}

/** Most names are other ones, and are told by a few bytes. */
function mayBeEntry(strings: StringTable, name: number): boolean {
  const bytes = strings.byteLengthAt(name);
  if (bytes < SHORTEST || bytes > LONGEST) return false;
  const digits = strings.leadingDigits(name);
  return digits > 0 && strings.byteAt(name, digits) === SPACE && strings.byteAt(name, digits + 1) === SLASH;
}
