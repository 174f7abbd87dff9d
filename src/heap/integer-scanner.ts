import { instantiate, wasmMemory } from './wasm-module.js';

// Shared with wasm/scanner.as.ts: change both.
const WIDE = 4_096;
const TABLE = 32_768;
const COLUMNS = 65_536;
const ROWS = 8_192;
const INPUT = 655_360;
const INPUT_BYTES = 1 << 20;
const PAGES = 28;
const [ENDED, FULL, CLOSED] = [0, 1, 2];

/** Numbers in one record, at most. V8 has had up to seven. */
export const MAX_FIELDS = 16;

interface Global {
  readonly value: number;
}

interface Machine {
  readonly at: Global;
  readonly row: Global;
  readonly field: Global;
  readonly wide: Global;
  reset(): void;
  flush(): void;
  scan(from: number, end: number, fields: number): number;
  readonly largestName: Global;
  makeNodes(
    rows: number,
    typeField: number,
    nameField: number,
    countField: number,
    typeTable: number,
    typeCount: number,
    edgesBefore: number,
    edgeCount: number,
  ): number;
  makeEdges(
    rows: number,
    typeField: number,
    nameField: number,
    targetField: number,
    typeTable: number,
    typeCount: number,
    nodeFields: number,
    nodeCount: number,
  ): number;
}

/** A value that its column could not hold: negative, or of more than 32 bits. Its place in the column holds 0. */
export interface WideValue {
  readonly row: number;
  readonly field: number;
  readonly value: number;
}

export interface NodeFields {
  readonly type: number;
  readonly name: number;
  readonly edgeCount: number;
}

export interface EdgeFields {
  readonly type: number;
  readonly nameOrIndex: number;
  readonly toNode: number;
}

/**
 * Turns the bytes of a flat JSON array of integers into columns, one a field, handed over some thousand rows at a time.
 * The array may be cut at any byte: state is kept between calls.
 */
export class IntegerScanner {
  readonly #machine: Machine;
  readonly #memory = wasmMemory(PAGES);
  readonly #bytes = new Uint8Array(this.#memory.buffer);
  /** Room for a chunk: one that is read into it is not copied before it is scanned. */
  readonly input = new Uint8Array(this.#memory.buffer, INPUT, INPUT_BYTES);
  readonly #columns: Uint32Array[] = [];
  #fields = 1;
  #onRows: (rows: number) => void = () => {};
  /** Bytes of a number that was cut by the end of the last chunk, before the input. */
  #tail = 0;

  constructor() {
    this.#machine = instantiate('scanner', this.#memory) as Machine;
    for (let field = 0; field < MAX_FIELDS; field++) {
      this.#columns.push(new Uint32Array(this.#memory.buffer, COLUMNS + field * ROWS * 4, ROWS));
    }
  }

  /**
   * Begins another array.
   * @param fields numbers in one record, 1 … 16
   * @param onRows called with the number of whole records that `column` and `wideValues` show; they change afterwards
   */
  open(fields: number, onRows: (rows: number) => void): void {
    this.#fields = fields;
    this.#onRows = onRows;
    this.#tail = 0;
    this.#machine.reset();
  }

  /** Values of one field, of which the first `rows` count. */
  column(field: number): Uint32Array {
    return this.#columns[field]!;
  }

  /** A column that `makeNodes` or `makeEdges` has made one of bytes. */
  bytes(field: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, COLUMNS + field * ROWS * 4, ROWS);
  }

  wideValues(): WideValue[] {
    const view = new DataView(this.#memory.buffer, WIDE);
    return Array.from({ length: this.#machine.wide.value }, (_, i) => ({
      row: view.getUint32(i * 16, true),
      field: view.getUint32(i * 16 + 4, true),
      value: view.getFloat64(i * 16 + 8, true),
    }));
  }

  /** True when the array was closed within a record. */
  get hasRest(): boolean {
    return this.#machine.field.value > 0;
  }

  /**
   * Reads from `start` to the end of the chunk or to the closing bracket.
   * @returns the index after the bracket, `-1` when the chunk ended first, `-2 - i` for a foreign byte at `i`.
   * Cost: about 0.75 ns a byte.
   */
  scan(bytes: Uint8Array, start: number): number {
    if (bytes.buffer === this.input.buffer) return this.#scanInput(start, bytes.length);
    for (let from = start; from < bytes.length; from += INPUT_BYTES) {
      const piece = bytes.subarray(from, from + INPUT_BYTES);
      this.input.set(piece);
      const next = this.#scanInput(0, piece.length);
      if (next !== -1) return next < -1 ? next - from : next + from;
    }
    return -1;
  }

  #scanInput(start: number, length: number): number {
    const end = INPUT + length;
    const status = this.#run(INPUT + start - this.#tail, end);
    const at = this.#machine.at.value;
    if (status === CLOSED) return at - INPUT;
    if (status !== ENDED) return -2 - (at - INPUT);
    this.#tail = end - at;
    this.#bytes.copyWithin(INPUT - this.#tail, at, end);
    return -1;
  }

  #run(start: number, end: number): number {
    const machine = this.#machine;
    for (let from = start; ; from = machine.at.value) {
      const status = machine.scan(from, end, this.#fields);
      if (status !== FULL && status !== CLOSED) return status;
      this.#onRows(machine.row.value);
      if (status === CLOSED) return status;
      machine.flush();
    }
  }

  /**
   * Makes nodes of the rows at hand: types become canonical (read them as `bytes`), counts of edges the numbers of edges
   * up to and with those of the node.
   * @param typeTable canonical type of each type in the file, at most 256
   * @param edgesBefore edges of the nodes before
   * @returns the first row with a type that there is none of, or with more edges than there are; -1 when all are good
   */
  makeNodes(rows: number, field: NodeFields, typeTable: Uint8Array, edgesBefore: number, edgeCount: number): number {
    const types = this.#setTable(typeTable);
    const { type, name, edgeCount: count } = field;
    return this.#machine.makeNodes(rows, type, name, count, TABLE, types, edgesBefore, edgeCount);
  }

  /**
   * Makes edges of the rows at hand: targets become node indexes, types canonical (read them as `bytes`).
   * @param typeTable canonical type of each type in the file, at most 256; bit 7 is set where names are numbers
   * @returns the first row with a type or target that there is none of, -1 when all are good
   */
  makeEdges(rows: number, field: EdgeFields, typeTable: Uint8Array, nodeFields: number, nodeCount: number): number {
    const types = this.#setTable(typeTable);
    const { type, nameOrIndex, toNode } = field;
    return this.#machine.makeEdges(rows, type, nameOrIndex, toNode, TABLE, types, nodeFields, nodeCount);
  }

  #setTable(typeTable: Uint8Array): number {
    const types = Math.min(256, typeTable.length);
    new Uint8Array(this.#memory.buffer, TABLE, types).set(typeTable.subarray(0, types));
    return types;
  }

  /** Largest string index among the names of the nodes or edges made last. */
  get largestName(): number {
    return this.#machine.largestName.value >>> 0;
  }
}
