import { describe, expect, test } from 'vitest';
import { seededRandom } from '../core/index.js';
import { IntegerScanner } from './integer-scanner.js';

interface Read {
  readonly numbers: number[];
  readonly next: number;
  readonly hasRest: boolean;
}

/** Reads an array's text after its bracket, in pieces of the lengths that `cut` gives. */
function read(text: string, fields: number, cut: () => number, scanner = new IntegerScanner()): Read {
  const bytes = Buffer.from(text);
  const numbers: number[] = [];
  scanner.open(fields, (rows) => {
    const wide = new Map(scanner.wideValues().map(({ row, field, value }) => [row * 16 + field, value]));
    for (let row = 0; row < rows; row++) {
      for (let field = 0; field < fields; field++) {
        numbers.push(wide.get(row * 16 + field) ?? scanner.column(field)[row]!);
      }
    }
  });
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + cut());
    const next = scanner.scan(bytes.subarray(from, to), 0);
    if (next !== -1) return { numbers, next: next < 0 ? next - from : next + from, hasRest: scanner.hasRest };
    from = to;
  }
  return { numbers, next: -1, hasRest: scanner.hasRest };
}

const whole = (): number => Number.POSITIVE_INFINITY;

describe('the integer scanner', () => {
  test('reads what JSON.parse reads, however it is cut, written and wrapped', () => {
    const random = seededRandom(7);
    const scanner = new IntegerScanner();
    for (let round = 0; round < 400; round++) {
      const fields = 1 + Math.floor(random() * 16);
      const count = fields * Math.floor(random() * 300);
      const isOld = random() < 0.5;
      const longest = 1 + Math.floor(random() * 15);
      const values = Array.from({ length: count }, () => {
        const value = Math.floor(random() * 10 ** Math.ceil(random() * longest));
        return random() < 0.01 ? -value : value;
      });
      const text = values
        .map((value, i) => `${value}${isOld && (i + 1) % fields === 0 ? '\n' : ''}${random() < 0.002 ? ' \t' : ''}`)
        .join(random() < 0.1 ? ', ' : ',');
      const most = random() < 0.3 ? 3 : 4_000;
      const got = read(`${text}]`, fields, () => 1 + Math.floor(random() * most), scanner);
      expect(got.numbers).toEqual(values.map((value) => value || 0));
      expect(got).toMatchObject({ next: text.length + 1, hasRest: false });
    }
  });

  test('hands over more rows than its columns hold, and more than one chunk', () => {
    const values = Array.from({ length: 3 * 400_000 }, (_, i) => (i * 7_919) % 90_000_007);
    const got = read(`${values.join(',')}]`, 3, whole);
    expect(got.numbers.length).toBe(values.length);
    expect(got.numbers.every((value, i) => value === values[i])).toBe(true);
  });

  test('hands over wide values where there are more than it has room for', () => {
    const values = Array.from({ length: 5_000 }, (_, i) => 2 ** 32 + i);
    expect(read(`${values.join(',')}]`, 2, () => 4_099).numbers).toEqual(values);
  });

  test.for([
    ['1,2,x,3]', 4],
    ['1,,3]', 2],
    [',1]', 0],
    ['1,--2]', 3],
    ['1,-]', 3],
    ['1 2]', 2],
    ['1,2-]', 3],
    [`1,${'9'.repeat(16)}]`, 17],
    [`${'1,'.repeat(200)}1.5]`, 401],
    [`${'1,'.repeat(200)}"]`, 400],
    [`${'10\n,'.repeat(100)}\n,1]`, 401],
    [`${'1,'.repeat(100)}1\n2,${'1,'.repeat(100)}]`, 202],
  ] as const)('finds the byte that does not belong: %#', ([text, at]) => {
    for (const cut of [1, 3, 64, 1_000]) expect(read(text, 1, () => cut).next).toBe(-2 - at);
  });

  test('tells that the array was closed within a record, and that it was not closed', () => {
    expect(read('1,2,3]', 2, whole)).toMatchObject({ hasRest: true, next: 6 });
    expect(read('1,2,3', 3, whole).next).toBe(-1);
    expect(read(']', 3, whole)).toEqual({ numbers: [], next: 1, hasRest: false });
  });
});
