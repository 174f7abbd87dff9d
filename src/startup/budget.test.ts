import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Budget } from './budget.js';

describe('Budget', () => {
  test('ends by its own limit when its parents leave it enough', () => {
    const whole = new Budget('start-up', 30_000, 1_000);
    const step = new Budget('step', 5_000, 2_000, whole);
    expect(step.endsAt).toBe(7_000);
    expect(step.grantedMs).toBe(5_000);
    expect(step.decider).toBe(step);
  });

  test('ends with the parent that ends first, and names it', () => {
    const whole = new Budget('start-up', 30_000, 0);
    const critical = new Budget('critical path', 20_000, 0, whole);
    const phase = new Budget('phase', 15_000, 10_000, whole);
    const step = new Budget('step', 5_000, 18_000, phase, critical);
    expect(step.endsAt).toBe(20_000);
    expect(step.grantedMs).toBe(2_000);
    expect(step.decider).toBe(critical);
  });

  test('grants 0 ms, not less, when nothing is left', () => {
    expect(new Budget('step', 5_000, 31_000, new Budget('start-up', 30_000, 0)).grantedMs).toBe(0);
  });

  test('extend() counts from now, never shortens, and ends with the parent', () => {
    const phase = new Budget('phase', 10_000, 0);
    const step = new Budget('step', 1_000, 0, phase);
    step.extend(3_000, 500);
    expect(step.endsAt).toBe(3_500);
    step.extend(100, 600);
    expect(step.endsAt).toBe(3_500);
    step.extend(60_000, 700);
    expect(step.endsAt).toBe(10_000);
    expect(step.decider).toBe(phase);
  });

  test('never outlives a parent, however limits are nested and extended', () => {
    const ms = fc.integer({ min: 1, max: 40_000 });
    fc.assert(
      fc.property(ms, ms, ms, ms, ms, fc.array(ms), (whole, critical, phase, step, beginsAt, extensions) => {
        const outer = new Budget('start-up', whole, 0);
        const parents = [
          new Budget('phase', phase, beginsAt % whole, outer),
          new Budget('critical path', critical, 0, outer),
        ];
        const inner = new Budget('step', step, beginsAt, ...parents);
        for (const [at, extension] of extensions.entries()) inner.extend(extension, beginsAt + at);
        for (const parent of [...parents, outer]) expect(inner.endsAt).toBeLessThanOrEqual(parent.endsAt);
        const ownEnd = Math.max(beginsAt + step, ...extensions.map((extension, at) => beginsAt + at + extension));
        expect(inner.endsAt).toBe(Math.min(ownEnd, critical, whole, (beginsAt % whole) + phase));
      }),
    );
  });
});
