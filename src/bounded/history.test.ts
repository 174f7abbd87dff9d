import fc from 'fast-check';
import { expect, test } from 'vitest';
import { History } from './history.js';

const collect = () => (globalThis as { gc?: () => void }).gc!();

test('History agrees with an array that is cut to its capacity, for every order of calls', () => {
  const command = fc.oneof(
    { weight: 12, arbitrary: fc.integer().map((value) => ({ call: 'push' as const, value })) },
    { weight: 2, arbitrary: fc.constantFrom({ call: 'trim' as const }, { call: 'clear' as const }) },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.array(command, { maxLength: 60 }), (capacity, commands) => {
      const history = new History<number>(capacity);
      let model: number[] = [];
      for (const step of commands) {
        if (step.call === 'push') {
          history.push(step.value);
          model = [...model, step.value].slice(-capacity);
        } else if (step.call === 'clear') {
          history.clear();
          model = [];
        } else history.trim();
        expect(history.toArray()).toEqual(model);
        expect([...history]).toEqual(model);
        expect(history.size).toBe(model.length);
        expect(history.last()).toBe(model.at(-1));
        for (let i = -capacity - 1; i <= capacity; i++) expect(history.at(i)).toBe(model.at(i));
        expect(history.at(0.5)).toBeUndefined();
      }
    }),
    { numRuns: 300 },
  );
});

test('History.clear() begins anew, wherever the oldest was', () => {
  const history = new History<number>(3);
  for (let i = 0; i < 5; i++) history.push(i);
  history.clear();
  expect([history.size, history.bytes, history.last()]).toEqual([0, 0, undefined]);
  for (let i = 5; i < 7; i++) history.push(i);
  expect([history.toArray(), history.at(0), history.last()]).toEqual([[5, 6], 5, 6]);
});

test('History.capacity is exactly what was asked for, and must be a whole number from 1', () => {
  expect(new History(1000).capacity).toBe(1000);
  for (const wrong of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 25 + 1]) {
    expect(() => new History(wrong)).toThrow(RangeError);
  }
  expect(() => new History('9' as unknown as number)).toThrow(new TypeError('capacity must be a number, got string'));
  expect(() => new History(0)).toThrow('capacity must be a whole number from 1 to 33554432, got 0');
});

test('History.push() lets go of the value that it replaces', async () => {
  const history = new History<object>(2);
  const first = (() => {
    const value = { name: 'first' };
    history.push(value);
    return new WeakRef(value);
  })();
  history.push({});
  history.push({});
  while (first.deref() !== undefined) {
    await new Promise(setImmediate);
    collect();
  }
  expect(history.size).toBe(2);
});

/** The least of several readings: collections go on beside the program, and now and then drop code that rests. */
async function settledHeap(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 8; i++) {
    await new Promise(setImmediate);
    collect();
    least = Math.min(least, process.memoryUsage().heapUsed);
  }
  return least;
}

test('History.trim() gives back the reserve of histories that are not full, and a full one has none', async () => {
  const reserveBytes = async (capacity: number) => {
    // So many that what else moves in the heap (some 0.1 MB) is a small part of what they hold (16 MB and more).
    const histories = Array.from({ length: 100 }, (_, i) => {
      const history = new History<number>(capacity);
      for (let value = 0; value < 20_000 + i * 777; value++) history.push(value);
      return history;
    });
    const before = await settledHeap();
    for (const history of histories) history.trim();
    const held = histories.reduce((sum, history) => sum + history.bytes, 0);
    return (before - (await settledHeap())) / held;
  };
  expect(await reserveBytes(2 ** 20)).toBeGreaterThan(0.05);
  expect(Math.abs(await reserveBytes(20_000))).toBeLessThan(0.01);
});

test('History.bytes is 8 for each value that it holds', () => {
  const history = new History<number>(4);
  expect(history.bytes).toBe(0);
  for (let i = 0; i < 9; i++) history.push(i);
  expect(history.bytes).toBe(32);
});

test('History.close() forgets all, refuses pushes, and may be called again', () => {
  for (const pushes of [0, 1, 5]) {
    const history = new History<number>(3);
    for (let i = 0; i < pushes; i++) history.push(i);
    const end = pushes === 1 ? () => history[Symbol.dispose]() : () => history.close();
    end();
    end();
    expect(history.isClosed).toBe(true);
    expect(history.toArray()).toEqual([]);
    expect(() => history.push(1)).toThrow(expect.objectContaining({ code: 'WT_BOUNDED_CLOSED' }));
    expect(history.size).toBe(0);
  }
});
