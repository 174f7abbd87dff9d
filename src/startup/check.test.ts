import { expect, test } from 'vitest';
import { type Count, judgeCounts } from './check.js';

const statusOf = (expected: number, actual: number, isVital: boolean) =>
  judgeCounts([{ name: 'tools', expected, actual }], isVital)[0]?.status;

test('judgeCounts() calls as many as expected, or more, healthy', () => {
  expect([statusOf(3, 3, true), statusOf(3, 4, true), statusOf(0, 0, true)]).toEqual(['healthy', 'healthy', 'healthy']);
});

test('judgeCounts() calls fewer than expected a warning', () => {
  expect([statusOf(3, 2, true), statusOf(3, 1, false)]).toEqual(['warning', 'warning']);
});

test('judgeCounts() calls none at all critical where it is vital, else a warning', () => {
  expect([statusOf(3, 0, true), statusOf(3, 0, false)]).toEqual(['critical', 'warning']);
});

test.each([
  [{ name: 'tools', expected: Number.NaN, actual: 1 }, 'expected must be a number from 0, not the number NaN'],
  [{ name: 'tools', expected: 1, actual: 'x' }, 'actual must be a number from 0, not the text "x"'],
  [{ name: 'tools', expected: 1, actual: -1 }, 'actual must be a number from 0, not the number -1'],
  [{ expected: 1, actual: 1 }, 'name must be a text, not undefined'],
  [5, 'a check must return counts { name, expected, actual }: name must be a text'],
  [null, 'a check must return counts { name, expected, actual }: name must be a text'],
])('judgeCounts() refuses %o, which is no count', (count, message) => {
  expect(() => judgeCounts([count as Count], true)).toThrow(TypeError);
  expect(() => judgeCounts([count as Count], true)).toThrow(message);
});

test('judgeCounts() keeps each count with its name and both numbers, in order', () => {
  const counts = [
    { name: 'tools', expected: 2, actual: 2 },
    { name: 'agents', expected: 4, actual: 1 },
  ];
  expect(judgeCounts(counts, true)).toEqual([
    { name: 'tools', expected: 2, actual: 2, status: 'healthy' },
    { name: 'agents', expected: 4, actual: 1, status: 'warning' },
  ]);
});
