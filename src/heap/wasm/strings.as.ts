/**
 * Finds the strings of a JSON array of strings, and which of them name entries of WeakMaps. AssemblyScript with SIMD;
 * compiled by `scripts/build.mjs` into `strings.wasm`, wrapped by `string-table.ts`.
 *
 * Memory: the text of the section, as it stands in the file, from TEXT to `end`; batches of what was found before it.
 */

// Shared with the wrapper: change both.
const BATCH: u32 = 8_192;
const STARTS: usize = 65_536;
const ENTRIES: usize = 131_072;
const KEY_IDS: usize = 163_840;
const TABLE_IDS: usize = 229_376;
const PATTERNS: usize = 294_912;
/** Bytes between patterns; before each lies its length. */
const PATTERN: usize = 64;

const ENDED: i32 = 0;
const FULL: i32 = 1;
const CLOSED: i32 = 2;
const FOREIGN: i32 = 3;

const QUOTE: u8 = 0x22;
const COMMA: u8 = 0x2c;
const ZERO: u8 = 0x30;
const BACKSLASH: u8 = 0x5c;
const CLOSE: u8 = 0x5d;

/** Where reading stopped. */
export let at: usize = 0;
/** Strings of the batch, their addresses in STARTS. */
export let count: u32 = 0;
/** Names of entries of the batch: their rows in it in ENTRIES, ids as f64 in KEY_IDS and TABLE_IDS. */
export let entries: u32 = 0;
/** Start of the string that is read, 0 between strings. */
let start: usize = 0;

/** Begins to read at an address. */
export function open(from: usize): void {
  at = from;
  start = 0;
  flush();
}

/** Begins a new batch. */
export function flush(): void {
  count = 0;
  entries = 0;
}

/** Reads from `at` to `end`, to the closing bracket, or until the batch is full. */
export function scan(end: usize): i32 {
  let p = at;
  while (true) {
    if (start == 0) {
      while (p < end && (load<u8>(p) <= 32 || load<u8>(p) == COMMA)) p++;
      at = p;
      if (p >= end) return ENDED;
      const byte = load<u8>(p);
      if (byte == CLOSE) {
        at = p + 1;
        return CLOSED;
      }
      if (byte != QUOTE) return FOREIGN;
      if (count == BATCH) return FULL;
      start = ++p;
    }
    p = closingQuote(p, end);
    if (p == 0) return ENDED;
    store<u32>(STARTS + (<usize>count << 2), <u32>start);
    if (<u32>load<u8>(start) - ZERO <= 9 && isEntry(start, p)) {
      store<u32>(ENTRIES + (<usize>entries << 2), count);
      entries++;
    }
    count++;
    start = 0;
    p++;
  }
}

/** The quote that ends a string; 0 when the input ends first, and then `at` is where to go on. */
function closingQuote(from: usize, end: usize): usize {
  const quotes = i8x16.splat(QUOTE);
  const backslashes = i8x16.splat(BACKSLASH);
  let p = from;
  while (p < end) {
    const bytes = v128.load(p);
    const hits = i8x16.bitmask(v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, backslashes)));
    if (hits == 0) {
      p += 16;
      continue;
    }
    p += ctz(hits);
    if (p >= end) break;
    if (load<u8>(p) == QUOTE) return p;
    if (p + 1 >= end) {
      at = p;
      return 0;
    }
    p += 2;
  }
  at = end;
  return 0;
}

// @ts-expect-error decorators of functions are AssemblyScript's
@inline
function patternLength(pattern: u32): usize {
  return <usize>load<u8>(PATTERNS + <usize>pattern * PATTERN);
}

/** True when a pattern stands at a place, whole before `end`. */
function isAt(pattern: u32, place: usize, end: usize): bool {
  const length = patternLength(pattern);
  return place + length <= end && memory.compare(place, PATTERNS + <usize>pattern * PATTERN + 1, length) == 0;
}

const OPENS: u32 = 0;
const BETWEEN: u32 = 1;
const CLOSES: u32 = 2;

/** Value of the id that `idBefore` found. */
let id: f64 = 0;

/** Where the id ` @123` begins that ends before a place; 0 when there is none. */
function idBefore(place: usize, from: usize): usize {
  let p = place;
  let value: f64 = 0;
  let power: f64 = 1;
  while (p > from && <u32>load<u8>(p - 1) - ZERO <= 9) {
    p--;
    value += power * <f64>(load<u8>(p) - ZERO);
    power *= 10;
  }
  if (p == place || p < from + 2 || load<u16>(p - 2) != 0x4020) return 0;
  id = value;
  return p - 2;
}

/**
 * Matches a name as the expression of Chrome DevTools does, of several places where the key may end the first:
 * `12 / part of key (Key @34) -> value (Value @56) pair in WeakMap (table @78)`. Writes both ids to the row `entries`.
 * Cost: linear; an expression would take the square of a name that was made for it.
 */
function isEntry(from: usize, end: usize): bool {
  let p = from + 1;
  while (p < end && <u32>load<u8>(p) - ZERO <= 9) p++;
  if (!isAt(OPENS, p, end) || load<u8>(end - 1) != 0x29) return false;
  const key = p + patternLength(OPENS);
  const table = idBefore(end - 1, key);
  const tableId = id;
  if (table == 0) return false;
  // The pattern ends with the ` @` of the table's id.
  const close = table + 2 - patternLength(CLOSES);
  if (close < key || !isAt(CLOSES, close, end)) return false;
  const value = idBefore(close, key);
  if (value == 0 || hasLineEnd(from, end)) return false;
  for (p = key; p + patternLength(BETWEEN) <= value; p++) {
    if (load<u8>(p) != 0x29 || !isAt(BETWEEN, p, value) || idBefore(p, key) == 0) continue;
    store<f64>(KEY_IDS + (<usize>entries << 3), id);
    store<f64>(TABLE_IDS + (<usize>entries << 3), tableId);
    return true;
  }
  return false;
}

/** True when there is what the expression does not read over: a line end, escaped or not. */
function hasLineEnd(from: usize, end: usize): bool {
  for (let p = from; p < end; p++) {
    const byte = load<u8>(p);
    if (byte == 0x0a || byte == 0x0d) return true;
    // U+2028 and U+2029 in UTF-8.
    if (byte == 0xe2 && p + 2 < end && load<u8>(p + 1) == 0x80 && (load<u8>(p + 2) & 0xfe) == 0xa8) return true;
    if (byte != BACKSLASH) continue;
    const escaped = load<u8>(++p);
    if (escaped == 0x6e || escaped == 0x72) return true;
    if (escaped != 0x75 || p + 4 >= end) continue;
    const digits = bswap<u32>(load<u32>(p + 1));
    // 2028 and 2029; 000a and 000d, in either case.
    if (digits - 0x32303238 <= 1) return true;
    const upper = digits & 0xffffffdf;
    if (upper == 0x30303041 || upper == 0x30303044) return true;
  }
  return false;
}
