import { describe, expect, test } from 'vitest';
import { renderJunit } from './junit.js';
import { readMarkup } from './markup.fixture.js';
import { cleanResult, hostileResult, leakResult, undecidedResult } from './sample.fixture.js';

const options = { cwd: '/srv/app' };

describe('renderJunit()', () => {
  test('is well-formed XML 1.0 for every verdict and for hostile text', () => {
    for (const result of [leakResult, cleanResult, undecidedResult, hostileResult()]) {
      const { elements } = readMarkup(renderJunit(result, options));
      expect(elements.slice(0, 4)).toEqual(['testsuites', 'testsuite', 'properties', 'property']);
    }
  });

  test('counts what it holds', () => {
    for (const result of [leakResult, cleanResult, undecidedResult, hostileResult()]) {
      const xml = renderJunit(result, options);
      const { elements } = readMarkup(xml);
      const count = (name: string) => elements.filter((each) => each === name).length;
      expect(xml).toContain(
        `<testsuite name="watertight soak" tests="${count('testcase')}" failures="${count('failure')}" errors="${count('error')}" skipped="0"`,
      );
    }
  });

  test('fails for a leak, with the cause in the message and in the text', () => {
    const xml = renderJunit(leakResult, options);
    expect(xml).toContain(
      'name="verdict" time="41.300"><failure type="leak" message="2 things grow with every iteration. Order: 1 object per iteration, held by bus._events.message[]">',
    );
    const { text } = readMarkup(xml);
    for (const line of [
      '  made at: src/server.js:42  onMessage',
      '    handle (src/server.js:112:5)',
      '  made at: src/log.js:17  openLog',
    ])
      expect(text.split('\n')).toContain(line);
  });

  test('has an error for an undecided run, and no failure', () => {
    const xml = renderJunit(undecidedResult, options);
    expect(xml).toContain('<error type="undecided" message="The run cannot tell yet whether this leaks.">');
    expect(readMarkup(xml).elements).not.toContain('failure');
  });

  test('passes for a clean run, even where one gauge was not clean by itself', () => {
    const xml = renderJunit({ ...leakResult, verdict: 'clean', leaks: [] }, options);
    expect(readMarkup(xml).elements).not.toContain('failure');
    expect(readMarkup(xml).elements).not.toContain('error');
    expect(xml).toContain('<system-out>resident memory: +1.9 kB per iteration');
  });

  test('has one case for each group of gauges', () => {
    const worker = { ...leakResult.gauges[0]!, name: 'heap used · worker 1' };
    const xml = renderJunit({ ...leakResult, gauges: [...leakResult.gauges, worker] }, options);
    expect(xml.match(/name="heap used"/g)).toHaveLength(1);
    expect(readMarkup(xml).text).toContain('heap used · worker 1: +2.18 kB');
  });
});
