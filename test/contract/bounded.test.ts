import { expect, test } from 'vitest';
import { force } from '../../examples/pendulum/controller.js';
import { accelerations, integrate, START, type State } from '../../examples/pendulum/plant.js';
import { BoundedQueue, Cache, Float64History, History, Semaphore } from '../../src/bounded/index.js';
import { Scope } from '../../src/scope/index.js';

const STEPS = 5_000;
const DT_S = 0.001;
const closed = expect.objectContaining({ code: 'WT_BOUNDED_CLOSED' });

/** A controller whose law reads its histories: it leans against the mean and the drift of what it did lately. */
function control(trimEvery: number): Float64Array {
  const states = new History<State>(300);
  const forces = new Float64History(300, 2);
  const applied = new Float64Array(STEPS);
  let state: State = START;
  for (let step = 0; step < STEPS; step++) {
    const recent = forces.column(1);
    const mean = recent.length === 0 ? 0 : recent.reduce((sum, value) => sum + value, 0) / recent.length;
    const drift = state[0] - (states.at(0)?.[0] ?? 0);
    const forceN = force(state) - 0.01 * mean - 0.05 * drift + 0.001 * (forces.at(-2, 1) ?? 0);
    applied[step] = forceN;
    states.push(state);
    forces.push(step * DT_S, forceN);
    state = integrate(state, forceN, DT_S);
    if (step % trimEvery === 0) {
      states.trim();
      forces.trim();
    }
  }
  expect(Math.abs(state[1])).toBeLessThan(0.01);
  expect(accelerations(state, 0).every(Number.isFinite)).toBe(true);
  return applied;
}

test('trim() during control leaves every force of 5,000 steps bit-identical', () => {
  const plain = new BigUint64Array(control(Number.POSITIVE_INFINITY).buffer);
  for (const trimEvery of [1, 7, 299]) {
    expect(new BigUint64Array(control(trimEvery).buffer)).toEqual(plain);
  }
});

test('a scope that closes settles everyone who waits at its queue and its semaphore', async () => {
  const scope = new Scope('jobs');
  const queue = scope.use(new BoundedQueue<number>(1, 'block'));
  const semaphore = scope.use(new Semaphore(1));
  queue.push(1);
  const permit = await semaphore.acquire();
  const waiting = [queue.push(2), semaphore.acquire(), semaphore.run(() => 1)];
  const report = await scope.close();
  expect(report).toMatchObject({ status: 'completed', released: 2 });
  for (const promise of waiting) await expect(promise).rejects.toEqual(closed);
  permit.release();
  expect(await queue.take()).toBe(1);
});

test('a scope waits for what its cache disposes of, and its report has the failures', async () => {
  const scope = new Scope('app');
  const order: string[] = [];
  let end!: () => void;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const cache = new Cache<string, { name: string }>({
    name: 'connections',
    max: 2,
    scope,
    dispose: async ({ name }) => {
      order.push(`${name} closes`);
      await ended;
      order.push(`${name} closed`);
      if (name === 'b') throw new Error('b is broken');
    },
  });
  cache.set('a', { name: 'a' });
  cache.set('b', { name: 'b' });
  cache.set('c', { name: 'c' });
  expect(order).toEqual(['a closes']);
  const closing = scope.close();
  await new Promise(setImmediate);
  expect(order).toEqual(['a closes', 'c closes', 'b closes']);
  end();
  const report = await closing;
  expect(order).toHaveLength(6);
  expect(report.status).toBe('failed');
  expect(report.failures).toEqual([
    expect.objectContaining({
      path: 'app/connections',
      error: expect.objectContaining({ code: 'WT_BOUNDED_RELEASE_FAILED' }),
    }),
  ]);
});

test('a cache that is closed first leaves its scope', async () => {
  const scope = new Scope('app');
  const cache = new Cache<string, object>({ max: 2, scope });
  expect(scope.size).toBe(1);
  await cache.close();
  expect(scope.size).toBe(0);
  expect(await scope.close()).toMatchObject({ status: 'completed', initial: 0 });
  expect(() => new Cache({ max: 1, scope })).toThrow(expect.objectContaining({ code: 'WT_SCOPE_CLOSED' }));
});
