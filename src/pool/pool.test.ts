import { channel } from 'node:diagnostics_channel';
import { getEventListeners, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Scope } from '../scope/index.js';
import { type LeaseNotice, type Loan, Pool, type PoolFailure, type PoolOptions } from './index.js';

interface Thing {
  readonly id: number;
  destroyed: number;
}

const pools: Pool<Thing>[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close({ timeoutMs: 0 });
});

/** A pool of numbered things that know how often they were destroyed. */
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

function gate<T = void>() {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** A timer that is as late as everything else on a busy machine: promises of time are held against it. */
async function plainTimerMs(delayMs: number): Promise<number> {
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  return performance.now() - startedAt;
}

const code = (expected: string) => expect.objectContaining({ code: expected });
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('Pool.acquire()', () => {
  test('makes resources up to max, then lends them again, the last one back first', async () => {
    const { pool, things } = thingPool();
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    expect([a.value.id, b.value.id]).toEqual([0, 1]);
    a.release();
    b.release();
    expect((await pool.acquire()).value.id).toBe(1);
    expect(things).toHaveLength(2);
    expect(pool.stats()).toMatchObject({
      size: 2,
      lent: 1,
      idle: 1,
      loans: 3,
      created: 2,
      peakLent: 2,
      utilisation: 0.5,
    });
  });

  test('lends real connections to a real server, and closes each once', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.setEncoding('utf8'));
      socket.on('data', (data) => socket.write(`${data}!`));
      socket.on('close', () => sockets.delete(socket));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    let ended = 0;
    const pool = new Pool<Socket>({
      max: 3,
      create: async ({ signal }) => {
        const socket = connect({ port, host: '127.0.0.1' }).setEncoding('utf8');
        await once(socket, 'connect', { signal });
        return socket;
      },
      validate: (socket) => !socket.destroyed,
      destroy: async (socket) => {
        ended++;
        socket.end();
        if (!socket.closed) await once(socket, 'close');
      },
    });
    const ask = (text: string) =>
      pool.use(async (socket) => {
        socket.write(text);
        return (await once(socket, 'data'))[0];
      });
    const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => ask(`q${n}`)));
    expect(answers).toEqual(Array.from({ length: 30 }, (_, n) => `q${n}!`));
    expect(pool.stats()).toMatchObject({ created: 3, lent: 0, waiting: 0 });
    const loan = await pool.acquire();
    loan.value.destroy();
    loan.release();
    expect(await Promise.all([ask('a'), ask('b'), ask('c')])).toEqual(['a!', 'b!', 'c!']);
    expect(await pool.close()).toMatchObject({ status: 'completed', destroyed: 3, failed: 0, remaining: 0 });
    expect(ended).toBe(4);
    server.close();
    await once(server, 'close');
    expect(sockets.size).toBe(0);
  });

  test('serves those who wait first come, first served, in the step of the release', async () => {
    const { pool } = thingPool({ max: 1 });
    const held = await pool.acquire();
    const order: number[] = [];
    const waits = [1, 2, 3].map((n) =>
      pool.acquire().then((loan) => {
        order.push(n);
        loan.release();
      }),
    );
    expect(pool.stats().waiting).toBe(3);
    held.release();
    expect(pool.stats()).toMatchObject({ waiting: 2, lent: 1, idle: 0 });
    await Promise.all(waits);
    expect(order).toEqual([1, 2, 3]);
  });

  test('tells who waits in vain who holds the resources', async () => {
    const { pool } = thingPool({ max: 2, acquireTimeoutMs: 5, sites: 'always', name: 'db' });
    await pool.acquire(undefined, { borrower: 'GET /a\u001b[2J' });
    await pool.acquire();
    const error = await pool.acquire().catch((error) => error);
    expect(error).toMatchObject({ code: 'WT_POOL_TIMEOUT', details: { timeoutMs: 5, max: 2 } });
    expect(error.message).toMatch(
      /^Cannot take a resource of db within 5 ms as 2 of 2 are lent: GET \/a for \d\.\d s \(.*pool\.test\.ts:\d+\), somebody for \d\.\d s \(.*pool\.test\.ts:\d+\)$/,
    );
    expect(error.details.holders).toHaveLength(2);
    expect(pool.stats()).toMatchObject({ timedOut: 1, waiting: 0 });
  });

  test('a wait of its own limit, and wrong ones', async () => {
    const { pool } = thingPool({ max: 1 });
    await pool.acquire();
    await expect(pool.acquire(undefined, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'WT_POOL_TIMEOUT' });
    await expect(pool.acquire(undefined, { timeoutMs: -1 })).rejects.toThrow(RangeError);
    expect(pool.stats().waiting).toBe(0);
  });

  test('stops waiting when its signal aborts, and leaves no listener', async () => {
    const { pool } = thingPool({ max: 1 });
    const held = await pool.acquire();
    const controller = new AbortController();
    const why = new Error('gone');
    const [first, second] = [pool.acquire(controller.signal), pool.acquire()];
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    controller.abort(why);
    await expect(first).rejects.toBe(why);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    await expect(pool.acquire(controller.signal)).rejects.toBe(why);
    held.release();
    expect((await second).isHeld).toBe(true);
  });

  test('loses nothing when a signal aborts in the step of the hand-over', async () => {
    for (const isAbortFirst of [true, false]) {
      const { pool } = thingPool({ max: 1 });
      const held = await pool.acquire();
      const controller = new AbortController();
      const waiting = pool.acquire(controller.signal);
      if (isAbortFirst) controller.abort();
      held.release();
      if (!isAbortFirst) controller.abort();
      const end = await waiting.catch(() => null);
      if (isAbortFirst) expect(end).toBeNull();
      else expect(end!.isHeld).toBe(true);
      end?.release();
      expect(pool.stats()).toMatchObject({ idle: 1, lent: 0, waiting: 0 });
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    }
  });

  test('an abort during create() leaves the resource to others', async () => {
    const made = gate<Thing>();
    const controller = new AbortController();
    const { pool } = thingPool({ create: () => made.promise, max: 1 });
    const first = pool.acquire(controller.signal);
    const second = pool.acquire();
    controller.abort(new Error('gone'));
    await expect(first).rejects.toThrow('gone');
    made.open({ id: 7, destroyed: 0 });
    expect((await second).value.id).toBe(7);
  });

  test('an abort by create() itself is heard', async () => {
    const controller = new AbortController();
    const { pool } = thingPool({
      create: () => {
        controller.abort(new Error('inside'));
        return new Promise(() => {});
      },
      stepTimeoutMs: 5,
      onFailure: () => {},
    });
    await expect(pool.acquire(controller.signal)).rejects.toThrow('inside');
    expect(pool.stats().waiting).toBe(0);
  });

  test('refuses whoever comes when the line is full', async () => {
    const { pool } = thingPool({ max: 1, waitLimit: 1 });
    const held = await pool.acquire();
    const waiting = pool.acquire();
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'WT_POOL_FULL', details: { waitLimit: 1 } });
    held.release();
    expect((await waiting).isHeld).toBe(true);
  });
});

