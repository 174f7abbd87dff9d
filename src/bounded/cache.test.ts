import diagnostics from 'node:diagnostics_channel';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Cache, type CacheOptions } from './cache.js';
import { MemoryBudget } from './memory-budget.js';

const closed = expect.objectContaining({ code: 'WT_BOUNDED_CLOSED' });
const settle = () => new Promise(setImmediate);

/** A connection that takes until `ended` is called to close, and counts how often it was asked to. */
class Connection {
  closes = 0;
  finish!: (error?: Error) => void;
  readonly #finished = new Promise<void>((resolve, reject) => {
    this.finish = (error) => (error ? reject(error) : resolve());
  });

  close(): Promise<void> {
    this.closes++;
    return this.#finished;
  }
}

const connections = (
  options: Partial<CacheOptions<string, Connection> & { budget: undefined; maxBytes: undefined }> = {},
) => new Cache<string, Connection>({ max: 2, dispose: (connection) => connection.close(), ...options });

test('Cache disposes of each value exactly once, after it has left under every key, for every order of calls', async () => {
  const command = fc.record({
    call: fc.constantFrom('set', 'set', 'set', 'get', 'delete', 'deleteThat', 'clear', 'trim'),
    key: fc.nat({ max: 4 }),
    value: fc.nat({ max: 6 }),
  });
  const run = async (max: number, commands: { call: string; key: number; value: number }[]) => {
    const disposed: object[] = [];
    const cache = new Cache<number, { bytes: number }>({
      max,
      maxBytes: 12,
      sizeOf: ({ bytes }) => bytes,
      dispose: (value) => void disposed.push(value),
    });
    const values = Array.from({ length: 7 }, (_, i) => ({ bytes: i === 6 ? 13 : i + 1 }));
    const stored = new Set<object>();
    for (const { call, key, value } of commands) {
      const chosen = values[value]!;
      // What was disposed of is not stored again: it is over.
      if (call === 'set' && !disposed.includes(chosen)) {
        if (cache.set(key, chosen)) stored.add(chosen);
        else expect(chosen.bytes).toBe(13);
      } else if (call === 'get') cache.get(key);
      else if (call === 'delete') cache.delete(key);
      else if (call === 'deleteThat') {
        const before = cache.peek(key);
        expect(cache.delete(key, chosen)).toBe(before === chosen);
        if (before !== chosen) expect(cache.peek(key)).toBe(before);
      } else if (call === 'clear') cache.clear();
      else if (call === 'trim') cache.trim();
      const held = new Set([0, 1, 2, 3, 4].map((one) => cache.peek(one)).filter((one) => one !== undefined));
      expect(cache.bytes).toBeLessThanOrEqual(12);
      expect(cache.size).toBeLessThanOrEqual(max);
      expect(new Set(disposed)).toEqual(new Set([...stored].filter((one) => !held.has(one as never))));
      expect(new Set(disposed).size).toBe(disposed.length);
    }
    await cache.close();
    expect(new Set(disposed)).toEqual(stored);
    expect(disposed).toHaveLength(stored.size);
  };
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(command, { maxLength: 50 }), run), {
    numRuns: 300,
  });
});

