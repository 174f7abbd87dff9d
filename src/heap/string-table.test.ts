import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/index.js';
import { StringTable } from './string-table.js';

/** Reads the text of a section behind its bracket, in pieces of the lengths that `cut` gives. */
function read(text: string, cut: () => number): { strings: StringTable; next: number } {
  const strings = new StringTable();
  strings.open(4);
  const bytes = Buffer.from(text);
  for (let from = 0; from < bytes.length; ) {
    const to = Math.min(bytes.length, from + cut());
    const next = strings.scan(bytes.subarray(from, to), 0);
    if (next !== -1) return { strings, next: next < -1 ? next - from : next + from };
    from = to;
  }
  return { strings, next: -1 };
}

const whole = (): number => Number.POSITIVE_INFINITY;

describe('StringTable', () => {
  it('holds what JSON.parse reads, however it is cut and wrapped', () => {
    const random = seededRandom(11);
    const letters = ['a', 'bc', '"', '\\', '\n', '€', '\u2028', ',', ']', '0', ' @1', '😀', 'x'.repeat(17)];
    for (let round = 0; round < 300; round++) {
      const texts = Array.from({ length: Math.floor(random() * 60) }, () =>
        Array.from({ length: Math.floor(random() * 9) }, () => letters[Math.floor(random() * letters.length)]).join(''),
      );
      const text = `${texts.map((one) => JSON.stringify(one)).join(random() < 0.5 ? ',\n' : ' , ')}\n]`;
      const most = random() < 0.5 ? 3 : 60;
      const { strings, next } = read(`${text}}`, () => 1 + Math.floor(random() * most));
      expect(next).toBe(Buffer.byteLength(text));
      expect(Array.from({ length: strings.length }, (_, i) => strings.get(i))).toEqual(texts);
      for (const one of texts) expect(strings.indexOf(one), JSON.stringify(one)).toBe(texts.indexOf(one));
      const bytes = texts.reduce((sum, one) => sum + Buffer.byteLength(JSON.stringify(one)) - 2, 0);
      expect(strings.byteLength).toBe(bytes);
    }
  });

  it('holds more strings than it takes over at once', () => {
    const texts = Array.from({ length: 50_000 }, (_, i) => `n${i}`);
    const { strings } = read(`${JSON.stringify(texts).slice(1)}`, whole);
    expect(strings.length).toBe(texts.length);
    expect(texts.every((text, i) => strings.get(i) === text)).toBe(true);
  });

  it('does not take a quote within a string for its start', () => {
    const texts = ['say "word"', 'word, ', '"word', 'word'];
    const { strings } = read(`${JSON.stringify(texts).slice(1)}`, whole);
    expect(strings.indexOf('word')).toBe(3);
    expect([...strings.startingWith('wor')]).toEqual([1, 3]);
    expect([...strings.startingWith('zzz')]).toEqual([]);
  });

  it.each([
    ['"a" x]', 4],
    ['x', 0],
    ['"a",1]', 4],
  ])('finds the byte that does not belong in %s', (text, at) => {
    for (const cut of [1, 2, 100]) expect(read(text, () => cut).next).toBe(-2 - at);
  });

  it('finds entries of WeakMaps, but for names with the end of a line', () => {
    const name = (key: string) => `"7 / part of key (${key} @34) -> value (V @56) pair in WeakMap (table @78)"`;
    const keys = [
      'K',
      'K\\"',
      'K\\\\n',
      'K\\u20280',
      'K\\n',
      'K\\r',
      'K\\u2028',
      'K\\u2029',
      'K\\u000A',
      'K\\u000d',
      'K\u2028',
    ];
    const { strings } = read(`"other",${keys.map(name).join(',')}]`, () => 13);
    const rows = strings.entryNames.flatMap(({ first, rows }) => [...rows].map((row) => first + row));
    // What `\u2028` escapes is the end of a line, whatever follows.
    expect(rows).toEqual([1, 2, 3]);
    expect(strings.entryNames.flatMap(({ keyIds }) => [...keyIds])).toEqual([34, 34, 34]);
    expect(strings.entryNames.flatMap(({ tableIds }) => [...tableIds])).toEqual([78, 78, 78]);
  });

  it('looks over much space between strings once', { timeout: 5_000 }, () => {
    const { strings } = read(`"first"${' '.repeat(8_000_000)},"last"\n]`, whole);
    let bytes = 0;
    for (let round = 0; round < 2_000; round++) bytes += strings.byteLengthAt(0);
    expect(bytes).toBe(2_000 * 5);
    expect([strings.get(0), strings.get(1)]).toEqual(['first', 'last']);
  });
});
