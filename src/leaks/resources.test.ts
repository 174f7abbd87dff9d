import { describe, expect, test } from 'vitest';
import { judgeIdentities } from './resources.js';

const moments = Array.from({ length: 48 }, (_, i) => i * 20);

describe('judgeIdentities()', () => {
  test('one closed and another leaked is a leak of what stays, though the count stands still', () => {
    // 200 descriptors at first; each moment one of them is closed and one opened for good.
    const sets = moments.map((_, i) => [
      ...Array.from({ length: 200 - i }, (_, n) => `${n} /data/old`),
      ...Array.from({ length: i }, (_, n) => `${500 + n} /data/new`),
    ]);
    expect(new Set(sets.map((set) => set.length)).size).toBe(1);
    const growth = judgeIdentities(moments, sets);
    expect(growth.newest.length).toBeGreaterThan(20);
  });

  test('one descriptor for each twenty iterations is a leak at that rate', () => {
    const sets = moments.map((at) => Array.from({ length: at / 20 }, (_, n) => `${n} /data/file`));
    const growth = judgeIdentities(moments, sets);
    expect(growth.verdict).toBe('leak');
    expect(growth.perIteration).toBeCloseTo(0.05, 3);
    expect(growth.newest[0]).toMatch(/\/data\/file/);
  });

  test('five children that came one by one and stayed are not yet a leak, and not nothing', () => {
    const sets = moments.map((_, i) => Array.from({ length: Math.floor(i / 9) }, (_, n) => `${n}:7 sleep`));
    expect(judgeIdentities(moments, sets).verdict).toBe('unclear');
  });

  test('sockets that come and go are none', () => {
    const sets = moments.map((_, i) => Array.from({ length: 10 }, (_, n) => `${20 + n} socket:[${i * 10 + n}]`));
    expect(judgeIdentities(moments, sets).verdict).toBe('none');
  });

  test('a pool that reached its maximum is none', () => {
    const sets = moments.map((_, i) => Array.from({ length: Math.min(i * 2, 30) }, (_, n) => `${n} socket:[${n}]`));
    expect(judgeIdentities(moments, sets).verdict).toBe('none');
  });
});
