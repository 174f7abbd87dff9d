/**
 * Reads a flat JSON array of integers, record by record, into one column a field. AssemblyScript with SIMD; compiled
 * by `scripts/build.mjs` into `scanner.wasm`, wrapped by `integer-scanner.ts`.
 *
 * 1. *Classify.* 64 bytes at once become three words of 64 bits: where digits, commas and newlines are (the first stage
 *    of Langdale & Lemire, "Parsing gigabytes of JSON per second", VLDB Journal 28, 2019). From them follow the first
 *    digit and the end of each number, so that no number waits for the one before.
 * 2. *Convert.* The eight bytes before a number's end are loaded, those before its first digit cleared, and three
 *    multiplications make the value (Lemire, "Quickly parsing eight digits", 2018).
 * 3. Whatever is not digits, a comma, or a newline before a comma is read byte by byte: minus signs, other white space,
 *    numbers of more than eight digits, the closing bracket, the end of the input.
 *
 * Memory: input before `end`, with 8 bytes to spare before it; columns of ROWS values (u32) from COLUMNS, one after the
 * other. What does not fit 32 bits, and negative numbers, go to WIDE as [row u32, field u32, value f64].
 */

// Shared with the wrapper: change both.
const WIDE: usize = 4_096;
const WIDE_ROOM: u32 = 1_024;
const COLUMNS: usize = 65_536;
const ROWS: u32 = 8_192;
/** Bytes of a column. */
const COLUMN: usize = 32_768;

const ENDED: i32 = 0;
const FULL: i32 = 1;
const CLOSED: i32 = 2;
const FOREIGN: i32 = 3;

const NEWLINE: u8 = 0x0a;
const COMMA: u8 = 0x2c;
const MINUS: u8 = 0x2d;
const CLOSE: u8 = 0x5d;
const BLOCK: usize = 64;
/** Rows that one block can begin. */
const ROWS_A_BLOCK: u32 = 33;
/** Digits of the largest number that is read exactly. */
const MOST_DIGITS: u32 = 15;

/** Where reading stopped: before a number, or before the comma after one. */
export let at: usize = 0;
export let row: u32 = 0;
export let field: u32 = 0;
export let wide: u32 = 0;
/** A number was read whose comma did not come yet. */
let isOver: bool = false;

/** Forgets the record that was begun. */
export function reset(): void {
  row = 0;
  field = 0;
  wide = 0;
  isOver = false;
}

/** Begins new columns; a record that was begun goes on in row 0. */
export function flush(): void {
  let kept: u32 = 0;
  if (row > 0) {
    for (let f: u32 = 0; f < field; f++) store<u32>(cell(0, f), load<u32>(cell(row, f)));
    for (let w: u32 = 0; w < wide; w++) {
      const from = WIDE + (<usize>w << 4);
      if (load<u32>(from) != row) continue;
      const to = WIDE + (<usize>kept << 4);
      store<u32>(to, 0);
      store<u32>(to + 4, load<u32>(from + 4));
      store<f64>(to + 8, load<f64>(from + 8));
      kept++;
    }
    wide = kept;
  }
  row = 0;
}

// @ts-expect-error decorators of functions are AssemblyScript's
@inline
function cell(r: u32, f: u32): usize {
  return COLUMNS + (<usize>(f * ROWS + r) << 2);
}

// @ts-expect-error as above
@inline
function mask(bytes: v128, wanted: u8): u64 {
  return <u64>i8x16.bitmask(i8x16.eq(bytes, i8x16.splat(wanted)));
}

// @ts-expect-error as above
@inline
function digitMask(bytes: v128): u64 {
  return <u64>i8x16.bitmask(i8x16.lt_u(i8x16.sub(bytes, i8x16.splat(0x30)), i8x16.splat(10)));
}

// @ts-expect-error as above
@inline
function valueOf(eight: u64): u64 {
  const pairs = (eight * 10 + (eight >> 8)) & 0x00ff00ff00ff00ff;
  const low = (pairs & 0x000000ff000000ff) * 0x000f424000000064;
  const high = ((pairs >> 16) & 0x000000ff000000ff) * 0x0000271000000001;
  return (low + high) >> 32;
}

/** Reads from `from` to `end`, to the closing bracket, or until the columns are full. */
export function scan(from: usize, end: usize, fields: u32): i32 {
  at = from;
  while (true) {
    const isFull = scanBlocks(end, fields);
    if (isFull) return FULL;
    const status = scanBytes(end, fields);
    if (status >= 0) return status;
  }
}

