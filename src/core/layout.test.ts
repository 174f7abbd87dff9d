import { describe, expect, test } from 'vitest';
import { displayWidth, fitCells, wrap } from './layout.js';

test('displayWidth() counts cells: two for wide characters, none for accents', () => {
  expect(['abc', '注文', '🎉', 'e\u0301', '한', '▁█·…'].map(displayWidth)).toEqual([3, 4, 2, 1, 2, 4]);
});

describe('wrap()', () => {
  test('breaks at spaces first, then after separators, then anywhere', () => {
    expect(wrap('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrap('/srv/application/server.js', 12)).toEqual(['/srv/', 'application/', 'server.js']);
    expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
    expect(wrap('', 4)).toEqual(['']);
  });

  test('loses nothing and keeps the width, for any width', () => {
    const text = 'bus._events.message[] 注文/注文 🎉🎉🎉 /srv/app:12  x';
    for (let width = 2; width < 60; width++) {
      const lines = wrap(text, width);
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    }
  });
});

test('fitCells() is exactly as wide as asked for', () => {
  expect(fitCells('abc', 5)).toBe('abc  ');
  expect(fitCells('abc', 5, 'right')).toBe('  abc');
  expect(fitCells('abcdef', 5)).toBe('abcd…');
  expect(fitCells('注文注文', 6)).toBe('注文… ');
});
