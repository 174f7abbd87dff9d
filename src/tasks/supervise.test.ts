import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { seededRandom } from '../core/index.js';
import { Scope } from '../scope/index.js';
import { BackgroundTasks, type Task, type TaskFailure } from './index.js';
import { RetryPolicy } from './retry-policy.js';

const never = () => Promise.reject(new Error('down'));

describe('RetryPolicy.delayMs()', () => {
  test('is 1, 2, 4 … s, never above 120 s, within 5 %', () => {
    const policy = new RetryPolicy({ random: seededRandom(1) });
    const plain = [1, 2, 4, 8, 16, 32, 64, 120, 120].map((seconds) => seconds * 1_000);
    for (let round = 0; round < 200; round++) {
      for (const [index, delayMs] of plain.entries()) {
        const ratio = policy.delayMs(index + 1) / delayMs;
        expect(ratio).toBeGreaterThanOrEqual(0.95);
        expect(ratio).toBeLessThanOrEqual(1.05);
      }
    }
  });

  test('reaches both ends of its jitter', () => {
    expect(new RetryPolicy({ random: () => 0 }).delayMs(1)).toBe(950);
    expect(new RetryPolicy({ random: () => 1 - 2 ** -53 }).delayMs(1)).toBeCloseTo(1_050, 6);
    expect(new RetryPolicy({ jitter: 0 }).delayMs(3)).toBe(4_000);
  });

  test.each([{ failures: 0 }, { failures: 1.5 }, { firstDelayMs: -1 }, { maxDelayMs: Number.NaN }, { jitter: 1.1 }])(
    'refuses %j',
    (options) => {
      expect(() => new BackgroundTasks().supervise('a', never, options)).toThrow(/supervise\(\): \w+ must be/);
    },
  );

  test.each<[unknown, string]>([
    [{ failures: '5' }, 'failures must be a whole number from 1, got the text "5"'],
    [{ firstDelayMs: '5' }, 'firstDelayMs must be a number from 0, got the text "5"'],
    [{ maxDelayMs: '5' }, 'maxDelayMs must be a number from 0, got the text "5"'],
    [{ healthyMs: '5' }, 'healthyMs must be a number from 0, got the text "5"'],
    [{ jitter: '0.5' }, 'jitter must be a number from 0 to 1, got the text "0.5"'],
    [{ random: 0.5 }, 'random must be a function, not the number 0.5'],
    [{ retries: 5 }, 'there is no option "retries"; there are failures, firstDelayMs, maxDelayMs, jitter, healthyMs'],
    [5, 'options must be an object, not the number 5'],
  ])('refuses %o by its name', (options, message) => {
    const tasks = new BackgroundTasks();
    expect(() => tasks.supervise('a', never, options as object)).toThrow(`supervise(): ${message}`);
    expect(tasks.size).toBe(0);
  });
});

