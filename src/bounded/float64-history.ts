import { closedError } from './closed-error.js';
import { wholeNumber } from './whole-number.js';

/** Rows that are there from the first push on; after it the storage doubles. */
const FIRST_ROWS = 16;
/** What `push` takes as arguments; wider rows come from an array. */
const MOST_ARGUMENTS = 8;
/** Cells in all: 8 GiB, the longest Float64Array of Node 20. */
const MOST_CELLS = 2 ** 30;

/**
 * The last `rows` rows of `width` numbers, in one Float64Array: when it is full, each new row replaces the oldest. Owned
 * by whoever made it; ends with `close()`.
 *
 * Cost: a push is `width` stores, some 6 ns for 1 to 3 columns, and allocates nothing once it is full; 8 bytes a number.
 *
 * @example
 * const forces = new Float64History(1000, 2); // time (s), force (N)
 * forces.push(0.001, 37.6);
 * forces.push(0.002, 36.9);
 * console.log(forces.at(-1, 1), forces.column(0)); // 36.9 Float64Array(2) [ 0.001, 0.002 ]
 */
export class Float64History implements Disposable {
  /** Most rows that it keeps. */
  readonly capacity: number;
  /** Numbers in a row. */
  readonly width: number;
  /** Rows in order until it is full; then the oldest is the next to be written [rows × width]. */
  #cells = new Float64Array(0);
  /** Cell of the next row; at the end of the storage when that is full. */
  #next = 0;
  #size = 0;
  #isClosed = false;

  /**
   * @param rows from 1
   * @param width numbers in a row, from 1; `rows × width` up to 2^30
   * @throws RangeError
   */
  constructor(rows: number, width: number) {
    this.width = wholeNumber('width', width, { most: MOST_CELLS });
    this.capacity = wholeNumber('rows', rows, { most: Math.floor(MOST_CELLS / this.width) });
  }

  /** Rows that it holds. */
  get size(): number {
    return this.#size;
  }

  /** Bytes of its storage. */
  get bytes(): number {
    return this.#cells.byteLength;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Adds a row of up to 8 numbers; wider ones by `pushRow`.
   * @throws RangeError when there are not `width` of them; WatertightError WT_BOUNDED_CLOSED
   */
  push(a: number, b?: number, c?: number, d?: number, e?: number, f?: number, g?: number, h?: number): void {
    const { width } = this;
    // One parameter a column, as a list of arguments (`...row`) costs an allocation: 11 ns a row of three instead of 4.
    // biome-ignore lint/complexity/noArguments: only its length is read, which allocates nothing.
    if (arguments.length !== width) this.#refuseArguments(arguments.length);
    const at = this.#next < this.#cells.length ? this.#next : this.#turn();
    const cells = this.#cells;
    cells[at] = a;
    if (width > 1) cells[at + 1] = b!;
    if (width > 2) cells[at + 2] = c!;
    if (width > 3) this.#writeRest(at, d!, e!, f!, g!, h!);
    this.#next = at + width;
    if (this.#size < this.capacity) this.#size++;
  }

  /**
   * Adds the row `numbers[offset]` to `numbers[offset + width - 1]`.
   * @throws RangeError when these are not all there; WatertightError WT_BOUNDED_CLOSED
   */
  pushRow(numbers: ArrayLike<number>, offset = 0): void {
    const { width } = this;
    if (!(Number.isInteger(offset) && offset >= 0 && offset + width <= numbers.length)) {
      throw new RangeError(`offset must leave ${width} of ${numbers.length} numbers, got ${offset}`);
    }
    const at = this.#next < this.#cells.length ? this.#next : this.#turn();
    const cells = this.#cells;
    for (let column = 0; column < width; column++) cells[at + column] = numbers[offset + column]!;
    this.#next = at + width;
    if (this.#size < this.capacity) this.#size++;
  }

  /** One number: row 0 is the oldest, -1 the newest. Undefined where there is none. */
  at(row: number, column: number): number | undefined {
    const cell = this.#cellOf(row);
    return cell < 0 || !(column >= 0 && column < this.width) ? undefined : this.#cells[cell + column];
  }

  /** A copy of a row, as in `at`; into `target` when one is given. Undefined where there is none. */
  row(row: number, target = new Float64Array(this.width)): Float64Array | undefined {
    const cell = this.#cellOf(row);
    if (cell < 0) return undefined;
    target.set(this.#cells.subarray(cell, cell + this.width));
    return target;
  }

  /**
   * A copy of a column, oldest first [size].
   * @throws RangeError when there is no such column
   */
  column(column: number): Float64Array {
    const { width } = this;
    wholeNumber('column', column, { least: 0, most: width - 1 });
    const values = new Float64Array(this.#size);
    for (let row = 0; row < values.length; row++) values[row] = this.#cells[this.#cellOf(row) + column]!;
    return values;
  }

  /** Forgets all rows and keeps the memory for new ones; `trim()` gives it back. */
  clear(): void {
    this.#next = 0;
    this.#size = 0;
  }

  /**
   * Gives back what is more than it holds. Nothing that it holds, or does later, changes.
   * Cost: a copy of the rows when it is not full, else nothing; the room doubles again as rows come.
   */
  trim(): void {
    if (this.#size < this.capacity) this.#cells = this.#cells.slice(0, this.#size * this.width);
  }

  /** Forgets all rows; a push throws from now on. Closing again does nothing. */
  close(): void {
    this.#isClosed = true;
    this.clear();
    this.trim();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Apart, so that `push` stays short enough to be inlined: else each number is boxed for the call. */
  #writeRest(at: number, d: number, e: number, f: number, g: number, h: number): void {
    const { width } = this;
    const cells = this.#cells;
    cells[at + 3] = d;
    if (width > 4) cells[at + 4] = e;
    if (width > 5) cells[at + 5] = f;
    if (width > 6) cells[at + 6] = g;
    if (width > 7) cells[at + 7] = h;
  }

  /** Where the next row goes when the end of the storage is reached: into new room, or back to the first row. */
  #turn(): number {
    const cells = this.#cells;
    const most = this.capacity * this.width;
    if (cells.length === most) return 0;
    if (this.#isClosed) throw closedError('push to', 'a history');
    this.#cells = new Float64Array(Math.min(most, Math.max(cells.length * 2, FIRST_ROWS * this.width)));
    this.#cells.set(cells);
    return cells.length;
  }

  /** First cell of a row counted from the oldest, or from the end; -1 where there is none. */
  #cellOf(row: number): number {
    const index = row < 0 ? this.#size + row : row;
    if (!(Number.isInteger(index) && index >= 0 && index < this.#size)) return -1;
    const cell = (this.#size === this.capacity ? this.#next : 0) + index * this.width;
    return cell < this.#cells.length ? cell : cell - this.#cells.length;
  }

  #refuseArguments(given: number): never {
    if (this.width > MOST_ARGUMENTS) {
      throw new RangeError(`width must be at most ${MOST_ARGUMENTS} for push(), got ${this.width}: use pushRow()`);
    }
    throw new RangeError(`push() must get ${this.width} numbers, got ${given}`);
  }
}
