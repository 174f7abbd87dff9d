/**
 * Reads a flat JSON array of integers, record by record, into one column a field. AssemblyScript with SIMD; compiled
 * by `scripts/build.mjs` into `scanner.wasm`, wrapped by `integer-scanner.ts`.
 *
 * 1. *Classify.* 32 or 48 bytes from the start of a record become a word: where other bytes than digits are. A record of
 *    V8 ends within them. From the word follow the ends of its numbers, without a look at each digit (after
 *    the first stage of Langdale & Lemire, "Parsing gigabytes of JSON per second", VLDB Journal 28, 2019).
 * 2. *Convert.* The eight bytes before a number's end are loaded, those before its first digit cleared, and three
 *    multiplications make the value (Lemire, "Quickly parsing eight digits", 2018). Nine to fifteen digits are two such.
 * 3. Whatever is not digits, a comma, or a newline before the comma behind a record is read byte by byte: minus signs,
 *    other white space, numbers that are too long or too large, the closing bracket, the end of the input.
 *
 * Memory: input before `end`, with 16 bytes to spare before it; columns of ROWS values (u32) from COLUMNS, one after the
 * other. What does not fit 32 bits, and negative numbers, go to WIDE as [row u32, field u32, value f64].
 */

// Shared with the wrapper: change both.
const WIDE: usize = 4_096;
const WIDE_ROOM: u32 = 1_024;
/** Sixteen times the digit zero, and sixteen times ten. */
const ZEROS: usize = 20_480;
const TENS: usize = 20_496;
/** Targets of sixteen edges. */
const MADE: usize = 20_512;
const COLUMNS: usize = 65_536;
const ROWS: u32 = 8_192;
/** Bytes of a column. */
const COLUMN: usize = 32_768;

const ENDED: i32 = 0;
const FULL: i32 = 1;
const CLOSED: i32 = 2;
const FOREIGN: i32 = 3;

const COMMA: u8 = 0x2c;
const MINUS: u8 = 0x2d;
const CLOSE: u8 = 0x5d;
/** 2 ** 52. */
const WHOLE: f64 = 4_503_599_627_370_496;
/** A newline and a comma, as they are loaded. */
const NEWLINE_COMMA: u16 = 0x2c0a;
/** Bytes that are looked at for a record, at most; 32 for three numbers. */
const WINDOW: usize = 48;
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
  v128.store(ZEROS, i8x16.splat(0x30));
  v128.store(TENS, i8x16.splat(10));
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

/** Bytes of 16 that are no digits. */
// @ts-expect-error as above
@inline
function others(place: usize, zeros: v128, tens: v128): u64 {
  return <u64>i8x16.bitmask(i8x16.ge_u(i8x16.sub(v128.load(place), zeros), tens));
}

// @ts-expect-error as above
@inline
function valueOf(eight: u64): u64 {
  const pairs = (eight * 10 + (eight >> 8)) & 0x00ff00ff00ff00ff;
  const low = (pairs & 0x000000ff000000ff) * 0x000f424000000064;
  const high = ((pairs >> 16) & 0x000000ff000000ff) * 0x0000271000000001;
  return (low + high) >> 32;
}

/** Value of the last digits, at most eight, before a place. */
// @ts-expect-error as above
@inline
function digitsBefore(stop: usize, length: usize): u64 {
  const gap = <u64>(8 - length) << 3;
  return valueOf(((load<u64>(stop - 8) ^ 0x3030303030303030) >> gap) << gap);
}

/** Reads from `from` to `end`, to the closing bracket, or until the columns are full. */
export function scan(from: usize, end: usize, fields: u32): i32 {
  at = from;
  while (true) {
    if (field == 0 && !isOver) scanRecords(end, fields);
    if (row == ROWS) return FULL;
    const status = scanBytes(end, fields);
    if (status >= 0) return status;
  }
}

