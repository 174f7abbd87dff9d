import { expect, test } from 'vitest';
import { judgeNative } from './native.js';

const MIB = 2 ** 20;
const series = (value: (i: number) => number) => Array.from({ length: 48 }, (_, i) => [i * 100, value(i)] as const);

test('judgeNative() calls large and steady growth a leak, at its rate', () => {
  const judged = judgeNative(
    series((i) => 50 * MIB + i * MIB),
    1,
  );
  expect(judged?.verdict).toBe('leak');
  expect(judged?.perIteration).toBeCloseTo(MIB / 100, -2);
});

test('judgeNative() does not call an allocator that comes to rest a leak', () => {
  expect(
    judgeNative(
      series((i) => 50 * MIB + 40 * MIB * (1 - Math.exp(-i / 12))),
      1,
    )?.verdict,
  ).not.toBe('leak');
});

test('judgeNative() does not call one jump a leak', () => {
  expect(
    judgeNative(
      series((i) => 50 * MIB + (i > 30 ? 64 * MIB : 0)),
      1,
    )?.verdict,
  ).not.toBe('leak');
});

test('judgeNative() lets small growth pass', () => {
  expect(
    judgeNative(
      series((i) => 50 * MIB + i * 0.05 * MIB),
      1,
    )?.verdict,
  ).toBe('clean');
});
