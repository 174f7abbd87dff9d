import { createConnection, createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { type AcquireOptions, Pool, type PoolOptions } from './index.js';

const pools: Pool<object>[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.close({ timeoutMs: 0 });
});

function objectPool(options: Partial<PoolOptions<object>> = {}): Pool<object> {
  const pool = new Pool<object>({ create: () => ({}), destroy: () => {}, max: 1, ...options });
  pools.push(pool);
  return pool;
}

describe('Pool.acquire() refuses wrong arguments before anybody is in line', () => {
  test.each<[unknown, unknown, string]>([
    [new AbortController(), undefined, 'acquire(): signal must be an AbortSignal, not an AbortController object'],
    [{ borrower: 'x' }, undefined, 'acquire(): signal must be an AbortSignal, not an object'],
    [undefined, 'GET /', 'acquire(): options must be an object, got the text "GET /"'],
    [undefined, { borrower: 5 }, 'acquire(): borrower must be a text, got the number 5'],
    [undefined, { timeoutMs: '5' }, 'acquire(): timeoutMs must be a number of ms from 0, got the text "5"'],
  ])('%o, %o', async (signal, options, message) => {
    const pool = objectPool();
    const acquire = () => pool.acquire(signal as AbortSignal, options as AcquireOptions);
    await expect(acquire()).rejects.toThrow(message);
    expect(pool.stats()).toMatchObject({ lent: 0, loans: 0, waiting: 0 });

    const holder = await pool.acquire();
    await expect(acquire()).rejects.toThrow(message);
    expect(pool.stats()).toMatchObject({ lent: 1, loans: 1, waiting: 0 });
    holder.release();
    expect(pool.stats()).toMatchObject({ lent: 0, idle: 1 });
    expect(await pool.close()).toMatchObject({ status: 'completed', remaining: 0 });
  });

  test('use() takes nothing for work that is no function', async () => {
    const pool = objectPool();
    await expect(pool.use('select 1' as never)).rejects.toThrow('use(): work must be a function, got the text');
    expect(pool.stats()).toMatchObject({ loans: 0, created: 0 });
  });
});

test.each<[unknown, string]>([
  [null, 'close(): options must be an object, not null'],
  [{ timeout: 5 }, 'close(): there is no option "timeout"; there are timeoutMs'],
  [{ timeoutMs: '5' }, 'close(): timeoutMs must be a number of ms from 0, got the text "5"'],
])('Pool.close() refuses %o, and stays open', (options, message) => {
  const pool = objectPool();
  expect(() => pool.close(options as object)).toThrow(message);
  expect(pool.isClosed).toBe(false);
});

describe('Pool refuses', () => {
  test.each<[unknown, string]>([
    [undefined, 'Pool: options must be an object, not undefined'],
    [
      { create: () => ({}), destroy: () => {}, maximum: 5 },
      'Pool: there is no option "maximum"; there are name, scope',
    ],
    [{ destroy: () => {} }, 'Pool: create must be a function, got undefined'],
    [{ create: () => ({}) }, 'Pool: destroy must be a function, got undefined'],
  ])('%o', (options, message) => {
    expect(() => new Pool(options as never)).toThrow(message);
  });

  test.each<[object, string]>([
    [{ onLease: 'log' }, 'Pool: onLease must be a function, not the text "log"'],
    [{ onFailure: 5 }, 'Pool: onFailure must be a function, not the number 5'],
    [{ scope: {} }, 'Pool: scope must be a Scope, not an object'],
    [{ name: '' }, 'Pool: name must be a text that is not empty, got the text ""'],
    [{ max: '5' }, 'Pool: max must be a whole number from 1 to 9007199254740991, got the text "5"'],
    [{ sites: '' }, 'Pool: sites must be one of off, sampled, always, got the text ""'],
  ])('%o', (options, message) => {
    expect(() => objectPool(options)).toThrow(message);
  });

  test('no option that it has', () => {
    const given: Required<PoolOptions<object>> = {
      name: 'all',
      scope: { defer: () => ({ detach: () => {} }) },
      create: () => ({}),
      destroy: () => {},
      validate: () => true,
      min: 0,
      max: 1,
      waitLimit: 1,
      acquireTimeoutMs: 1,
      leaseTimeoutMs: 1,
      idleTimeoutMs: 1,
      stepTimeoutMs: 1,
      sites: 'off',
      onLease: () => {},
      onFailure: () => {},
    };
    expect(objectPool(given).name).toBe('all');
  });
});

describe('WT_POOL_CREATE_FAILED says why', () => {
  test('by the cause as one line, cut', async () => {
    const pool = objectPool({ name: 'p', create: () => Promise.reject(new Error(`down\n${'x'.repeat(1_000)}`)) });
    const error: Error = await pool.acquire().then(
      () => new Error('lent'),
      (error) => error,
    );
    expect(error.message).toMatch(/^Cannot make a resource of p as create failed: down x{100,194}…$/);
  });

  test('by its code where it has no message, as for a refused connection to localhost', async () => {
    const server = createServer().listen(0, 'localhost');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const pool = objectPool({
      create: () =>
        new Promise((resolve, reject) => {
          const socket = createConnection({ port, host: 'localhost', autoSelectFamily: true });
          socket.on('error', reject).on('connect', () => resolve(socket));
        }),
    });
    await expect(pool.acquire()).rejects.toThrow(/create failed: .*ECONNREFUSED/);
  });

  test.each<[unknown, string]>([
    ['text', 'create failed: text'],
    [Object.assign(new Error(''), { code: 'EDOWN' }), 'create failed: EDOWN'],
    [new RangeError(''), 'create failed: RangeError'],
    [Object.create(null), 'create failed: an object that has no text'],
  ])('whatever was thrown: %o', async (thrown, message) => {
    await expect(objectPool({ create: () => Promise.reject(thrown) }).acquire()).rejects.toThrow(message);
  });
});
