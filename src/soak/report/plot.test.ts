import { describe, expect, test } from 'vitest';
import { decimate, lineThrough, type Point, sparkline, tickStep, ticks, valueRange } from './plot.js';
import { cleanResult } from './sample.fixture.js';

const gauge = { ...cleanResult.gauges[0]!, unit: 'count' as const, smallestDetectable: 0.001 };
const wave: Point[] = Array.from({ length: 10_000 }, (_, index) => [index, Math.sin(index / 50) * 100]);

describe('decimate()', () => {
  test('keeps at most two points a column, in order, and every peak', () => {
    const spiked = wave.map(([x, y]): Point => [x, x === 4321 ? 900 : x === 777 ? -900 : y]);
    const drawn = decimate(spiked, 300);
    expect(drawn.length).toBeLessThanOrEqual(600);
    expect(drawn.map((point) => point[0])).toEqual(drawn.map((point) => point[0]).sort((a, b) => a - b));
    expect(drawn).toContainEqual([4321, 900]);
    expect(drawn).toContainEqual([777, -900]);
  });

  test('leaves few points alone', () => {
    expect(decimate(wave.slice(0, 600), 300)).toHaveLength(600);
  });
});

describe('sparkline()', () => {
  test('rises with what grows, over the full height', () => {
    const series = Array.from({ length: 80 }, (_, index) => [index, index * 10] as const);
    expect(sparkline({ ...gauge, series }, 8)).toBe('▁▂▃▄▅▆▇█');
  });

  test('shows noise below the detectable growth as flat', () => {
    const series = Array.from({ length: 80 }, (_, index) => [index, 1000 + (index % 3)] as const);
    expect(new Set(sparkline({ ...gauge, smallestDetectable: 1, series }, 8)).size).toBeLessThanOrEqual(2);
    expect(new Set(sparkline({ ...gauge, series }, 80)).size).toBeGreaterThan(2);
  });

  test('is as wide as it was asked to be, narrower for fewer points, empty for none', () => {
    expect(sparkline({ ...gauge, series: wave }, 24)).toHaveLength(24);
    expect(sparkline({ ...gauge, series: wave.slice(0, 3) }, 24)).toHaveLength(3);
    expect(sparkline({ ...gauge, series: [] }, 24)).toBe('');
    expect(
      sparkline(
        {
          ...gauge,
          series: [
            [0, NaN],
            [NaN, 1],
          ],
        },
        24,
      ),
    ).toBe('');
  });
});

describe('ticks()', () => {
  test('are round, inside the range, and about as many as asked for', () => {
    expect(ticks({ low: 0, high: 100 }, 5)).toEqual([0, 20, 40, 60, 80, 100]);
    for (let power = -6; power < 12; power++)
      for (const span of [1, 1.3, 2.2, 3.7, 5, 7.9]) {
        const range = { low: 10 ** power, high: 10 ** power * (1 + span) };
        const values = ticks(range, 4);
        expect(values.length).toBeGreaterThanOrEqual(2);
        expect(values.length).toBeLessThanOrEqual(7);
        expect(Math.min(...values)).toBeGreaterThanOrEqual(range.low * 0.999);
        expect(Math.max(...values)).toBeLessThanOrEqual(range.high * 1.001);
      }
  });

  test('are whole numbers where only those make sense, and none where doubles end', () => {
    expect(ticks({ low: 3.2, high: 5.1 }, 8, 1)).toEqual([4, 5]);
    expect(ticks({ low: 1e300, high: 1e300 }, 4)).toEqual([]);
    expect(tickStep({ low: 0, high: 4 }, 4)).toBe(1);
  });
});

describe('valueRange()', () => {
  test('never goes below zero for values that are not', () => {
    expect(
      valueRange(gauge, [
        [0, 0.5],
        [10, 0.5],
      ]).low,
    ).toBe(0);
  });
});

describe('lineThrough()', () => {
  test('goes through the middle, past outliers', () => {
    const points = wave.slice(0, 101).map(([x]): Point => [x, x === 50 ? 1e9 : 7 + 3 * x]);
    expect(lineThrough(points, 3)(10)).toBe(37);
  });
});