describe('Loan', () => {
  test('is refused when it is given back twice, and its value is out of reach', async () => {
    const { pool } = thingPool({ name: 'db' });
    const loan = await pool.acquire(undefined, { borrower: 'job' });
    expect(loan.ageMs).toBeGreaterThanOrEqual(0);
    loan.release();
    expect(loan.isHeld).toBe(false);
    expect(() => loan.release()).toThrow(code('WT_POOL_RELEASED'));
    expect(() => loan.discard()).toThrow('Cannot discard a loan of job from db as it was given back before');
    expect(() => loan.value).toThrow(code('WT_POOL_RELEASED'));
    loan[Symbol.dispose]();
    await loan[Symbol.asyncDispose]();
    expect(pool.stats()).toMatchObject({ idle: 1, lent: 0 });
  });

  test('is refused by another pool, as is anything else', async () => {
    const [{ pool: mine }, { pool: other }] = [thingPool(), thingPool()];
    const loan = await mine.acquire();
    expect(() => other.release(loan)).toThrow(code('WT_POOL_FOREIGN'));
    expect(() => mine.release({} as Loan<Thing>)).toThrow(code('WT_POOL_FOREIGN'));
    expect(loan.isHeld).toBe(true);
    mine.release(loan);
    expect(() => mine.release(loan)).toThrow(code('WT_POOL_RELEASED'));
    expect(mine.stats().idle).toBe(1);
  });

  test('discard() destroys the resource and makes room for a new one', async () => {
    const { pool, things } = thingPool({ max: 1 });
    const loan = await pool.acquire();
    const waiting = pool.acquire();
    loan.discard();
    expect((await waiting).value.id).toBe(1);
    expect(things.map(({ destroyed }) => destroyed)).toEqual([1, 0]);
  });

  test('ends with its block, on success, on throw, and beside an early release', async () => {
    const { pool } = thingPool();
    {
      await using loan = await pool.acquire();
      expect(loan.isHeld).toBe(true);
    }
    {
      using loan = await pool.acquire();
      loan.release();
    }
    expect(await pool.use(async (thing) => thing.id)).toBe(0);
    await expect(
      pool.use(() => {
        throw new Error('work');
      }),
    ).rejects.toThrow('work');
    await pool.use((_, loan) => loan.discard());
    expect(pool.stats()).toMatchObject({ lent: 0, idle: 0, destroyed: 1 });
  });
});

