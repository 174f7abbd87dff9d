import { describe, expect, test } from 'vitest';
import { renderHtml } from './html.js';
import { HTML_VOID, readMarkup } from './markup.fixture.js';
import { cleanResult, hostileResult, leakResult, undecidedResult } from './sample.fixture.js';

const options = { cwd: '/srv/app' };
/** What the file may be made of: nothing that runs, loads, embeds or submits. */
const ALLOWED =
  'html head meta title style body main header footer section p h1 h2 h3 b small code span ul ol li dl dt dd div figure figcaption ' +
  'svg line text polyline polygon circle table thead tbody tr th td';

describe('renderHtml()', () => {
  test('is well-formed for every verdict and for hostile text, of harmless elements only', () => {
    for (const result of [leakResult, cleanResult, undecidedResult, hostileResult()]) {
      const { elements } = readMarkup(renderHtml(result, options), HTML_VOID);
      expect(ALLOWED.split(' ')).toEqual(expect.arrayContaining([...new Set(elements)]));
    }
  });

  test('forbids scripts and requests by its policy', () => {
    expect(renderHtml(cleanResult)).toContain(
      `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">`,
    );
  });

  test('never holds a script, an event handler or an address to load', () => {
    for (const result of [leakResult, hostileResult()]) {
      const html = renderHtml(result, options);
      expect(html).not.toMatch(/<script/i);
      expect(html).not.toMatch(/<[^>]+\s(on\w+|src|href)=/i);
      expect(html).not.toMatch(/url\(|@import/i);
    }
  });

  test('keeps hostile text readable, stripped and short', () => {
    const html = renderHtml(hostileResult(), options);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(html.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
    expect(html.length).toBeLessThan(1_000_000);
  });

  test('tells verdict, size, path, lines and fix of each leak', () => {
    const { text } = readMarkup(renderHtml(leakResult, options), HTML_VOID);
    for (const fragment of ['LEAK', '1 object', '2.18 kB', '≈ 5.67 GB', 'bus._events.message[]', 'EventBus'])
      expect(text).toContain(fragment);
    for (const fragment of [
      'src/server.js:42  onMessage',
      'handle (src/server.js:112:5)',
      'src/order.js:3  Order',
      'new History(1000)',
    ])
      expect(text).toContain(fragment);
  });

  test('draws the steps of a retaining path in order, and a long one by its ends', () => {
    const steps = renderHtml(leakResult, options).match(/<code class="edge">[^<]*/g);
    expect(steps?.map((step) => step.split('>')[1])).toEqual(['system / Context', 'bus', '_events', 'message', '[]']);
    expect(renderHtml(hostileResult(), options)).toContain('… 85 more steps');
  });

  test('says for an undecided run why, and what to do', () => {
    const { text } = readMarkup(renderHtml(undecidedResult), HTML_VOID);
    expect(text).toContain('which includes no growth at all');
    expect(text).toContain('--budget 3m');
  });

  test('draws each gauge once, with named axes', () => {
    const html = renderHtml(leakResult, options);
    expect(html.match(/class="series"/g)).toHaveLength(leakResult.gauges.length);
    expect(html.match(/>iteration<\/text>/g)).toHaveLength(leakResult.gauges.length);
    expect(html.match(/>MB<\/text>/g)).toHaveLength(4);
  });

  test('stays small with ten thousand points a gauge', () => {
    const series = Array.from({ length: 10_000 }, (_, index) => [index, 1e6 + (index % 97) * 1000] as const);
    const gauges = cleanResult.gauges.map((gauge) => ({ ...gauge, series }));
    expect(renderHtml({ ...cleanResult, gauges }).length).toBeLessThan(120_000);
  });
});