describe('Cache', () => {
  test('must have a limit', () => {
    // @ts-expect-error the types refuse it too, as they do the next three
    expect(() => new Cache({})).toThrow('options must have max, maxBytes or budget, got none');
    // @ts-expect-error
    expect(() => new Cache({ ttlMs: 5 })).toThrow(TypeError);
    // @ts-expect-error
    expect(() => new Cache({ maxBytes: 5 })).toThrow('sizeOf must be a function');
    // @ts-expect-error
    expect(() => new Cache({ budget: new MemoryBudget(5) })).toThrow(TypeError);
    expect(() => new Cache({ max: 0 })).toThrow(RangeError);
    expect(() => new Cache({ max: 1, ttlMs: 0 })).toThrow(RangeError);
    expect(() => new Cache({ max: 1, disposing: 0 })).toThrow(RangeError);
    // What the types must take.
    const sizeOf = (value: string, key: string) => value.length + key.length;
    const budget = new MemoryBudget(5);
    expect(new Cache<string, string>({ max: 1, sizeOf }).size).toBe(0);
    expect(new Cache({ max: 1, maxBytes: 5, budget, sizeOf }).set('a', 'b')).toBe(true);
    expect(new Cache({ budget, sizeOf: (page: Uint8Array) => page.byteLength }).bytes).toBe(0);
  });

  test.each<[unknown, string]>([
    [undefined, 'Cache: options must be an object, not undefined'],
    [{ max: 1, ttl: 5 }, 'Cache: there is no option "ttl"; there are name, max, '],
    [{ max: 1, owner: { defer() {} } }, 'Cache: there is no option "owner"'],
    [{ max: 1, scope: 'app' }, 'Cache: scope must be a Scope, not the text "app"'],
    [{ max: 1, dispose: 'close' }, 'Cache: dispose must be a function, not the text "close"'],
    [{ maxBytes: 1, sizeOf: 5 }, 'Cache: sizeOf must be a function, not the number 5'],
    [{ budget: 5, sizeOf: () => 1 }, 'Cache: budget must be a MemoryBudget, got the number 5'],
    [{ max: 1, name: '' }, 'Cache: name must be a text that is not empty, got the text ""'],
    [{ max: 1, name: 5 }, 'Cache: name must be a text that is not empty, got the number 5'],
  ])('refuses %o', (options, message) => {
    expect(() => new Cache(options as never)).toThrow(message);
  });

  test('takes every option that it has', async () => {
    const given: Required<CacheOptions<string, string>> = {
      name: 'all',
      max: 1,
      maxBytes: 5,
      budget: new MemoryBudget(5),
      sizeOf: () => 1,
      ttlMs: 5,
      scope: { defer: () => ({ detach: () => {} }) },
      dispose: () => {},
      disposing: 1,
    };
    const cache = new Cache(given);
    expect(cache.name).toBe('all');
    await cache.close();
  });

  test('tells dispose why a value left', async () => {
    const reasons: string[] = [];
    const cache = new Cache<string, { name: string }>({
      max: 1,
      dispose: ({ name }, key, reason) => reasons.push(`${key} ${name} ${reason}`),
    });
    cache.set('a', { name: 'first' });
    cache.set('a', { name: 'second' });
    cache.set('b', { name: 'third' });
    cache.delete('b');
    cache.set('c', { name: 'last' });
    await cache.close();
    expect(reasons).toEqual(['a first replaced', 'a second evicted', 'b third deleted', 'c last deleted']);
  });

  test('gives out no value after its time, and disposes of it when it is asked for, by trim(), or by clear()', async () => {
    const reasons: string[] = [];
    const cache = new Cache<string, object>({
      max: 10,
      ttlMs: 1,
      dispose: (_value, key, reason) => reasons.push(`${key} ${reason}`),
    });
    cache.set('a', {});
    cache.set('b', {});
    while (cache.has('b')) await settle();
    expect(cache.get('a')).toBeUndefined();
    expect(reasons).toEqual(['a expired']);
    cache.trim();
    expect(reasons).toEqual(['a expired', 'b expired']);
    cache.set('c', {});
    while (cache.has('c')) await settle();
    cache.clear();
    expect(reasons).toEqual(['a expired', 'b expired', 'c expired']);
    expect(cache.size).toBe(0);
  });

  test('a value that has expired is still the one that it was: stored again it is disposed of once, and deleted by identity', async () => {
    const disposed: object[] = [];
    const cache = new Cache<string, object>({ max: 10, ttlMs: 1, dispose: (value) => void disposed.push(value) });
    const [again, other] = [{}, {}];
    cache.set('again', again);
    cache.set('other', other);
    while (cache.has('again') || cache.has('other')) await settle();
    cache.set('again', again);
    expect(cache.delete('other', again)).toBe(false);
    expect(cache.delete('other', other)).toBe(true);
    expect(disposed).toEqual([other]);
    await cache.close();
    expect(disposed).toEqual([other, again]);
  });

  test('clear() also takes out what a dispose has stored meanwhile', () => {
    const cache: Cache<string, object> = new Cache<string, object>({
      max: 3,
      dispose: (_value, key) => key === 'a' && cache.set('b', {}),
    });
    cache.set('a', {});
    cache.clear();
    expect(cache.size).toBe(0);
  });

  test('set() does not take a value beyond its limit, which stays the caller’s, and drops what it would replace', () => {
    const disposed: string[] = [];
    const cache = new Cache<string, string>({
      maxBytes: 5,
      sizeOf: (value) => value.length,
      dispose: (value) => disposed.push(value),
    });
    expect(cache.set('a', 'short')).toBe(true);
    expect(cache.set('a', 'too long')).toBe(false);
    expect(disposed).toEqual(['short']);
    expect(cache.has('a')).toBe(false);
    expect(() => cache.set('a', '')).toThrow('size of a value must be a whole number from 1');
  });

  test('a released value is released once, and its replacement is not: evict-with-async-release', async () => {
    const cache = connections();
    const [first, second] = [new Connection(), new Connection()];
    cache.set('db', first);
    cache.set('db', second);
    expect([first.closes, second.closes, cache.releasing]).toEqual([1, 0, 1]);
    // Whoever was told that the first one is broken takes out that one only.
    expect(cache.delete('db', first)).toBe(false);
    expect(cache.get('db')).toBe(second);
    const closing = cache.close();
    let isClosed = false;
    closing.then(() => (isClosed = true));
    second.finish();
    await settle();
    expect(isClosed).toBe(false);
    first.finish();
    await closing;
    expect([first.closes, second.closes, cache.releasing, cache.size]).toEqual([1, 1, 0, 0]);
  });

  test('set() is refused while as many disposals as allowed have not ended, and settled() says when they have', async () => {
    const cache = connections({ max: 1, disposing: 2 });
    const all = Array.from({ length: 5 }, () => new Connection());
    for (const [i, connection] of all.slice(0, 3).entries()) cache.set(`${i}`, connection);
    expect(cache.releasing).toBe(2);
    expect(() => cache.set('3', all[3]!)).toThrow(
      expect.objectContaining({
        code: 'WT_BOUNDED_RELEASING',
        message: 'Cannot store in cache as 2 values that left are still being disposed of',
      }),
    );
    expect(all[3]!.closes).toBe(0);
    all[0]!.finish();
    all[1]!.finish();
    await cache.settled();
    expect(cache.set('3', all[3]!)).toBe(true);
    let isSettled = false;
    const settled = cache.settled().then(() => (isSettled = true));
    await settle();
    expect([cache.releasing, isSettled]).toEqual([1, false]);
    all[2]!.finish();
    await settled;
  });

  test('never runs more disposals at once than allowed, however many leave together, what was used last first', async () => {
    const cache = connections({ max: 100, disposing: 3 });
    const all = Array.from({ length: 10 }, () => new Connection());
    for (const [i, connection] of all.entries()) cache.set(`${i}`, connection);
    cache.clear();
    const asked = () => all.filter(({ closes }) => closes > 0).length;
    for (let ended = 0; ended < 10; ended++) {
      expect(asked()).toBe(Math.min(ended + 3, 10));
      all[9 - ended]!.finish();
      await settle();
    }
    expect(cache.releasing).toBe(0);
    expect(all.map(({ closes }) => closes)).toEqual(new Array(10).fill(1));
  });

  test('a hundred thousand synchronous disposals behind one that waits run without deep recursion', async () => {
    let release!: () => void;
    const first = new Promise<void>((resolve) => {
      release = resolve;
    });
    let disposed = 0;
    const cache = new Cache<number, object>({
      max: 100_000,
      disposing: 1,
      dispose: () => (disposed++ === 0 ? first : undefined),
    });
    for (let i = 0; i < 100_000; i++) cache.set(i, {});
    cache.clear();
    expect(cache.releasing).toBe(100_000);
    release();
    await cache.settled();
    expect(disposed).toBe(100_000);
  });

  test('close() tells of every failed disposal, whichever of n it is, and all the others run', async () => {
    for (let n = 0; n < 5; n++) {
      for (const kind of ['throws', 'rejects'] as const) {
        const published: unknown[] = [];
        const listener = (message: unknown) => published.push(message);
        diagnostics.subscribe('watertight:release-failed', listener);
        let disposed = 0;
        const error = new Error(`${kind} ${n}`);
        const cache = new Cache<number, object>({
          name: 'db',
          max: 5,
          dispose: () => {
            if (disposed++ !== n) return undefined;
            if (kind === 'rejects') return Promise.reject(error);
            throw error;
          },
        });
        for (let i = 0; i < 5; i++) cache.set(i, {});
        const closing = cache.close();
        expect(cache.close()).toBe(closing);
        const failure = await closing.catch((reason) => reason);
        diagnostics.unsubscribe('watertight:release-failed', listener);
        expect(failure).toMatchObject({
          code: 'WT_BOUNDED_RELEASE_FAILED',
          message: 'Cannot release 1 of 5 values of db as their dispose failed',
          details: { failed: 1, released: 4 },
          cause: { errors: [error] },
        });
        expect(published).toEqual([{ name: 'db', error }]);
        expect(disposed).toBe(5);
      }
    }
  });

  test('a dispose that stores, or closes, does not disturb it', async () => {
    const cache: Cache<string, object> = new Cache<string, object>({
      max: 1,
      dispose: (_value, key) => {
        if (key === 'a') cache.set('from dispose', {});
        if (key === 'last') expect(cache.close()).toBe(closing);
      },
    });
    cache.set('a', {});
    cache.set('b', {});
    expect(cache.has('from dispose')).toBe(true);
    cache.set('last', {});
    const closing = cache.close();
    await closing;
    expect(cache.size).toBe(0);
    expect(() => cache.set('x', {})).toThrow(closed);
    await cache[Symbol.asyncDispose]();
  });
});
