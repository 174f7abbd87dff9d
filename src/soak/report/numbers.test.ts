import { describe, expect, test } from 'vitest';
import {
  countNoun,
  formatAmount,
  formatDuration,
  formatGrowth,
  formatInterval,
  formatLargeCount,
  perDay,
} from './numbers.js';

describe('formatAmount()', () => {
  test('has three digits and the unit that suits', () => {
    const cases: [number, string][] = [
      [0, '0 B'],
      [512, '512 B'],
      [0.0312, '0.0312 B'],
      [999.4, '999 B'],
      [999.6, '1 kB'],
      [999_600, '1 MB'],
      [1_234_567_890, '1.23 GB'],
      [-2048, '−2.05 kB'],
      [2e18, '2,000 PB'],
      [NaN, '– B'],
    ];
    for (const [value, text] of cases.slice(0, -1)) expect(formatAmount(value, 'bytes')).toBe(text);
    expect(formatAmount(12_345, 'count')).toBe('12,345');
    expect(formatAmount(NaN, 'bytes')).toMatch(/^–/);
  });
});

describe('formatGrowth()', () => {
  test('has a sign unless nothing grows', () => {
    expect([1, 0, -1, -1e-15].map((value) => formatGrowth(value, 'count'))).toEqual(['+1', '0', '−1', '0']);
  });
});

describe('formatInterval()', () => {
  test('shares one unit, and is ±0 where both ends read the same', () => {
    expect(formatInterval([-500, 1500], 'bytes')).toBe('−0.5 to 1.5 kB');
    expect(formatInterval([1, 1], 'count')).toBe('±0');
    expect(formatInterval([NaN, NaN], 'count')).toBe('–');
  });
});

test('formatLargeCount() names millions', () => {
  expect([1240, 999_999, 2_590_000].map(formatLargeCount)).toEqual(['1,240', '999,999', '2.59 million']);
});

test('formatDuration() has at most two units', () => {
  const texts = [0, 850, 4100, 41_300, 59_700, 125_000, 12_000_000, NaN].map(formatDuration);
  expect(texts).toEqual(['0 ms', '850 ms', '4.1 s', '41 s', '1 min', '2 min 5 s', '3 h 20 min', '–']);
});

test('countNoun() says one of a plural', () => {
  const plurals = ['objects', 'processes', 'entries', 'bytes', 'handles', 'sockets'];
  expect(plurals.map((plural) => countNoun('1', plural))).toEqual([
    '1 object',
    '1 process',
    '1 entry',
    '1 byte',
    '1 handle',
    '1 socket',
  ]);
  expect(countNoun('0.5', 'objects')).toBe('0.5 objects');
});

test('perDay() scales with the speed of the run, and is null without one', () => {
  expect(perDay(100, { iterations: 10, durationMs: 1000 })).toBe(86_400_000);
  expect(perDay(100, { iterations: 10, durationMs: 0 })).toBeNull();
  expect(perDay(-1, { iterations: 10, durationMs: 1000 })).toBeNull();
});
