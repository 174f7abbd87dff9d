import { describe, expect, test } from 'vitest';
import { displayWidth } from '../../core/index.js';
import { cleanResult, hostileResult, leakResult, undecidedResult } from './sample.fixture.js';
import { renderTerminal } from './terminal.js';

const plain = { colour: false, width: 80, cwd: '/srv/app' };
const SGR = /\x1b\[\d+m/g;

describe('renderTerminal()', () => {
  test('puts the verdict first, then each cause with its size, path, lines and fix', () => {
    const text = renderTerminal(leakResult, plain);
    expect(text.trimStart().startsWith('LEAK   examples/chat-server.js')).toBe(true);
    const fragments = [
      '2 things grow with every iteration. 1,240 iterations in 41 s.',
      '1. Order  growing container, unbounded collection',
      'grows     1 object per iteration (95% interval ±0)',
      '2.18 kB per iteration, all it holds included',
      // 2184 B × 1240 iterations in 41.3 s, 86,400 s a day.
      '≈ 5.67 GB a day at this rate',
      'held by   bus._events.message[]',
      'made at   src/server.js:42  onMessage',
      'called by handle (src/server.js:112:5)',
      'declared  src/order.js:3  Order',
      'fix       Keep at most as many as are needed',
      '2. /srv/app/logs/session-*.log  file descriptor',
      '≈ 2.59 million descriptors a day at this rate',
      'heap used · main',
      'Notes',
    ];
    const places = fragments.map((fragment) => text.indexOf(fragment));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  test('shows each gauge with its plot, growth, interval and smallest detectable growth', () => {
    expect(renderTerminal(leakResult, plain)).toMatch(
      /heap used · main {2,}▁[▁-█]+█ {2,}\+2\.18 kB {2,}2\.14 to 2\.23 kB {2,}91\.8 B {2,}grows/,
    );
  });

  test('says for a clean run what it would have seen', () => {
    const text = renderTerminal(cleanResult, plain).replace(/\s+/g, ' ');
    expect(text).toContain('CLEAN examples/chat-server.js No growth in 4 gauges over 1,240 iterations in 41 s.');
    expect(text).toContain('91.8 B per iteration in heap used · main, 0.004 per iteration in threads.');
  });

  test('says for an undecided run why, and what to do', () => {
    const text = renderTerminal(undecidedResult, plain).replace(/\s+/g, ' ');
    expect(text).toContain(
      'heap used · main: +310 B per iteration, 95% interval −379 to 999 B, which includes no growth',
    );
    expect(text).toContain('Run longer: `--budget 3m`');
  });

  test('asks for three times the budget that was not enough', () => {
    const text = renderTerminal({ ...undecidedResult, durationMs: 200_000 }, plain);
    expect(text).toContain('--budget 10m');
  });

  test('keeps every line within the width, whatever it is', () => {
    for (const result of [leakResult, cleanResult, undecidedResult, hostileResult()])
      for (const width of [40, 47, 60, 80, 100, 200])
        for (const line of renderTerminal(result, { ...plain, width }).split('\n'))
          expect(displayWidth(line), line).toBeLessThanOrEqual(width);
  });

  test('says the same in colour and without', () => {
    for (const result of [leakResult, cleanResult, undecidedResult]) {
      const coloured = renderTerminal(result, { ...plain, colour: true });
      expect(coloured).toMatch(SGR);
      expect(coloured.replace(SGR, '')).toBe(renderTerminal(result, plain));
    }
  });

  test('paints the verdict red, green or yellow', () => {
    const badge = (result: typeof leakResult) => renderTerminal(result, { ...plain, colour: true }).split('\n')[1]!;
    expect(badge(leakResult)).toContain('\x1b[31m');
    expect(badge(cleanResult)).toContain('\x1b[32m');
    expect(badge(undecidedResult)).toContain('\x1b[33m');
  });

  test('lets nothing through that a terminal obeys', () => {
    const text = renderTerminal(hostileResult(), plain);
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
    expect(text.length).toBeLessThan(200_000);
    expect(text).toContain('… and 10 more, in the JSON report');
  });

  test('serves numbers that are none, and a result with nothing in it', () => {
    const empty = { ...cleanResult, iterations: 0, durationMs: 0, gauges: [], notes: [] };
    expect(renderTerminal(empty, plain)).toContain('No growth in 0 gauges over 0 iterations in 0 ms.');
    const gauges = leakResult.gauges.map((gauge) => ({
      ...gauge,
      perIteration: NaN,
      ci: [NaN, Infinity] as const,
      series: [],
    }));
    expect(renderTerminal({ ...leakResult, gauges, durationMs: 0 }, plain)).not.toMatch(/NaN|Infinity|undefined/);
  });
});
