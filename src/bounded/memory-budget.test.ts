import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Cache } from './cache.js';
import { MemoryBudget } from './memory-budget.js';

const cacheIn = (budget: MemoryBudget, maxBytes?: number) =>
  new Cache<number, Uint8Array>({
    budget,
    sizeOf: (value) => value.byteLength,
    ...(maxBytes === undefined ? {} : { maxBytes }),
  });

describe('MemoryBudget', () => {
  test('caches together never exceed it, what was just stored is there, and each cache loses its oldest first', () => {
    const step = fc.record({
      which: fc.nat({ max: 2 }),
      key: fc.nat({ max: 9 }),
      bytes: fc.integer({ min: 1, max: 110 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const budget = new MemoryBudget(100);
        const caches = [cacheIn(budget), cacheIn(budget), cacheIn(budget, 40)];
        /** Keys of each cache, what was stored longest ago first. */
        const order: number[][] = [[], [], []];
        for (const { which, key, bytes } of steps) {
          const taken = caches[which]!.set(key, new Uint8Array(bytes));
          expect(taken).toBe(bytes <= (which === 2 ? 40 : 100));
          order[which] = order[which]!.filter((one) => one !== key);
          if (taken) {
            order[which].push(key);
            expect(caches[which]!.has(key)).toBe(true);
          }
          expect(budget.usedBytes).toBe(caches.reduce((sum, cache) => sum + cache.bytes, 0));
          expect(budget.usedBytes).toBeLessThanOrEqual(100);
          for (const [i, cache] of caches.entries()) {
            const kept = order[i]!.filter((one) => cache.has(one));
            expect(kept).toEqual(kept.length === 0 ? [] : order[i]!.slice(-kept.length));
            order[i] = kept;
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('the cache that is furthest over its fair share evicts, and a quiet one keeps what it has', () => {
    const budget = new MemoryBudget(100);
    const [quiet, busy] = [cacheIn(budget), cacheIn(budget)];
    for (let key = 0; key < 3; key++) quiet.set(key, new Uint8Array(10));
    for (let key = 0; key < 1000; key++) busy.set(key, new Uint8Array(10));
    expect([quiet.size, busy.size, budget.usedBytes]).toEqual([3, 7, 100]);
    // The quiet one takes its share back when it wants it.
    for (let key = 0; key < 1000; key++) quiet.set(key, new Uint8Array(10));
    expect([quiet.size, busy.size]).toEqual([5, 5]);
  });

  test('a cache leaves with its close, and its bytes with it', async () => {
    const budget = new MemoryBudget(100);
    const [one, other] = [cacheIn(budget), cacheIn(budget)];
    one.set(1, new Uint8Array(60));
    other.set(1, new Uint8Array(40));
    expect(budget.caches).toBe(2);
    await one.close();
    expect([budget.caches, budget.usedBytes]).toEqual([1, 40]);
    other.set(2, new Uint8Array(60));
    expect(other.size).toBe(2);
  });

  test('evictTo() evicts from the largest cache until so much is left', () => {
    const budget = new MemoryBudget(100);
    const [one, other] = [cacheIn(budget), cacheIn(budget)];
    for (let key = 0; key < 6; key++) one.set(key, new Uint8Array(10));
    for (let key = 0; key < 4; key++) other.set(key, new Uint8Array(10));
    budget.evictTo(50);
    expect([one.size, other.size]).toEqual([2, 3]);
    budget.evictTo(0);
    expect(budget.usedBytes).toBe(0);
    expect(() => budget.evictTo(-1)).toThrow(RangeError);
  });

  test('must be a whole number of bytes', () => {
    for (const wrong of [0, 1.5, Number.POSITIVE_INFINITY]) expect(() => new MemoryBudget(wrong)).toThrow(RangeError);
  });
});
