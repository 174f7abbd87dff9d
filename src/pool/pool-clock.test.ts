import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Loan, Pool, type PoolOptions } from './index.js';

interface Thing {
  readonly id: number;
  destroyed: number;
}

const pools: Pool<Thing>[] = [];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(async () => {
  const closings = pools.splice(0).map((pool) => pool.close({ timeoutMs: 0 }));
  await vi.advanceTimersByTimeAsync(50);
  await Promise.all(closings);
  vi.useRealTimers();
});

function thingPool(options: Partial<PoolOptions<Thing>> = {}) {
  const things: Thing[] = [];
  const pool = new Pool<Thing>({
    create: () => {
      const thing = { id: things.length, destroyed: 0 };
      things.push(thing);
      return thing;
    },
    destroy: (thing) => void thing.destroyed++,
    max: 2,
    ...options,
  });
  pools.push(pool);
  return { pool, things };
}

test('Pool leases: each of several has its own moment', () => {
  const notices: string[] = [];
  const { pool } = thingPool({
    max: 3,
    leaseTimeoutMs: 100,
    onLease: ({ kind, borrower }) => notices.push(`${kind} ${borrower}`),
  });
  const loans: Promise<Loan<Thing>>[] = [];
  for (const borrower of ['a', 'b', 'c']) {
    loans.push(pool.acquire(undefined, { borrower }));
    vi.advanceTimersByTime(60);
  }
  expect(notices).toEqual(['overdue a', 'overdue b']);
  vi.advanceTimersByTime(30);
  expect(notices).toEqual(['overdue a', 'overdue b']);
  vi.advanceTimersByTime(20);
  expect(notices).toEqual(['overdue a', 'overdue b', 'overdue c']);
  vi.advanceTimersByTime(1_000);
  expect(notices).toEqual(['overdue a', 'overdue b', 'overdue c']);
  expect(vi.getTimerCount()).toBe(0);
  expect(loans).toHaveLength(3);
});

test('Pool destroys idle resources above min after idleTimeoutMs, a quarter later at most; min is kept', async () => {
  const { pool, things } = thingPool({ min: 1, max: 3, idleTimeoutMs: 1_000 });
  await pool.warmUp();
  const loans = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
  for (const loan of loans) loan.release();
  vi.advanceTimersByTime(990);
  expect(pool.stats().idle).toBe(3);
  vi.advanceTimersByTime(270);
  expect(pool.stats().idle).toBe(1);
  expect(things.map(({ destroyed }) => destroyed)).toEqual([1, 1, 0]);
  (await pool.acquire()).discard();
  expect(pool.size).toBe(0);
  vi.advanceTimersByTime(260);
  expect(pool.stats().idle).toBe(1);
  await pool.close();
  await vi.advanceTimersByTimeAsync(20);
  expect(vi.getTimerCount()).toBe(0);
});

test('Pool takes no resource in use for an idle one', async () => {
  const { pool } = thingPool({ idleTimeoutMs: 1_000 });
  for (let n = 0; n < 30; n++) {
    const loan = await pool.acquire();
    vi.advanceTimersByTime(150);
    loan.release();
  }
  vi.advanceTimersByTime(600);
  expect(pool.stats()).toMatchObject({ created: 1, destroyed: 0, idle: 1 });
  vi.advanceTimersByTime(1_400);
  expect(pool.stats()).toMatchObject({ idle: 0, destroyed: 1 });
  expect(vi.getTimerCount()).toBe(0);
});

test('Pool.close() ends the watch of a loan that it gave up on', async () => {
  const notices: string[] = [];
  const { pool } = thingPool({ leaseTimeoutMs: 1_000, onLease: ({ kind }) => notices.push(kind) });
  await pool.acquire();
  expect(vi.getTimerCount()).toBe(1);
  const closing = pool.close({ timeoutMs: 0 });
  await vi.advanceTimersByTimeAsync(50);
  expect((await closing).remaining).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(notices).toEqual([]);
});
