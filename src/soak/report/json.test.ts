import { describe, expect, test } from 'vitest';
import { renderJson } from './json.js';
import { cleanResult, hostileResult, leakResult, undecidedResult } from './sample.fixture.js';

describe('renderJson()', () => {
  test('is read back as the result', () => {
    for (const result of [leakResult, cleanResult, undecidedResult])
      expect(JSON.parse(renderJson(result))).toEqual(result);
  });

  test('writes the keys in the order of the schema, whatever their order in the object', () => {
    const shuffled = Object.fromEntries(Object.entries(leakResult).reverse()) as unknown as typeof leakResult;
    expect(renderJson(shuffled)).toBe(renderJson(leakResult));
    expect(Object.keys(JSON.parse(renderJson(leakResult)))).toEqual(
      'schema target verdict iterations durationMs gauges leaks notes'.split(' '),
    );
  });

  test('gives a sample one line, and ends with a line end', () => {
    const json = renderJson(leakResult);
    expect(json).toMatch(/\n {8}\[10, \d+\],\n {8}\[21, \d+\],\n/);
    expect(json.endsWith('\n}\n')).toBe(true);
  });

  test('holds no raw control, format character, half pair or end of a script, and gives them back', () => {
    const json = renderJson(hostileResult());
    expect(json.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
    expect(json).not.toMatch(/<script|<\/script|<!--/i);
    const { hint } = JSON.parse(json).leaks[0];
    expect(hint).toContain('\x1b[31m');
    expect(hint).toContain('<script>alert(1)</script>');
    expect(hint).toContain('\u202e\u2066\ufffd\r\n');
  });

  test('cuts a name of ten megabytes', () => {
    const { className } = JSON.parse(renderJson(hostileResult())).leaks[0];
    expect(className).toHaveLength(4096);
    expect(className.endsWith('A…')).toBe(true);
  });

  test('leaves a string alone that looks like a sample over four lines', () => {
    const notes = ['[\n  1,\n  2\n]'];
    expect(JSON.parse(renderJson({ ...cleanResult, notes })).notes).toEqual(notes);
  });

  test('writes null for what is no number', () => {
    const gauges = [{ ...cleanResult.gauges[0]!, perIteration: NaN, ci: [-Infinity, Infinity] as const }];
    const { gauges: read } = JSON.parse(renderJson({ ...cleanResult, gauges }));
    expect(read[0]).toMatchObject({ perIteration: null, ci: [null, null] });
  });
});
