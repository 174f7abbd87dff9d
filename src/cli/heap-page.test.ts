import { describe, expect, it } from 'vitest';
import { left, type Page, renderPage, right, wide } from './heap-page.js';

const plain = { isColourful: false, width: 60 };

describe('renderPage()', () => {
  const page: Page = {
    meaning: 'Two rows',
    sections: [
      {
        table: {
          columns: [wide('class'), right('bytes'), left('place')],
          rows: [
            ['Session', '12 B', 'a.ts:1'],
            ['x'.repeat(500), '1.2 MB', 'b.ts:22'],
          ],
          more: 3,
        },
      },
    ],
    notes: ['a note '.repeat(20)],
  };

  it('aligns numbers to the right and cuts only the flexible column', () => {
    const lines = renderPage(page, plain).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
    const rows = lines.filter((line) => /\.ts:/.test(line));
    expect(rows.map((line) => line.indexOf(' B') + line.indexOf(' MB') > 0)).toEqual([true, true]);
    expect(rows[0]!.indexOf('12 B') + 4).toBe(rows[1]!.indexOf('1.2 MB') + 6);
    expect(rows[1]).toMatch(/x…/);
    expect(lines.some((line) => line.includes('and 3 more'))).toBe(true);
  });

  it('writes no colour unless asked to', () => {
    expect(renderPage(page, plain)).not.toContain('\x1b');
    expect(renderPage(page, { ...plain, isColourful: true })).toContain('\x1b[1mTwo rows\x1b[22m');
  });

  it('makes hostile text harmless in every place', () => {
    const evil = '\x1b[2J\x1b]0;owned\x07\u202eevil\nline\x9b31m';
    const hostile: Page = {
      meaning: evil,
      sections: [
        { heading: evil, table: { columns: [wide('class'), left(evil)], rows: [[evil, evil]] } },
        { lines: [{ text: evil.repeat(100_000), indent: 2 }] },
      ],
      notes: [evil],
    };
    const text = renderPage(hostile, plain);
    expect(text).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(text).toContain('evil line');
    expect(text.length).toBeLessThan(3_000);
    expect(text.split('\n').every((line) => line.length <= 60)).toBe(true);
  });

  it('counts wide characters as two cells', () => {
    const table = {
      columns: [wide('name'), right('n')],
      rows: [
        ['漢字漢字', '1'],
        ['abcd', '22'],
      ],
    };
    const [, first, second] = renderPage({ meaning: '', sections: [{ table }] }, plain)
      .split('\n')
      .filter((line) => /\d$|n$/.test(line));
    expect(first).toBe('  漢字漢字   1');
    expect(second).toBe('  abcd      22');
  });

  it('shows no table without rows', () => {
    const text = renderPage({ meaning: 'None', sections: [{ table: { columns: [left('class')], rows: [] } }] }, plain);
    expect(text).toBe('\n  None\n\n');
  });
});
