import { describe, expect, test } from 'vitest';
import { escapeHtml, escapeXml, plainText } from './text.js';

const LONE_SURROGATE = /\p{Cs}/u;

describe('plainText()', () => {
  test('leaves ordinary text in any script alone', () => {
    for (const text of ['Order', 'bus._events.message[]', 'Größe · 注文', 'party 🎉', ''])
      expect(plainText(text, 80)).toBe(text);
  });

  test('takes escape sequences out whole, in their 7-bit and their 8-bit form', () => {
    expect(plainText('\x1b[1;31mred\x1b[0m', 80)).toBe('red');
    expect(plainText('\x9b2Jclear', 80)).toBe('clear');
    expect(plainText('\x1b]0;title\x07rest', 80)).toBe('rest');
    expect(plainText('\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\', 80)).toBe('link');
  });

  test('strips every other control and format character', () => {
    const controls = Array.from({ length: 0xa0 }, (_, code) => String.fromCharCode(code)).join('');
    expect(plainText(`a${controls}z`, 1000)).not.toMatch(/\p{Cc}/u);
    expect(plainText('a\u202egnp.exe\u2066b\u200b\ufeff\u200f', 80)).toBe('agnp.exeb');
  });

  test('turns line ends and tabs into one space', () => {
    expect(plainText('a\r\n\tb\u2028c', 80)).toBe('a b c');
  });

  test('never leaves or makes half of a surrogate pair', () => {
    expect(plainText('\ud800x\udc00', 80)).toBe('\ufffdx\ufffd');
    for (let maxChars = 1; maxChars < 12; maxChars++) {
      const text = plainText('🎉🎉🎉🎉', maxChars);
      expect(text.length).toBeLessThanOrEqual(maxChars);
      expect(text).not.toMatch(LONE_SURROGATE);
    }
  });

  test('cuts a long text with an ellipsis, and keeps one that fits', () => {
    expect(plainText('abcdef', 6)).toBe('abcdef');
    expect(plainText('abcdefg', 6)).toBe('abcde…');
  });

  test('says that it cut even where all it read was stripped', () => {
    expect(plainText(`${'\x00'.repeat(10_000)}a`, 10)).toBe('…');
  });

  test('reads a bounded part of ten megabytes', () => {
    const name = '\x1b]'.repeat(5_000_000);
    const start = performance.now();
    for (let run = 0; run < 100; run++) plainText(name, 200);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('escapeHtml()', () => {
  test('leaves no character that opens a tag, an entity or an attribute', () => {
    expect(escapeHtml(`<a href="x" id='y'>&`)).toBe('&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;');
    expect(escapeHtml('\udfff')).toBe('\ufffd');
  });
});

describe('escapeXml()', () => {
  test('drops what XML 1.0 cannot carry and keeps the rest', () => {
    expect(escapeXml('a\x00\x08\x1b\ufffe\uffff\x7f\x9bb')).toBe('ab');
    expect(escapeXml('ü注🎉\ud800')).toBe('ü注🎉\ufffd');
  });

  test('escapes markup, and keeps line ends through attribute normalisation', () => {
    expect(escapeXml(']]><x y="1">&\n\t')).toBe(']]&gt;&lt;x y=&quot;1&quot;&gt;&amp;&#10;&#9;');
  });
});
