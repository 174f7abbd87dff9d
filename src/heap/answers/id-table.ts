const FREE = 0;

/**
 * Index by V8's id: open addressing over a power of two at least twice as large as the number of ids.
 * Cost: 8 to 16 bytes an id; a look-up is a cache miss, 20 to 100 ns.
 */
export class IdTable {
  readonly #ids: Float64Array | Uint32Array;
  /** Index plus one [power of two]. */
  readonly #slots: Uint32Array;
  readonly #mask: number;

  constructor(ids: Float64Array | Uint32Array) {
    this.#ids = ids;
    this.#mask = 2 ** Math.ceil(Math.log2(Math.max(2, ids.length * 2))) - 1;
    this.#slots = new Uint32Array(this.#mask + 1);
    for (let index = 0; index < ids.length; index++) {
      let slot = this.#home(ids[index]!);
      while (this.#slots[slot] !== FREE) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = index + 1;
    }
  }

  /** -1 when the id is not there; of equal ids the first. */
  indexOf(id: number): number {
    for (let slot = this.#home(id); this.#slots[slot] !== FREE; slot = (slot + 1) & this.#mask) {
      const index = this.#slots[slot]! - 1;
      if (this.#ids[index] === id) return index;
    }
    return -1;
  }

  /** Fibonacci hashing (Knuth, TAOCP 3, 6.4): ids are odd and nearly consecutive. */
  #home(id: number): number {
    return (Math.imul(id, 0x9e37_79b1) >>> 3) & this.#mask;
  }
}
