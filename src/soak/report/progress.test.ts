import { describe, expect, test } from 'vitest';
import { type ProgressState, SoakProgress } from './progress.js';

/** What was written, and a clock that the test moves. */
function setUp(interactive: boolean, width = 80) {
  const written: string[] = [];
  const clock = { ms: 5000 };
  const stream = { write: (text: string) => written.push(text) };
  const progress = new SoakProgress(stream, { interactive, width, now: () => clock.ms });
  return { written, clock, progress };
}

const state = (done: number, more: Partial<ProgressState> = {}): ProgressState => ({
  phase: 'measuring',
  done,
  total: 1000,
  iterations: done,
  ...more,
});

describe('SoakProgress on a terminal', () => {
  test('writes at most ten times a second', () => {
    const { written, clock, progress } = setUp(true);
    for (; clock.ms < 7000; clock.ms++) progress.update(state(clock.ms - 5000, { phase: `phase ${clock.ms % 7}` }));
    expect(written).toHaveLength(20);
  });

  test('shows phase, part done, iterations, time left and detail', () => {
    const { written, clock, progress } = setUp(true);
    progress.update(state(0));
    clock.ms += 10_000;
    progress.update(state(250, { detail: 'heap 24 MB' }));
    expect(written.at(-1)).toBe(
      '\r\x1b[2Kmeasuring     ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌  25%  250 iterations  30 s left  heap 24 MB',
    );
  });

  test('starts a new estimate with each phase', () => {
    const { written, clock, progress } = setUp(true);
    progress.update(state(0));
    clock.ms += 60_000;
    progress.update(state(500, { phase: 'snapshots' }));
    clock.ms += 2000;
    progress.update(state(600, { phase: 'snapshots' }));
    expect(written.at(-1)).toContain(' 8 s left');
  });

  test('makes no estimate from nothing, without a total, or past it', () => {
    const { written, clock, progress } = setUp(true);
    for (const each of [state(0), state(0), state(5, { total: 0 }), state(2000)]) {
      progress.update(each);
      clock.ms += 10_000;
    }
    expect(written).toHaveLength(4);
    expect(written.join('')).not.toMatch(/left|NaN|Infinity/);
  });

  test('leaves out what does not fit, and never fills the last cell', () => {
    for (let width = 2; width < 90; width++) {
      const { written, clock, progress } = setUp(true, width);
      progress.update(state(0));
      clock.ms += 5000;
      progress.update(state(500, { detail: '注文'.repeat(40) }));
      expect(written.at(-1)!.slice('\r\x1b[2K'.length).length).toBeLessThan(width);
    }
  });

  test('takes its line away when finished, once, and shows nothing after', () => {
    const { written, progress } = setUp(true);
    progress.update(state(1));
    progress.finish();
    progress.finish();
    progress.update(state(2, { phase: 'more' }));
    expect(written).toHaveLength(2);
    expect(written[1]).toBe('\r\x1b[2K');
  });

  test('never hides the cursor, and strips what the program sent', () => {
    const { written, progress } = setUp(true);
    progress.update(state(1, { phase: '\x1b[?25lx', detail: '\x1b[2J\r\nboo' }));
    expect(written.join('').replaceAll('\r\x1b[2K', '')).not.toMatch(/\p{Cc}/u);
  });
});

describe('SoakProgress in a pipe', () => {
  test('writes one plain line a phase', () => {
    const { written, clock, progress } = setUp(false);
    for (const phase of ['warm-up', 'measuring'])
      for (let step = 0; step < 5; step++, clock.ms += 1000)
        progress.update(state(step, { phase, iterations: phase === 'warm-up' ? 0 : 40 }));
    progress.finish();
    expect(written).toEqual(['warm-up\n', 'measuring (after 40 iterations)\n']);
  });
});
