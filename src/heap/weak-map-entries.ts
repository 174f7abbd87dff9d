import { type Bits, hasBit, newBits, setBit } from './bits.js';
import type { StringTable } from './string-table.js';

/** Bytes of the shortest name of an entry: no class names, numbers of one digit. */
const SHORTEST = '0 / part of key ( @0) -> value ( @0) pair in WeakMap (table @0)'.length;
/** V8 writes such a name into 1024 characters, of up to 6 bytes each in the file. */
const LONGEST = 6 * 1024;
const START = /^\d+ \/ part of key \(/;
const BETWEEN = ') -> value (';
const END = ') pair in WeakMap (table @';
/** What the expression of DevTools does not read over. */
const LINE_END = /[\n\r\u2028\u2029]/;
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
      const ids = mayBeEntry(strings, name) ? readEntry(strings.peek(name)) : null;
      if (ids === null) continue;
      setBit(this.names, name);
      this.#keyIds.push(ids.keyId);
      this.#tableIds.push(ids.tableId);
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

/**
 * The ids in the name of an entry, as Chrome DevTools finds them by an expression: of several places where the key may
 * end, the first counts. Cost: linear; an expression would take the square of a name that was made for it.
 */
function readEntry(text: string): { readonly keyId: number; readonly tableId: number } | null {
  const start = START.exec(text);
  const end = text.lastIndexOf(END);
  if (start === null || end < 0 || !text.endsWith(')') || LINE_END.test(text)) return null;
  const table = idBefore(text, text.length - 1);
  const value = idBefore(text, end);
  if (table === null || table.from !== end + END.length - ' @'.length || value === null) return null;
  for (let at = text.indexOf(BETWEEN, start[0].length); at >= 0; at = text.indexOf(BETWEEN, at + 1)) {
    if (at + BETWEEN.length > value.from) return null;
    const key = idBefore(text, at);
    if (key !== null && key.from >= start[0].length) return { keyId: key.id, tableId: table.id };
  }
  return null;
}

/** The id ` @123` that ends before a place in a text, and where it begins. */
function idBefore(text: string, end: number): { readonly id: number; readonly from: number } | null {
  let at = end;
  while (text.charCodeAt(at - 1) >= 0x30 && text.charCodeAt(at - 1) <= 0x39) at--;
  return at < end && text.startsWith(' @', at - 2) ? { id: Number(text.slice(at, end)), from: at - 2 } : null;
}
