import { describe, expect, test } from 'vitest';
import { Scope } from './scope.js';

describe('Scope', () => {
  test('close() releases newest first, and once', async () => {
    const order: number[] = [];
    const scope = new Scope('test');
    for (const n of [1, 2, 3]) scope.defer(() => order.push(n));
    const [first, second] = await Promise.all([scope.close(), scope.close()]);
    expect(order).toEqual([3, 2, 1]);
    expect(first).toMatchObject({ status: 'completed', released: 3, failures: [] });
    expect(second.status).toBe('already-closed');
  });

  test('close() keeps every failure and runs the rest', async () => {
    const order: string[] = [];
    const scope = new Scope('test');
    scope.defer(() => order.push('last'));
    scope.defer(() => Promise.reject(new Error('two')));
    scope.defer(() => {
      throw new Error('one');
    });
    const report = await scope.close();
    expect(order).toEqual(['last']);
    expect(report.status).toBe('failed');
    expect(report.failures.map(({ error }) => (error as Error).message)).toEqual(['one', 'two']);
  });

  test('acquire() hands over what it opened, also when it opens later', async () => {
    const closed: string[] = [];
    const scope = new Scope('test');
    expect(
      scope.acquire(
        'first',
        () => 'now',
        (name) => closed.push(name),
      ),
    ).toBe('now');
    expect(
      await scope.acquire(
        'second',
        async () => 'later',
        (name) => closed.push(name),
      ),
    ).toBe('later');
    await scope.close();
    expect(closed).toEqual(['later', 'now']);
  });

  test('defer() after close releases at once and says so', async () => {
    const scope = new Scope('test');
    await scope.close();
    let released = false;
    expect(() => scope.defer(() => (released = true))).toThrow(expect.objectContaining({ code: 'WT_SCOPE_CLOSED' }));
    expect(released).toBe(true);
  });

  test('use() disposes of disposables and refuses others', async () => {
    const closed: string[] = [];
    const scope = new Scope('test');
    scope.use({ [Symbol.dispose]: () => void closed.push('sync') });
    scope.use({ [Symbol.asyncDispose]: async () => void closed.push('async') });
    expect(() => scope.use({} as Disposable)).toThrow(TypeError);
    await scope.close();
    expect(closed).toEqual(['async', 'sync']);
  });

  test('signal aborts when closing begins', async () => {
    const scope = new Scope('test');
    const { signal } = scope;
    expect(signal.aborted).toBe(false);
    await scope.close();
    expect(signal.aborted).toBe(true);
  });
});
