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

  test('makes edges as one by one, and finds the first bad one', () => {
    const random = seededRandom(23);
    const scanner = new IntegerScanner();
    for (let round = 0; round < 300; round++) {
      const nodeFields = 1 + Math.floor(random() * 8);
      const nodeCount = 1 + Math.floor((random() * 600_000_000) / nodeFields);
      const table = Uint8Array.from(
        { length: 1 + Math.floor(random() * 20) },
        (_, i) => (i % 7) | (random() < 0.3 ? 0x80 : 0),
      );
      const rows = Math.floor(random() * 100);
      const edges = Array.from({ length: rows }, () => [
        Math.floor(random() * table.length),
        Math.floor(random() * 2 ** 32),
        Math.floor(random() * nodeCount) * nodeFields,
      ]);
      const wrong = rows > 0 && random() < 0.5 ? Math.floor(random() * rows) : -1;
      if (wrong >= 0) {
        const kinds = [
          [0, table.length],
          [0, 2 ** 31],
          [0, 256],
          [2, nodeCount * nodeFields],
          [2, 2 ** 32 - 1],
        ] as const;
        const [field, value] = kinds[Math.floor(random() * kinds.length)]!;
        edges[wrong]![field] = value;
      }
      const isBad = ([type, , offset]: number[]) =>
        !(type! < table.length && offset! % nodeFields === 0 && offset! / nodeFields < nodeCount);
      let bad = -2;
      scanner.open(3, (count) => {
        bad = scanner.makeEdges(count, { type: 0, nameOrIndex: 1, toNode: 2 }, table, nodeFields, nodeCount);
        if (bad >= 0) return;
        expect([...scanner.bytes(0).subarray(0, count)]).toEqual(edges.map(([type]) => table[type!]! & 0x7f));
        expect([...scanner.column(1).subarray(0, count)]).toEqual(edges.map(([, name]) => name));
        expect([...scanner.column(2).subarray(0, count)]).toEqual(edges.map(([, , offset]) => offset! / nodeFields));
        const names = edges.filter(([type]) => table[type!]! < 0x80).map(([, name]) => name!);
        expect(scanner.largestName).toBe(Math.max(0, ...names));
      });
      scanner.scan(Buffer.from(`${edges.flat().join(',')}]`), 0);
      expect(bad).toBe(edges.findIndex(isBad));
    }
  });

  test('makes nodes, and finds the first bad one', () => {
    const table = Uint8Array.of(3, 1, 2);
    const make = (text: string, edgeCount: number) => {
      const scanner = new IntegerScanner();
      let bad = -2;
      scanner.open(3, (rows) => {
        bad = scanner.makeNodes(rows, { type: 0, name: 1, edgeCount: 2 }, table, 10, edgeCount);
      });
      scanner.scan(Buffer.from(text), 0);
      return { bad, scanner };
    };
    const { bad, scanner } = make('0,7,5,2,9,0,1,8,4]', 19);
    expect(bad).toBe(-1);
    expect([...scanner.bytes(0).subarray(0, 3)]).toEqual([3, 2, 1]);
    expect([...scanner.column(2).subarray(0, 3)]).toEqual([15, 15, 19]);
    expect(scanner.largestName).toBe(9);
    expect(make('0,7,5,2,9,0,1,8,4]', 18).bad).toBe(2);
    expect(make('0,7,5,3,9,0,1,8,4]', 19).bad).toBe(1);
    // Sums beyond 32 bits do not come round.
    expect(make('0,7,4294967295,0,9,4294967295,1,8,4]', 4_294_967_295).bad).toBe(0);
  });
});