/** Steps 1 and 2, until something else comes up; true when the columns are full. */
function scanBlocks(end: usize, fields: u32): bool {
  let p = at;
  let r = row;
  let f = field;
  let wasNewline: u64 = isOver ? 1 : 0;
  let wasDigit: u64 = 0;
  let start: usize = p;
  let isFull = false;
  let out = cell(r, f);
  while (p + BLOCK <= end) {
    if (r + ROWS_A_BLOCK > ROWS) {
      isFull = true;
      break;
    }
    const a = v128.load(p);
    const b = v128.load(p, 16);
    const c = v128.load(p, 32);
    const d = v128.load(p, 48);
    const digits = digitMask(a) | (digitMask(b) << 16) | (digitMask(c) << 32) | (digitMask(d) << 48);
    const commas = mask(a, COMMA) | (mask(b, COMMA) << 16) | (mask(c, COMMA) << 32) | (mask(d, COMMA) << 48);
    const newlines = mask(a, NEWLINE) | (mask(b, NEWLINE) << 16) | (mask(c, NEWLINE) << 32) | (mask(d, NEWLINE) << 48);
    const afterDigit = (digits << 1) | wasDigit;
    const afterNewline = (newlines << 1) | wasNewline;
    // A comma or a newline ends a number; after a newline there must be a comma.
    const isRegular =
      (digits | commas | newlines) == u64.MAX_VALUE &&
      (afterNewline & ~commas) == 0 &&
      (commas & ~(afterDigit | afterNewline)) == 0 &&
      (newlines & ~afterDigit) == 0;
    if (!isRegular) break;
    let ends = (commas | newlines) & afterDigit;
    let starts = digits & ~afterDigit;
    if (wasDigit == 0) {
      start = p + <usize>ctz(starts);
      starts &= starts - 1;
    }
    // At most 33 numbers; one that is too long leaves the block to step 3.
    while (ends != 0) {
      const stop = p + <usize>ctz(ends);
      const length = stop - start;
      if (length > 8) {
        at = start;
        row = r;
        field = f;
        isOver = false;
        return false;
      }
      const gap = <u64>(8 - length) << 3;
      store<u32>(out, <u32>valueOf(((load<u64>(stop - 8) ^ 0x3030303030303030) >> gap) << gap));
      ends &= ends - 1;
      start = p + <usize>ctz(starts);
      starts &= starts - 1;
      out += COLUMN;
      if (++f == fields) {
        f = 0;
        out = COLUMNS + (<usize>(++r) << 2);
      }
    }
    wasDigit = digits >> 63;
    wasNewline = newlines >> 63;
    p += BLOCK;
  }
  row = r;
  field = f;
  isOver = wasNewline != 0;
  at = wasDigit != 0 ? start : p;
  return isFull;
}

/** Step 3: reads until the next comma behind `at`, which is where blocks may begin again; -1 when there was one. */
function scanBytes(end: usize, fields: u32): i32 {
  const first = at;
  let p = first;
  let value: u64 = 0;
  let digits: u32 = 0;
  let isNegative = false;
  while (p < end) {
    const byte = load<u8>(p);
    const digit = <u32>byte - 48;
    if (digit <= 9) {
      if (isOver || ++digits > MOST_DIGITS) break;
      value = value * 10 + digit;
    } else if (byte == COMMA || byte == CLOSE) {
      if (digits > 0) {
        put(isNegative ? -(<f64>value) : <f64>value, fields);
        isOver = true;
      } else if (isNegative) break;
      if (!isOver && byte == COMMA) break;
      isOver = false;
      at = p + 1;
      if (byte == CLOSE) return CLOSED;
      return row + ROWS_A_BLOCK > ROWS || wide == WIDE_ROOM ? FULL : -1;
    } else if (byte == MINUS && digits == 0 && !isNegative && !isOver) isNegative = true;
    else if (byte <= 32 && (digits > 0 || !isNegative)) {
      if (digits > 0) {
        put(isNegative ? -(<f64>value) : <f64>value, fields);
        isOver = true;
        isNegative = false;
        digits = 0;
        value = 0;
      }
      at = p + 1;
    } else break;
    p++;
  }
  if (p >= end) return ENDED;
  at = p;
  return FOREIGN;
}

function put(value: f64, fields: u32): void {
  if (value < 0 || value > 4_294_967_295) {
    const entry = WIDE + (<usize>wide << 4);
    store<u32>(entry, row);
    store<u32>(entry + 4, field);
    store<f64>(entry + 8, value);
    store<u32>(cell(row, field), 0);
    wide++;
  } else store<u32>(cell(row, field), <u32>value);
  if (++field == fields) {
    field = 0;
    row++;
  }
}

/** Largest string index among the names of the edges made last. */
export let largestName: u32 = 0;

/**
 * Makes edges of three columns: checks types and targets, turns offsets into node indexes in place, and writes the
 * canonical types as bytes over the type column.
 *
 * @param typeTable canonical type of each type; bit 7 is set where the name is a number, not a string
 * @returns the first bad edge, or -1
 */
export function makeEdges(
  rows: u32,
  typeField: u32,
  nameField: u32,
  targetField: u32,
  typeTable: usize,
  typeCount: u32,
  nodeFields: u32,
  nodeCount: u32,
): i32 {
  const types = cell(0, typeField);
  const names = cell(0, nameField);
  const targets = cell(0, targetField);
  const share = 1.0 / <f64>nodeFields;
  let largest: u32 = 0;
  for (let e: u32 = 0; e < rows; e++) {
    const type = load<u32>(types + (<usize>e << 2));
    const offset = load<u32>(targets + (<usize>e << 2));
    const target = <u32>(<f64>offset * share + 0.5);
    if (type >= typeCount || target >= nodeCount || target * nodeFields != offset) return <i32>e;
    const known = load<u8>(typeTable + <usize>type);
    const name = (known & 0x80) != 0 ? 0 : load<u32>(names + (<usize>e << 2));
    largest = max(largest, name);
    store<u8>(types + <usize>e, known & 0x7f);
    store<u32>(targets + (<usize>e << 2), target);
  }
  largestName = largest;
  return -1;
}