describe('Pool leases', () => {
  test('a loan that lasts too long is reported once, and again when it is back', async () => {
    const notices: LeaseNotice[] = [];
    const overdue = gate();
    const { pool } = thingPool({
      name: 'db',
      leaseTimeoutMs: 5,
      onLease: (notice) => {
        notices.push(notice);
        if (notice.kind === 'overdue') overdue.open();
      },
    });
    const early = await pool.acquire();
    const late = await pool.acquire(undefined, { borrower: 'GET /orders' });
    early.release();
    await overdue.promise;
    expect(notices).toMatchObject([{ kind: 'overdue', pool: 'db', borrower: 'GET /orders', leaseTimeoutMs: 5 }]);
    expect(notices[0]!.acquiredAt).toMatch(/pool\.test\.ts:\d+$/);
    expect(notices[0]!.ageMs).toBeGreaterThanOrEqual(5);
    expect(pool.stats().overdue).toBe(1);
    late.release();
    expect(notices.map(({ kind }) => kind)).toEqual(['overdue', 'returned']);
    expect(pool.stats().overdue).toBe(0);
  });

  test('go to subscribers of watertight:pool-lease, else into a warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const heard: unknown[] = [];
    const firstHeard = gate();
    const listen = (notice: unknown) => {
      heard.push(notice);
      firstHeard.open();
    };
    try {
      const { pool } = thingPool({ name: 'db', leaseTimeoutMs: 1, sites: 'off' });
      channel('watertight:pool-lease').subscribe(listen);
      const loan = await pool.acquire(undefined, { borrower: 'job' });
      await firstHeard.promise;
      expect(heard).toMatchObject([{ kind: 'overdue', borrower: 'job', acquiredAt: undefined }]);
      expect(warn).not.toHaveBeenCalled();
      channel('watertight:pool-lease').unsubscribe(listen);
      loan.release();
      expect(warn.mock.calls[0]![0]).toMatch(/^A loan of db came back after all: held by job for \d+\.\d s$/);
    } finally {
      channel('watertight:pool-lease').unsubscribe(listen);
      warn.mockRestore();
    }
  });

  test('after a forgotten one every loan remembers its line', async () => {
    const { pool } = thingPool({ max: 1, onLease: () => {} });
    for (let n = 0; n < 200; n++) (await pool.acquire()).release();
    const held = await pool.acquire();
    expect(pool.holders()[0]!.acquiredAt).toBeUndefined();
    await expect(pool.acquire(undefined, { timeoutMs: 1 })).rejects.toMatchObject({ code: 'WT_POOL_TIMEOUT' });
    held.release();
    await pool.acquire();
    expect(pool.holders()[0]!.acquiredAt).toMatch(/pool\.test\.ts:\d+$/);
  });
});

