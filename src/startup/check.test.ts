import { expect, test } from 'vitest';
import { judgeCounts } from './check.js';

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

test('judgeCounts() never calls a count healthy that is no number', () => {
  expect(statusOf(1, Number.NaN, true)).toBe('critical');
  expect(statusOf(Number.NaN, 1, true)).toBe('warning');
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
