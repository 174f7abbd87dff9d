import { describe, expect, test } from 'vitest';
import { seededRandom } from '../core/index.js';
import { type Cohorts, judgeGrowth } from './growth.js';

/** Plays a population: `step(i)` adds and removes members, given as a map of id → iteration of birth. */
function play(windows: number, size: number, step: (iteration: number, members: Map<number, number>) => void): Cohorts {
  const members = new Map<number, number>();
  const at: number[] = [];
  const population: number[] = [];
  const alive = Array.from({ length: windows + 1 }, () => Array.from({ length: windows + 1 }, () => 0));
  const start = 2 * size;
  for (let i = 0; i <= start + windows * size; i++) {
    if (i >= start && (i - start) % size === 0) {
      const k = (i - start) / size;
      at.push(i);
      population.push(members.size);
      for (const birth of members.values()) {
        const b = birth < start ? 0 : Math.floor((birth - start) / size) + 1;
        alive[b]![k]!++;
      }
    }
    step(i, members);
  }
  return { at, population, alive };
}

describe('judgeGrowth()', () => {
  test('calls one member for each iteration a leak and gives the rate exactly', () => {
    const growth = judgeGrowth(play(4, 500, (i, members) => members.set(i, i)));
    expect(growth).toMatchObject({ verdict: 'leak', perIteration: 1, ci: [1, 1], onset: 1 });
  });

  test('finds one in fifty among members that come and go at once', () => {
    const growth = judgeGrowth(
      play(5, 1000, (i, members) => {
        members.set(i, i);
        if ((i - 1) % 50 !== 0) members.delete(i - 1);
      }),
    );
    expect(growth.verdict).toBe('leak');
    expect(growth.perIteration).toBeCloseTo(0.02, 3);
  });

  test('calls a random leak of 5 % a leak for each of 50 seeds, its rate within the interval of chance', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = seededRandom(seed);
      const cohorts = play(6, 2000, (i, members) => {
        if (random() < 0.05) members.set(i, i);
      });
      const growth = judgeGrowth(cohorts);
      // One window order in a hundred falls by chance alone; the run then goes on.
      if (growth.verdict !== 'leak') expect(['saturating', 'unclear']).toContain(growth.verdict);
      else expect(growth.perIteration).toBeGreaterThan(0.04);
    }
  });

  test('does not call a full ring a leak, though all that was born in the windows is alive', () => {
    const growth = judgeGrowth(
      play(4, 500, (i, members) => {
        members.set(i, i);
        members.delete(i - 900);
      }),
    );
    expect(growth.verdict).toBe('none');
  });

  test('calls a cache that fills ever more slowly saturating', () => {
    const random = seededRandom(7);
    const growth = judgeGrowth(
      play(6, 2000, (i, members) => {
        const key = Math.floor(random() * 9000);
        if (!members.has(key)) members.set(key, i);
      }),
    );
    expect(growth.verdict).toBe('saturating');
  });

  test('finds a leak behind a cache that has filled', () => {
    const cohorts = play(9, 1000, (i, members) => {
      if (i < 4000) members.set(-i, i);
      if (i % 2 === 0) members.set(i, i);
    });
    const growth = judgeGrowth(cohorts);
    expect(growth.verdict).toBe('leak');
    expect(growth.perIteration).toBeCloseTo(0.5, 2);
  });

  test('dates a leak that begins half-way', () => {
    const growth = judgeGrowth(play(6, 500, (i, members) => void (i > 2500 && members.set(i, i))));
    expect(growth).toMatchObject({ verdict: 'leak', onset: 4 });
  });

  test('does not judge two windows of growth', () => {
    const growth = judgeGrowth(play(5, 500, (i, members) => void (i > 2600 && members.set(i, i))));
    expect(growth.verdict).toBe('unclear');
  });

  test('does not call members that die after a while a leak, whatever their number does', () => {
    // A time to live of 1.4 windows while the load grows.
    const growth = judgeGrowth(
      play(6, 500, (i, members) => {
        if (i % Math.max(1, 8 - Math.floor(i / 500)) === 0) members.set(i, i);
        members.delete(i - 700);
      }),
    );
    expect(growth.verdict).not.toBe('leak');
  });

  test('calls one-off initialisation none', () => {
    const growth = judgeGrowth(
      play(5, 500, (i, members) => {
        if (i === 1700) for (let n = 0; n < 200; n++) members.set(-n, i);
      }),
    );
    expect(growth.verdict).toBe('none');
  });
});