/** Steps 1 and 2, until something else comes up or the columns are full. */
function scanRecords(end: usize, fields: u32): void {
  // Constants would be made anew for each record: V8 keeps what was loaded in registers.
  const zeros = v128.load(ZEROS);
  const tens = v128.load(TENS);
  // A record is looked at when the two bytes behind its window are there too.
  const lastRecord = end - WINDOW - 2;
  const lastRow = cell(ROWS, 0);
  const isWide = fields > 3;
  let p = at;
  let cells = cell(row, 0);
  while (p <= lastRecord && cells < lastRow) {
    let ends = others(p, zeros, tens) | (others(p + 16, zeros, tens) << 16);
    if (isWide) ends |= others(p + 32, zeros, tens) << 32;
    const behind = cells + <usize>fields * COLUMN;
    let start = p;
    let place = cells;
    while (true) {
      // Where there is no end, the number is too long.
      const stop = p + <usize>ctz(ends);
      ends &= ends - 1;
      const length = stop - start;
      let value: u64 = 0;
      if (length == 1) value = <u64>load<u8>(start) - 0x30;
      else if (length - 1 < 8) value = digitsBefore(stop, length);
      else if (length - 9 < 7) value = digitsBefore(stop, 8) + 100_000_000 * digitsBefore(stop - 8, length - 8);
      else break;
      if (value > u32.MAX_VALUE) break;
      store<u32>(place, <u32>value);
      start = stop + 1;
      if (load<u8>(stop) != COMMA) {
        if (place + COLUMN == behind && load<u16>(stop) == NEWLINE_COMMA) start++;
        else break;
      }
      place += COLUMN;
      if (place == behind) break;
    }
    if (place != behind) break;
    p = start;
    cells += 4;
  }
  row = <u32>(cells - COLUMNS) >> 2;
  at = p;
}

/** Step 3: reads to the next comma behind `at`; -1 when there was one. */
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
      return wide == WIDE_ROOM ? FULL : -1;
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

/** Largest string index among the names of the nodes or edges made last. */
export let largestName: u32 = 0;

/**
 * Makes nodes of three columns: checks types, writes the canonical ones as bytes over the type column, and turns counts
 * of edges into the number of edges up to there.
 * @returns the first node with a bad type or with more edges than there are, or -1
 */
export function makeNodes(
  rows: u32,
  typeField: u32,
  nameField: u32,
  countField: u32,
  typeTable: usize,
  typeCount: u32,
  edgesBefore: u32,
  edgeCount: u32,
): i32 {
  const types = cell(0, typeField);
  const names = cell(0, nameField);
  const counts = cell(0, countField);
  let largest: u32 = 0;
  let edges = <u64>edgesBefore;
  for (let n: u32 = 0; n < rows; n++) {
    const type = load<u32>(types + (<usize>n << 2));
    edges += load<u32>(counts + (<usize>n << 2));
    if (type >= typeCount || edges > edgeCount) return <i32>n;
    largest = max(largest, load<u32>(names + (<usize>n << 2)));
    store<u8>(types + <usize>n, load<u8>(typeTable + <usize>type));
    store<u32>(counts + (<usize>n << 2), <u32>edges);
  }
  largestName = largest;
  return -1;
}

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
  const names = cell(0, nameField);
  const targets = cell(0, targetField);
  const types = cell(0, typeField);
  const share = 1.0 / <f64>nodeFields;
  let e = typeCount <= 16 ? makeSixteens(rows, types, names, targets, typeTable, typeCount, nodeFields, nodeCount) : 0;
  let largest = e > 0 ? largestName : 0;
  for (; e < rows; e++) {
    const place = <usize>e << 2;
    const type = load<u32>(types + place);
    const offset = load<u32>(targets + place);
    const target = <u32>(<f64>offset * share + 0.5);
    if (type >= typeCount || target >= nodeCount || target * nodeFields != offset) return <i32>e;
    const known = load<u8>(typeTable + <usize>type);
    if ((known & 0x80) == 0) largest = max(largest, load<u32>(names + place));
    store<u8>(types + <usize>e, known & 0x7f);
    store<u32>(targets + place, target);
  }
  largestName = largest;
  return -1;
}

