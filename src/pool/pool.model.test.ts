import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Loan, Pool } from './index.js';

interface Thing {
  readonly id: number;
  destroyed: number;
}

const command = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('acquire' as const), at: fc.constant(0) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), at: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('discard' as const), at: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), at: fc.nat(20) }) },
);

/** Who waits, who holds, how many there are: lists of acquirer numbers. */
class Model {
  waiting: number[] = [];
  holding: number[] = [];
  size = 0;
  constructor(readonly max: number) {}

  get idle(): number {
    return this.size - this.holding.length;
  }

  serve(): void {
    while (this.waiting.length > 0 && this.holding.length < this.max) {
      if (this.idle === 0) this.size++;
      this.holding.push(this.waiting.shift()!);
    }
  }
}

/** Longer than any chain of promises within one step. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test('Pool does what a plain model does, over random acquires, releases, discards and aborts', async () => {
  const setting = fc.record({
    max: fc.integer({ min: 1, max: 3 }),
    isAsync: fc.boolean(),
    validates: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(setting, fc.array(command, { maxLength: 50 }), async ({ max, isAsync, validates }, commands) => {
      const model = new Model(max);
      const things: Thing[] = [];
      const make = () => {
        const thing = { id: things.length, destroyed: 0 };
        things.push(thing);
        return thing;
      };
      const pool = new Pool<Thing>({
        max,
        create: () => (isAsync ? Promise.resolve().then(make) : make()),
        destroy: (thing) => {
          thing.destroyed++;
          return isAsync ? Promise.resolve() : undefined;
        },
        validate: validates ? () => (isAsync ? Promise.resolve(true) : true) : undefined,
      });
      const loans = new Map<number, Loan<Thing>>();
      const aborts = new Map<number, AbortController>();
      let acquirers = 0;
      for (const { kind, at } of commands) {
        if (kind === 'acquire') {
          const who = acquirers++;
          const controller = new AbortController();
          aborts.set(who, controller);
          pool.acquire(controller.signal).then(
            (loan) => loans.set(who, loan),
            () => {},
          );
          model.waiting.push(who);
        } else if (kind === 'abort') {
          const who = model.waiting[at % Math.max(model.waiting.length, 1)];
          if (who === undefined) continue;
          aborts.get(who)!.abort();
          model.waiting = model.waiting.filter((one) => one !== who);
        } else {
          const who = model.holding[at % Math.max(model.holding.length, 1)];
          if (who === undefined) continue;
          loans.get(who)![kind]();
          loans.delete(who);
          model.holding = model.holding.filter((one) => one !== who);
          if (kind === 'discard') model.size--;
        }
        model.serve();
        await turn();
        const held = [...loans.values()].map(({ value }) => value.id);
        expect([...loans.keys()].sort()).toEqual([...model.holding].sort());
        expect(new Set(held).size).toBe(held.length);
        expect(pool.stats()).toMatchObject({
          waiting: model.waiting.length,
          lent: model.holding.length,
          idle: model.idle,
          size: model.size,
        });
        expect(held.every((id) => things[id]!.destroyed === 0)).toBe(true);
      }
      const closing = pool.close({ timeoutMs: 600_000 });
      for (const loan of loans.values()) loan.release();
      expect(await closing).toMatchObject({ status: 'completed', remaining: 0, initial: model.size });
      expect(things.every(({ destroyed }) => destroyed === 1)).toBe(true);
    }),
    { numRuns: 300 },
  );
});

/** Every call of the program's code, in order: the n-th one does as told, for every n until a run has fewer. */
test.each(['throws', 'rejects', 'hangs'] as const)(
  'Pool survives the n-th step that %s, for every n: all settle, and each resource is destroyed at most once',
  async (how) => {
    for (let n = 1; ; n++) {
      let calls = 0;
      const things: Thing[] = [];
      const faulty = <V>(step: () => V): V | Promise<V> => {
        if (++calls !== n) return step();
        if (how === 'throws') throw new Error(`step ${n}`);
        return how === 'rejects' ? Promise.reject(new Error(`step ${n}`)) : new Promise<V>(() => {});
      };
      const pool = new Pool<Thing>({
        max: 2,
        min: 1,
        stepTimeoutMs: 2,
        acquireTimeoutMs: 10_000,
        create: () =>
          faulty(() => {
            const thing = { id: things.length, destroyed: 0 };
            things.push(thing);
            return thing;
          }),
        validate: () => faulty(() => true),
        destroy: (thing) => {
          thing.destroyed++;
          return faulty(() => undefined);
        },
        onFailure: () => {},
      });
      await pool.warmUp().catch(() => {});
      const ends = await Promise.allSettled(
        Array.from({ length: 5 }, (_, index) =>
          pool.use(async (_, loan) => {
            await null;
            if (index === 2) loan.discard();
          }),
        ),
      );
      expect(ends.filter(({ status }) => status === 'rejected').length).toBeLessThanOrEqual(1);
      await pool.checkIdle();
      const report = await pool.close({ timeoutMs: 10_000 });
      expect(report.remaining).toBe(0);
      expect(pool.size).toBe(0);
      expect(things.map(({ destroyed }) => destroyed)).toEqual(things.map(() => 1));
      if (calls < n) break;
      expect(n).toBeLessThan(100);
    }
  },
);
