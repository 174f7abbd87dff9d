import { describe, expect, test } from 'vitest';
import { seededRandom } from '../core/index.js';
import { theilSen } from './statistics.js';
import { trendOf } from './trend.js';

const series = (value: (i: number) => number, n = 48) =>
  Array.from({ length: n }, (_, i) => [i * 100, value(i)] as const);

describe('trendOf()', () => {
  test('a level series is level, and says what it would have seen', () => {
    const trend = trendOf(
      series(() => 5e6),
      1,
      1,
    );
    expect(trend).toMatchObject({ shape: 'level', perIteration: 0 });
    expect(trend.smallestDetectable).toBe(1);
  });

  test('40 bytes an iteration on noise of ±2 kB are seen, with the rate inside the interval', () => {
    const random = seededRandom(3);
    const trend = trendOf(
      series((i) => 5e6 + 40 * 100 * i + 4000 * random()),
      1,
      1,
    );
    expect(trend.shape).toBe('growing');
    expect(trend.ci[0]).toBeLessThan(40);
    expect(trend.ci[1]).toBeGreaterThan(40);
  });

  test('upward spikes of single samples do not matter', () => {
    expect(
      trendOf(
        series((i) => 5e6 + (i % 7 === 3 ? 185_000 : 0)),
        1,
        1,
      ).shape,
    ).toBe('level');
  });

  test('warm-up that ends in the first third does not matter', () => {
    expect(
      trendOf(
        series((i) => 5e6 - 1e6 * Math.exp(-i / 3)),
        1,
        1,
      ).shape,
    ).toBe('level');
  });

  test('growth that begins in the last quarter is not level', () => {
    expect(
      trendOf(
        series((i) => 5e6 + Math.max(0, i - 37) * 3000),
        1,
        1,
      ).shape,
    ).not.toBe('level');
  });

  test('too few samples are unclear, never level', () => {
    expect(
      trendOf(
        series(() => 5e6, 6),
        1,
        1,
      ).shape,
    ).toBe('unclear');
  });

  test('the same seed gives the same interval', () => {
    const random = seededRandom(9);
    const noisy = series(() => 5e6 + 1e4 * random());
    expect(trendOf(noisy, 1, 5)).toEqual(trendOf(noisy, 1, 5));
  });
});

test('theilSen() is not moved by a fifth of wild values', () => {
  expect(theilSen(series((i) => 3 * i * 100 + (i % 5 === 0 ? 1e9 : 0)))).toBeCloseTo(3, 1);
});