describe('Pool steps that fail or hang', () => {
  const quiet = { onFailure: () => {} };

  test.each([
    [
      'throws',
      () => {
        throw new Error('down');
      },
    ],
    ['rejects', () => Promise.reject(new Error('down'))],
  ])('a create that %s is told to the longest waiting, and to nobody else', async (_, fail) => {
    const failures: PoolFailure[] = [];
    let calls = 0;
    const { pool } = thingPool({
      max: 1,
      create: () => (++calls === 1 ? (fail() as never) : { id: calls, destroyed: 0 }),
      onFailure: (failure) => failures.push(failure),
    });
    const [first, second] = await Promise.allSettled([pool.acquire(), pool.acquire()]);
    expect(first).toMatchObject({ reason: { code: 'WT_POOL_CREATE_FAILED', cause: { message: 'down' } } });
    expect(second).toMatchObject({ value: { isHeld: true } });
    expect(failures).toEqual([]);
    expect(pool.size).toBe(1);
  });

  test('a create that hangs costs its place for its time only; what it brings later is destroyed', async () => {
    const made = gate<Thing>();
    let calls = 0;
    let signal!: AbortSignal;
    const destroyed: Thing[] = [];
    const { pool } = thingPool({
      max: 1,
      stepTimeoutMs: 5,
      create: (creation) => {
        signal ??= creation.signal;
        return ++calls === 1 ? made.promise : { id: calls, destroyed: 0 };
      },
      destroy: (thing) => void destroyed.push(thing),
    });
    const [first, second] = [pool.acquire(), pool.acquire()];
    await expect(first).rejects.toMatchObject({ code: 'WT_POOL_CREATE_FAILED', cause: code('WT_POOL_STEP_TIMEOUT') });
    expect(signal.aborted).toBe(true);
    expect((await second).value.id).toBe(2);
    const late = { id: 1, destroyed: 0 };
    made.open(late);
    await turn();
    expect(destroyed).toEqual([late]);
    expect(pool.size).toBe(1);
  });

  test.each([
    ['says no', () => false],
    ['says no later', async () => false],
    [
      'throws',
      () => {
        throw new Error('check');
      },
    ],
    ['rejects', () => Promise.reject(new Error('check'))],
    ['hangs', () => new Promise<boolean>(() => {})],
  ])('a validate that %s costs that resource', async (kind, validate) => {
    const failures: PoolFailure[] = [];
    let isOn = false;
    const { pool, things } = thingPool({
      max: 1,
      stepTimeoutMs: 5,
      validate: () => (isOn ? validate() : true),
      onFailure: (failure) => failures.push(failure),
    });
    (await pool.acquire()).release();
    isOn = true;
    const loan = await pool.acquire();
    expect(loan.value.id).toBe(1);
    expect(things.map(({ destroyed }) => destroyed)).toEqual([1, 0]);
    expect(failures.map(({ phase }) => phase)).toEqual(kind.startsWith('says') ? [] : ['validate']);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('bye');
      },
    ],
    ['rejects', () => Promise.reject(new Error('bye'))],
    ['hangs', () => new Promise(() => {})],
  ])('a destroy that %s gives its place back and is reported', async (kind, destroy) => {
    const failures: PoolFailure[] = [];
    const { pool } = thingPool({ max: 1, stepTimeoutMs: 5, destroy, onFailure: (failure) => failures.push(failure) });
    const loan = await pool.acquire();
    const waiting = pool.acquire();
    loan.discard();
    expect((await waiting).value.id).toBe(1);
    const wanted = kind === 'hangs' ? code('WT_POOL_STEP_TIMEOUT') : new Error('bye');
    expect(failures).toEqual([{ pool: 'pool', phase: 'destroy', error: wanted }]);
  });

  test('failures nobody listens to become one warning', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const { pool } = thingPool({ name: 'db', destroy: () => Promise.reject(new Error('bye')) });
    (await pool.acquire()).discard();
    (await pool.acquire()).discard();
    await turn();
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      'destroy of db failed: bye. Later failures are not told; give onFailure to hear of each',
    ]);
    warn.mockRestore();
  });

  test('a line of 20,000 is told of creates that throw at once without nesting', async () => {
    let isDown = false;
    const create = (): Thing => {
      if (isDown) throw new Error('down');
      return { id: 0, destroyed: 0 };
    };
    const { pool } = thingPool({ max: 1, waitLimit: 20_000, create });
    const held = await pool.acquire();
    const waits = Array.from({ length: 20_000 }, () => pool.acquire().catch((error) => error.code));
    isDown = true;
    held.discard();
    expect(new Set(await Promise.all(waits))).toEqual(new Set(['WT_POOL_CREATE_FAILED']));
    expect(pool.stats()).toMatchObject({ size: 0, waiting: 0 });
  });

  test('a line of 20,000 is served by steps that end at once without nesting', async () => {
    const { pool } = thingPool({ max: 1, waitLimit: 20_000, validate: () => true });
    const held = await pool.acquire();
    const waits = Array.from({ length: 20_000 }, () => pool.acquire().then((loan) => loan.release()));
    held.release();
    await Promise.all(waits);
    expect(pool.stats()).toMatchObject({ loans: 20_001, waiting: 0 });
    await expect(
      new Pool({ ...quiet, create: () => Promise.reject(1), destroy: () => {} }).acquire(),
    ).rejects.toThrow();
  });
});