/** As `makeEdges`, for whole sixteens of edges before the first bad one. Returns the number of edges made. */
function makeSixteens(
  rows: u32,
  types: usize,
  names: usize,
  targets: usize,
  typeTable: usize,
  typeCount: u32,
  nodeFields: u32,
  nodeCount: u32,
): u32 {
  const table = v128.load(typeTable);
  const share = f64x2.splat(1.0 / <f64>nodeFields);
  const whole = f64x2.splat(WHOLE);
  const fields = i32x4.splat(nodeFields);
  const count = i32x4.splat(nodeCount);
  const known = i8x16.splat(<u8>typeCount);
  let largest = i32x4.splat(0);
  let e: u32 = 0;
  for (; e + 16 <= rows; e += 16) {
    const place = <usize>e << 2;
    const a = v128.load(types + place);
    const b = v128.load(types + place, 16);
    const c = v128.load(types + place, 32);
    const d = v128.load(types + place, 48);
    const low = i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_u(a, b), i16x8.narrow_i32x4_u(c, d));
    const high = v128.andnot(v128.or(v128.or(a, b), v128.or(c, d)), i32x4.splat(0xff));
    if (v128.any_true(high) || !i8x16.all_true(i8x16.lt_u(low, known))) break;
    // Targets first, beside their offsets: those of a bad sixteen stay.
    let isGood = i32x4.splat(-1);
    for (let k: usize = 0; k < 64; k += 16) {
      const offsets = v128.load(targets + place + k);
      // The nearest integers, in the low bits of sums as large as doubles are whole.
      const first = f64x2.add(f64x2.mul(f64x2.convert_low_i32x4_u(offsets), share), whole);
      const rest = v128.shuffle<i32>(offsets, offsets, 2, 3, 2, 3);
      const second = f64x2.add(f64x2.mul(f64x2.convert_low_i32x4_u(rest), share), whole);
      const target = v128.shuffle<i32>(first, second, 0, 2, 4, 6);
      const isWhole = i32x4.eq(i32x4.mul(target, fields), offsets);
      isGood = v128.and(isGood, v128.and(isWhole, i32x4.lt_u(target, count)));
      v128.store(MADE + k, target);
    }
    if (!i32x4.all_true(isGood)) break;
    const made = i8x16.swizzle(table, low);
    // All ones where the name is a number.
    const isNumber = i8x16.shr_s(made, 7);
    for (let k: usize = 0; k < 64; k += 16) v128.store(targets + place + k, v128.load(MADE + k));
    v128.store(types + <usize>e, v128.and(made, i8x16.splat(0x7f)));
    const firstHalf = i16x8.extend_low_i8x16_s(isNumber);
    const secondHalf = i16x8.extend_high_i8x16_s(isNumber);
    largest = i32x4.max_u(largest, v128.andnot(v128.load(names + place), i32x4.extend_low_i16x8_s(firstHalf)));
    largest = i32x4.max_u(largest, v128.andnot(v128.load(names + place, 16), i32x4.extend_high_i16x8_s(firstHalf)));
    largest = i32x4.max_u(largest, v128.andnot(v128.load(names + place, 32), i32x4.extend_low_i16x8_s(secondHalf)));
    largest = i32x4.max_u(largest, v128.andnot(v128.load(names + place, 48), i32x4.extend_high_i16x8_s(secondHalf)));
  }
  const pairs = i32x4.max_u(largest, v128.shuffle<i32>(largest, largest, 2, 3, 0, 1));
  largestName = max(<u32>i32x4.extract_lane(pairs, 0), <u32>i32x4.extract_lane(pairs, 1));
  return e;
}
