import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Float64History } from './float64-history.js';

const collect = () => (globalThis as { gc?: () => void }).gc!();

test('Float64History agrees with an array of rows that is cut to its capacity, for every order of calls', () => {
  const command = fc.oneof(
    { weight: 12, arbitrary: fc.double().map((value) => ({ call: 'push' as const, value })) },
    { weight: 4, arbitrary: fc.double().map((value) => ({ call: 'pushRow' as const, value })) },
    { weight: 2, arbitrary: fc.constantFrom({ call: 'trim' as const }, { call: 'clear' as const }) },
  );
  const anyCase = fc.tuple(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 8 }),
    fc.array(command, { maxLength: 120 }),
  );
  fc.assert(
    fc.property(anyCase, ([capacity, width, commands]) => {
      const history = new Float64History(capacity, width);
      let model: number[][] = [];
      for (const step of commands) {
        if (step.call === 'push' || step.call === 'pushRow') {
          const row = Array.from({ length: width }, (_, column) => step.value + column);
          if (step.call === 'push') history.push(...(row as [number]));
          else history.pushRow([7, 7, ...row, 7], 2);
          model = [...model, row].slice(-capacity);
        } else if (step.call === 'clear') {
          history.clear();
          model = [];
        } else {
          history.trim();
          expect(history.bytes).toBe(model.length * width * 8);
        }
        expect(history.size).toBe(model.length);
        expect(history.bytes).toBeLessThanOrEqual(capacity * width * 8);
      }
      for (let column = 0; column < width; column++) {
        expect([...history.column(column)]).toEqual(model.map((row) => row[column]));
      }
      for (let row = -capacity - 1; row <= capacity; row++) {
        expect(history.at(row, 0)).toEqual(model.at(row)?.[0]);
        expect(history.at(row, width - 1)).toEqual(model.at(row)?.[width - 1]);
        expect(history.row(row) && [...history.row(row)!]).toEqual(model.at(row));
      }
    }),
    { numRuns: 300 },
  );
});

test('Float64History.at() gives nothing where there is no cell', () => {
  const history = new Float64History(2, 2);
  history.push(1, 2);
  expect([history.at(0, 2), history.at(0, -1), history.at(1, 0), history.at(0.5, 0), history.row(1)]).toEqual(
    new Array(5).fill(undefined),
  );
  expect(() => history.column(2)).toThrow(RangeError);
  expect(() => history.column(-1)).toThrow(RangeError);
});

test('Float64History.row() fills the array that it is given', () => {
  const history = new Float64History(2, 2);
  history.push(1, 2);
  const target = new Float64Array(2);
  expect(history.row(0, target)).toBe(target);
  expect([...target]).toEqual([1, 2]);
});

test('Float64History.push() refuses a row of another width', () => {
  const history = new Float64History(4, 3);
  expect(() => history.push(1, 2)).toThrow(new RangeError('push() must get 3 numbers, got 2'));
  expect(() => history.push(1, 2, 3, 4)).toThrow(RangeError);
  expect(() => history.pushRow([1, 2, 3], 1)).toThrow(RangeError);
  expect(() => history.pushRow([1, 2, 3], -1)).toThrow(RangeError);
  expect(() => history.pushRow([1, 2, 3, 4], 0.5)).toThrow(RangeError);
  expect(history.size).toBe(0);
  expect(() => new Float64History(4, 9).push(1)).toThrow('use pushRow()');
});

test('Float64History must have rows and columns, and fit one array', () => {
  for (const [rows, width] of [
    [0, 1],
    [1, 0],
    [1.5, 1],
    [2 ** 30, 2],
    [1, Number.NaN],
  ] as const) {
    expect(() => new Float64History(rows, width)).toThrow(RangeError);
  }
  expect(new Float64History(1000, 3)).toMatchObject({ capacity: 1000, width: 3, size: 0, bytes: 0 });
});

test('Float64History.clear() keeps its memory for the next rows, trim() gives it back', () => {
  const history = new Float64History(100, 2);
  for (let i = 0; i < 150; i++) history.push(i, -i);
  history.clear();
  expect(history.bytes).toBe(1600);
  for (let i = 0; i < 101; i++) history.push(i, -i);
  expect(history.at(0, 0)).toBe(1);
  history.clear();
  history.trim();
  expect(history.bytes).toBe(0);
});

test('Float64History.close() forgets all, refuses pushes, and may be called again', () => {
  for (const pushes of [0, 1, 5]) {
    const history = new Float64History(3, 1);
    for (let i = 0; i < pushes; i++) history.push(i);
    const end = pushes === 1 ? () => history[Symbol.dispose]() : () => history.close();
    end();
    end();
    expect(history).toMatchObject({ isClosed: true, size: 0, bytes: 0 });
    expect(() => history.push(1)).toThrow(expect.objectContaining({ code: 'WT_BOUNDED_CLOSED' }));
    expect(() => history.pushRow([1])).toThrow(expect.objectContaining({ code: 'WT_BOUNDED_CLOSED' }));
  }
});

test('Float64History.push() adds nothing to the heap once it is full, over 8,000,000 steps', () => {
  const history = new Float64History(1000, 3);
  const run = (steps: number) => {
    for (let i = 0; i < steps; i++) history.push(i * 0.5, i, -i);
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  run(100_000);
  const before = run(100_000);
  const after = run(8_000_000);
  // What the collector and the test runner move about between two calls (0.2 MB was seen); a byte a step would be 8 MB.
  expect(after - before).toBeLessThan(800_000);
});