describe('Pool.warmUp() and idle resources', () => {
  test('makes what is missing to min, at once', async () => {
    const { pool } = thingPool({ min: 2, max: 4 });
    await pool.warmUp();
    await pool.warmUp();
    expect(pool.stats()).toMatchObject({ idle: 2, created: 2 });
  });

  test('says what failed, and keeps the others', async () => {
    let calls = 0;
    const { pool } = thingPool({
      min: 2,
      create: () => (++calls === 1 ? Promise.reject(new Error('down')) : { id: calls, destroyed: 0 }),
    });
    await expect(pool.warmUp()).rejects.toMatchObject({ code: 'WT_POOL_CREATE_FAILED', cause: new Error('down') });
    expect(pool.stats()).toMatchObject({ idle: 1 });
  });

  test('checkIdle() destroys what does not work any more', async () => {
    const broken = new Set<number>();
    const { pool } = thingPool({ max: 3, validate: async ({ id }) => !broken.has(id) });
    const loans = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    for (const loan of loans) loan.release();
    broken.add(0).add(2);
    expect(await pool.checkIdle()).toEqual({ checked: 3, destroyed: 2 });
    expect(pool.stats()).toMatchObject({ idle: 1, size: 1 });
    expect(await thingPool().pool.checkIdle()).toEqual({ checked: 0, destroyed: 0 });
  });
});

describe('Pool.close()', () => {
  test('waits for loans, and destroys each resource once under ten closers', async () => {
    const { pool, things } = thingPool({ max: 3 });
    const [a, b] = [await pool.acquire(), await pool.acquire()];
    (await pool.acquire()).release();
    const closings = Array.from({ length: 10 }, () => pool.close());
    await turn();
    expect(things.map(({ destroyed }) => destroyed)).toEqual([0, 0, 1]);
    a.release();
    b.discard();
    const reports = await Promise.all(closings);
    expect(reports[0]).toMatchObject({
      status: 'completed',
      initial: 3,
      destroyed: 3,
      failed: 0,
      remaining: 0,
      holders: [],
    });
    expect(reports.slice(1).every(({ status }) => status === 'already-closed')).toBe(true);
    expect(things.map(({ destroyed }) => destroyed)).toEqual([1, 1, 1]);
  });

  test('ends by its limit + 50 ms and names who forgot a loan; that is destroyed when it comes back', async () => {
    const { pool, things } = thingPool({ name: 'db' });
    const loan = await pool.acquire(undefined, { borrower: 'GET /orders' });
    const startedAt = performance.now();
    const timer = plainTimerMs(100);
    const report = await pool.close({ timeoutMs: 100 });
    expect(performance.now() - startedAt).toBeLessThanOrEqual((await timer) + 50);
    expect(report).toMatchObject({ status: 'timeout', initial: 1, destroyed: 0, remaining: 1 });
    expect(report.holders).toMatchObject([{ borrower: 'GET /orders' }]);
    expect(report.holders[0]!.acquiredAt).toMatch(/pool\.test\.ts:\d+$/);
    expect(things[0]!.destroyed).toBe(0);
    loan.release();
    expect(things[0]!.destroyed).toBe(1);
    expect(pool.size).toBe(0);
  });

  test('ends by its limit when a destroy hangs, and counts it', async () => {
    const { pool } = thingPool({ max: 3, destroy: ({ id }) => (id === 1 ? new Promise(() => {}) : undefined) });
    const loans = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    for (const loan of loans) loan.release();
    expect(await pool.close({ timeoutMs: 20 })).toMatchObject({
      status: 'timeout',
      initial: 3,
      destroyed: 2,
      remaining: 1,
      holders: [],
    });
  });

  test('keeps every failure of destroy', async () => {
    const { pool } = thingPool({
      max: 3,
      destroy: ({ id }) => Promise.reject(new Error(`bye ${id}`)),
      onFailure: () => {},
    });
    const loans = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    for (const loan of loans) loan.release();
    const report = await pool.close();
    expect(report).toMatchObject({ status: 'failed', initial: 3, destroyed: 0, failed: 3, remaining: 0 });
    expect(report.failures.map(({ error }) => (error as Error).message).sort()).toEqual(['bye 0', 'bye 1', 'bye 2']);
  });

  test('refuses those who wait and those who come; what is being made is not kept', async () => {
    const made = gate<Thing>();
    let signal!: AbortSignal;
    const destroyed: Thing[] = [];
    const { pool } = thingPool({
      max: 1,
      create: (creation) => {
        signal = creation.signal;
        return made.promise;
      },
      destroy: (thing) => void destroyed.push(thing),
    });
    const waiting = [pool.acquire(), pool.acquire()];
    const closing = pool.close();
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'WT_POOL_CLOSED' });
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'WT_POOL_CLOSED' });
    await expect(pool.warmUp()).rejects.toMatchObject({ code: 'WT_POOL_CLOSED' });
    expect(signal.aborted).toBe(true);
    const thing = { id: 0, destroyed: 0 };
    made.open(thing);
    expect(await closing).toMatchObject({ status: 'completed', destroyed: 1, remaining: 0 });
    expect(destroyed).toEqual([thing]);
  });

  test('a create that obeys the abort fails nothing', async () => {
    const { pool } = thingPool({
      create: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const waiting = pool.acquire();
    expect(await pool.close()).toMatchObject({ status: 'completed', initial: 0, failures: [] });
    await expect(waiting).rejects.toMatchObject({ code: 'WT_POOL_CLOSED' });
  });

  test('an empty pool closes at once', async () => {
    const { pool } = thingPool();
    expect(await pool.close({ timeoutMs: 0 })).toMatchObject({ status: 'completed', initial: 0 });
    expect(() => pool.close({ timeoutMs: -1 })).toThrow(RangeError);
  });
});