describe('BackgroundTasks.supervise()', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  test('gives up after five failures, 15 s of pauses later, and says so', async () => {
    const failures: TaskFailure[] = [];
    const abandoned: TaskFailure[] = [];
    const tasks = new BackgroundTasks({
      onFailure: (failure) => failures.push(failure),
      onAbandoned: (failure) => abandoned.push(failure),
    });
    const run = vi.fn(never);
    const task = tasks.supervise('feed', run, { jitter: 0, context: 'eu' });
    const end = expect(task).rejects.toMatchObject({
      code: 'WT_TASKS_ABANDONED',
      message: 'Cannot keep task feed running as it failed 5 times in a row',
      cause: new Error('down'),
    });
    const runsAfter: number[] = [];
    for (const pauseMs of [0, 999, 1, 1_999, 1, 3_999, 1, 7_999, 1]) {
      await vi.advanceTimersByTimeAsync(pauseMs);
      runsAfter.push(run.mock.calls.length);
    }
    expect(runsAfter).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5]);
    await end;
    expect(failures.map(({ retryInMs }) => retryInMs)).toEqual([1_000, 2_000, 4_000, 8_000, undefined]);
    expect(abandoned).toMatchObject([{ name: 'feed', context: 'eu', error: { code: 'WT_TASKS_ABANDONED' } }]);
    expect(tasks.stats()).toMatchObject({ failed: 1, running: 0 });
  });

  test('gives what the function gives once it succeeds', async () => {
    const tasks = new BackgroundTasks({ onFailure: () => {} });
    let tries = 0;
    let signal!: AbortSignal;
    const task = tasks.supervise('feed', async (self) => {
      signal = self.signal;
      if (++tries < 4) throw new Error('down');
      return 'up';
    });
    await vi.advanceTimersByTimeAsync(8_000);
    expect(await task).toBe('up');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(tasks.stats()).toMatchObject({ completed: 1, failed: 0 });
  });

  test('a run that was healthy for long enough begins the count anew', async () => {
    const tasks = new BackgroundTasks({ onFailure: () => {} });
    let tries = 0;
    const run = async () => {
      tries++;
      if (tries === 2) await new Promise((resolve) => setTimeout(resolve, 1_000));
      throw new Error('down');
    };
    const end = expect(
      tasks.supervise('feed', run, { failures: 2, firstDelayMs: 10, healthyMs: 1_000 }),
    ).rejects.toMatchObject({ code: 'WT_TASKS_ABANDONED' });
    await vi.advanceTimersByTimeAsync(5_000);
    await end;
    expect(tries).toBe(3);
  });

  test('in its pause it is listed as waiting and keeps its place; in its run as running', async () => {
    const tasks = new BackgroundTasks({ concurrency: 1, onFailure: () => {} });
    let runs = 0;
    const feed = tasks.supervise(
      'feed',
      async () => {
        if (++runs < 3) throw new Error('down');
        await new Promise((resolve) => setTimeout(resolve, 500));
        return runs;
      },
      { jitter: 0 },
    );
    const next = tasks.spawn('next', () => 'next');
    const seen = () => [
      tasks.list().map(({ state }) => state),
      tasks.stats().running,
      tasks.stats().waiting,
      tasks.size,
    ];
    expect(seen()).toEqual([['running', 'queued'], 1, 0, 2]);
    await vi.advanceTimersByTimeAsync(10);
    expect(seen()).toEqual([['waiting', 'queued'], 0, 1, 2]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([runs, ...seen()]).toEqual([2, ['waiting', 'queued'], 0, 1, 2]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect([runs, ...seen()]).toEqual([3, ['running', 'queued'], 1, 0, 2]);
    await vi.advanceTimersByTimeAsync(500);
    expect([await feed, await next]).toEqual([3, 'next']);
    expect(tasks.stats()).toMatchObject({ completed: 2, running: 0, waiting: 0 });
  });

  test('whoever hears of its failure may cancel it, and then it does not wait', async () => {
    const tasks = new BackgroundTasks({ onFailure: () => void tasks.cancelAll() });
    const end = expect(tasks.supervise('feed', never)).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
    await vi.advanceTimersByTimeAsync(0);
    await end;
    expect(tasks.stats()).toMatchObject({ cancelled: 1, running: 0, waiting: 0 });
  });

  test('in its pause it is cancelled at once, and leaves no timer', async () => {
    const tasks = new BackgroundTasks({ onFailure: () => {} });
    const task = tasks.supervise('feed', never);
    const end = expect(task).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
    await vi.advanceTimersByTimeAsync(10);
    expect(vi.getTimerCount()).toBe(1);
    expect(tasks.cancel('feed')).toBe(1);
    expect(tasks.list()).toMatchObject([{ state: 'cancelled' }]);
    expect(tasks.stats()).toMatchObject({ running: 1, waiting: 0 });
    expect(tasks.cancelAll()).toBe(0);
    await end;
    expect(tasks.stats()).toMatchObject({ cancelled: 1, failed: 0, running: 0, waiting: 0 });
  });

  test('is told to stop as soon as closing begins, and has the whole grace', async () => {
    const scope = new Scope('app');
    const tasks = new BackgroundTasks({ scope });
    let isEnding = false;
    const task = tasks.supervise('feed', ({ signal }: Task) => {
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          isEnding = true;
          setTimeout(resolve, 1_000);
        });
      });
    });
    const end = expect(task).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
    const closing = scope.close();
    expect(isEnding).toBe(true);
    await vi.advanceTimersByTimeAsync(1_100);
    expect(await closing).toMatchObject({ status: 'completed' });
    expect(tasks.stats()).toMatchObject({ completed: 0, cancelled: 1 });
    await end;
    await vi.advanceTimersByTimeAsync(20);
  });
});