describe('Pool in a scope', () => {
  test('closes with it while somebody waits', async () => {
    const scope = new Scope('app');
    const { pool, things } = thingPool({ scope, max: 1 });
    const loan = await pool.acquire();
    const waiting = pool.acquire();
    const closing = scope.close();
    await expect(waiting).rejects.toMatchObject({ code: 'WT_POOL_CLOSED' });
    loan.release();
    expect(await closing).toMatchObject({ status: 'completed', remaining: 0 });
    expect(things[0]!.destroyed).toBe(1);
  });

  test('names forgotten loans in the report of the scope, which ends in time', async () => {
    const scope = new Scope('app');
    const { pool } = thingPool({ scope, name: 'db' });
    await pool.acquire(undefined, { borrower: 'job' });
    const startedAt = performance.now();
    const timer = plainTimerMs(1_000);
    const report = await scope.close({ timeoutMs: 1_000 });
    expect(performance.now() - startedAt).toBeLessThanOrEqual((await timer) + 50);
    expect(report.failures).toMatchObject([
      {
        path: 'app/db',
        phase: 'release',
        error: { code: 'WT_POOL_STUCK', details: { holders: [{ borrower: 'job' }] } },
      },
    ]);
    expect(String(report.failures[0]!.error)).toMatch(/Cannot close 1 of the resources of db in time: held by job for/);
  });

  test('leaves its scope when it is closed by itself', async () => {
    const scope = new Scope('app');
    const { pool } = thingPool({ scope });
    expect(scope.size).toBe(1);
    await pool.close();
    expect(scope.size).toBe(0);
  });

  test('any owner that defers closes it', async () => {
    const releases: (() => unknown)[] = [];
    const owner = {
      defer(_: string, release: () => unknown) {
        releases.push(release);
        return { detach: () => {} };
      },
    };
    const { pool } = thingPool({ scope: owner });
    await releases[0]!();
    expect(pool.isClosed).toBe(true);
  });
});

test.each([
  { create: 1 },
  { destroy: undefined },
  { validate: 'yes' },
  { max: 0 },
  { max: Number.POSITIVE_INFINITY },
  { min: 3 },
  { waitLimit: -1 },
  { acquireTimeoutMs: '5' },
  { leaseTimeoutMs: Number.NaN },
  { idleTimeoutMs: -1 },
  { stepTimeoutMs: -1 },
  { sites: 'on' },
  { name: '' },
])('Pool refuses a wrong option %j', (options) => {
  expect(() => thingPool(options as never)).toThrow(/^Pool: \w+ must be/);
});
