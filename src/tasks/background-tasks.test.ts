import { channel } from 'node:diagnostics_channel';
import { getEventListeners, once } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Scope } from '../scope/index.js';
import { BackgroundTasks, type BackgroundTasksOptions, type Task, type TaskFailure } from './index.js';

/** A promise and what settles it. */
function gate<T = void>() {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

/** Runs until it is told to stop. */
const untilStopped = ({ signal }: Task) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
const quiet = { onFailure: () => {} };
/** A timer that is as late as everything else on a busy machine: promises of time are held against it. */
async function plainTimerMs(delayMs: number): Promise<number> {
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, delayMs));
  return performance.now() - startedAt;
}

const code = (expected: string) => expect.objectContaining({ code: expected });

/** Timeouts of anyone that were set and neither fired nor were cleared; also those that do not keep the process alive. */
function liveTimers() {
  const live = new Set<unknown>();
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const setSpy = vi.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, delayMs: number) => {
    const timer = set(() => {
      live.delete(timer);
      run();
    }, delayMs);
    live.add(timer);
    return timer;
  }) as typeof setTimeout);
  const clearSpy = vi.spyOn(globalThis, 'clearTimeout').mockImplementation((timer) => {
    live.delete(timer);
    clear(timer);
  });
  return {
    get size() {
      return live.size;
    },
    restore() {
      setSpy.mockRestore();
      clearSpy.mockRestore();
    },
  };
}

/** After a collection in a turn of its own: what the turn before left on the stack is gone. */
async function heapUsedBytes(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  gc!();
  return process.memoryUsage().heapUsed;
}

describe('BackgroundTasks.spawn()', () => {
  test('gives what the function gives, now or later', async () => {
    const tasks = new BackgroundTasks();
    expect(await tasks.spawn('now', () => 1)).toBe(1);
    expect(await tasks.spawn('later', async () => 2)).toBe(2);
    // biome-ignore lint/suspicious/noThenProperty: foreign thenables are what this is about.
    const thenable = { then: (resolve: (value: number) => void) => resolve(3) } as PromiseLike<number>;
    expect(await tasks.spawn('foreign', () => thenable)).toBe(3);
    expect(await tasks.spawn('limited', async () => 4, { timeoutMs: 60_000 })).toBe(4);
    expect(tasks.stats()).toMatchObject({ completed: 4, failed: 0, running: 0 });
  });

  test('calls the function before it returns when a place is free', () => {
    const seen: string[] = [];
    const tasks = new BackgroundTasks();
    void tasks.spawn('first', (task) => seen.push(task.name));
    expect(seen).toEqual(['first']);
  });

  test('rejects with what the function throws or rejects, and counts it', async () => {
    const failures: TaskFailure[] = [];
    const tasks = new BackgroundTasks({ onFailure: (failure) => failures.push(failure) });
    const boom = new Error('boom');
    await expect(
      tasks.spawn('throws', () => {
        throw boom;
      }),
    ).rejects.toBe(boom);
    await expect(tasks.spawn('rejects', () => Promise.reject(boom), { context: 7 })).rejects.toBe(boom);
    await expect(tasks.spawn('limited', () => Promise.reject(boom), { timeoutMs: 60_000 })).rejects.toBe(boom);
    const hostile = {
      // biome-ignore lint/suspicious/noThenProperty: as above.
      get then(): never {
        throw boom;
      },
    };
    await expect(tasks.spawn('hostile', () => hostile)).rejects.toBe(boom);
    expect(tasks.stats()).toMatchObject({ completed: 0, failed: 4 });
    expect(failures.map(({ name }) => name)).toEqual(['throws', 'rejects', 'limited', 'hostile']);
    expect(failures[1]).toMatchObject({ tasks: 'tasks', error: boom, context: 7 });
    expect(tasks.size).toBe(0);
  });

  test.each([
    ['', () => {}, {}],
    [1, () => {}, {}],
    ['a', 'no function', {}],
    ['a', () => {}, { timeoutMs: -1 }],
    ['a', () => {}, { timeoutMs: Number.NaN }],
    ['a', () => {}, { timeoutMs: '5' }],
  ])('refuses wrong arguments (%s, %s, %j)', (name, run, options) => {
    const tasks = new BackgroundTasks();
    expect(() => tasks.spawn(name as string, run as () => void, options as object)).toThrow(/spawn\(\): .*got/);
    expect(tasks.size).toBe(0);
  });

  test('makes no signal unless the function reads it', async () => {
    let made = 0;
    const Real = globalThis.AbortController;
    globalThis.AbortController = class extends Real {
      constructor() {
        super();
        made++;
      }
    };
    try {
      const tasks = new BackgroundTasks();
      await tasks.spawn('unread', async (task) => task.isCancelled);
      expect(made).toBe(0);
      await tasks.spawn('read', async ({ signal }) => signal.aborted);
      expect(made).toBe(1);
    } finally {
      globalThis.AbortController = Real;
    }
  });

  test('a limit stops the task and rejects, whether the function stops or not', async () => {
    const failures: TaskFailure[] = [];
    const tasks = new BackgroundTasks({ onFailure: (failure) => failures.push(failure) });
    const end = gate();
    let signal!: AbortSignal;
    const run = (task: Task) => {
      signal = task.signal;
      return end.promise;
    };
    const stubborn = tasks.spawn('stubborn', run, { timeoutMs: 1 });
    await expect(stubborn).rejects.toMatchObject({ code: 'WT_TASKS_TIMEOUT', details: { timeoutMs: 1 } });
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toEqual(code('WT_TASKS_TIMEOUT'));
    expect(tasks.list()).toMatchObject([{ name: 'stubborn', state: 'overdue', timeoutMs: 1 }]);
    expect(tasks.stats()).toMatchObject({ timedOut: 1, failed: 0, running: 1 });
    end.open();
    await tasks.settled();
    expect(tasks.stats()).toMatchObject({ timedOut: 1, failed: 1, completed: 0, running: 0 });
    expect(failures).toMatchObject([{ error: code('WT_TASKS_TIMEOUT') }]);
  });

  test('rejects after close, and says so to onFailure', async () => {
    const failures: TaskFailure[] = [];
    const tasks = new BackgroundTasks({ name: 'mail', onFailure: (failure) => failures.push(failure) });
    await tasks.close();
    const run = vi.fn();
    await expect(tasks.spawn('late', run)).rejects.toMatchObject({
      code: 'WT_TASKS_CLOSED',
      message: 'Cannot spawn task late as mail is closed',
    });
    expect(run).not.toHaveBeenCalled();
    expect(failures).toMatchObject([{ name: 'late', error: code('WT_TASKS_CLOSED') }]);
    expect(tasks.stats().refused).toBe(1);
  });
});

describe('BackgroundTasks failures that nobody awaits', () => {
  afterEach(() => vi.restoreAllMocks());

  test('are no unhandled rejections, and the first is a process warning', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const warned: (Error & { code?: string })[] = [];
    const onWarning = (warning: Error) => warned.push(warning);
    process.on('warning', onWarning);
    try {
      const tasks = new BackgroundTasks({ name: 'mail' });
      const fail = () => Promise.reject(new Error('boom\u001b[31m'));
      void tasks.spawn('direct', fail);
      void tasks.spawn('limited', fail, { timeoutMs: 60_000 });
      void tasks.spawn('sync', () => {
        throw new Error('sync');
      });
      await tasks.close();
      void tasks.spawn('late', fail);
      // Node reports unhandled rejections and warnings after the microtasks of a turn.
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
      expect(warned.map(({ message }) => message)).toEqual([
        'Task sync of mail failed: sync. Later failures are only counted; give onFailure to hear of each',
      ]);
      expect(warned[0]!.code).toBe('WT_TASKS_FAILED');
    } finally {
      process.off('unhandledRejection', unhandled);
      process.off('warning', onWarning);
    }
  });

  test('go to subscribers of watertight:task-failed, without a warning', async () => {
    const heard: unknown[] = [];
    const listen = (message: unknown) => heard.push(message);
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    channel('watertight:task-failed').subscribe(listen);
    try {
      const tasks = new BackgroundTasks();
      await expect(tasks.spawn('a', () => Promise.reject('plain'))).rejects.toBe('plain');
      expect(heard).toMatchObject([{ name: 'a', error: 'plain' }]);
      expect(warn).not.toHaveBeenCalled();
    } finally {
      channel('watertight:task-failed').unsubscribe(listen);
    }
  });

  test('a listener that throws becomes a warning and changes nothing', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const tasks = new BackgroundTasks({
      onFailure: () => {
        throw new Error('listener');
      },
    });
    await expect(tasks.spawn('a', () => Promise.reject('x'))).rejects.toBe('x');
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toBe('A failure listener of tasks threw: listener');
    expect(tasks.stats()).toMatchObject({ failed: 1, running: 0 });
  });
});

describe('BackgroundTasks concurrency', () => {
  test('runs no more at once than stated, in order', async () => {
    const tasks = new BackgroundTasks({ concurrency: 3 });
    let running = 0;
    let most = 0;
    const started: number[] = [];
    const runs = Array.from({ length: 50 }, (_, n) =>
      tasks.spawn(`job ${n}`, async () => {
        started.push(n);
        most = Math.max(most, ++running);
        for (let hop = 0; hop < n % 5; hop++) await null;
        running--;
        return n;
      }),
    );
    expect(tasks.stats()).toMatchObject({ running: 3, queued: 47 });
    expect(await Promise.all(runs)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(most).toBe(3);
    expect(started).toEqual(Array.from({ length: 50 }, (_, n) => n));
  });

  test('a queue of 100,000 tasks that end at once does not nest', async () => {
    const tasks = new BackgroundTasks({ concurrency: 1, queueLimit: Number.POSITIVE_INFINITY });
    const first = gate();
    void tasks.spawn('first', () => first.promise);
    const last = Array.from({ length: 100_000 }, () => tasks.spawn('job', () => {})).at(-1);
    first.open();
    await last;
    expect(tasks.stats().completed).toBe(100_001);
  });

  test('the limit of a queued task counts from its start', async () => {
    const tasks = new BackgroundTasks({ concurrency: 1 });
    const first = gate();
    void tasks.spawn('first', () => first.promise);
    const second = tasks.spawn('second', async () => 'done', { timeoutMs: 1 });
    expect(tasks.list().map(({ state }) => state)).toEqual(['running', 'queued']);
    const later = performance.now() + 3;
    while (performance.now() < later);
    first.open();
    expect(await second).toBe('done');
  });

  test('overflow reject refuses what comes', async () => {
    const tasks = new BackgroundTasks({ concurrency: 1, queueLimit: 1, ...quiet });
    const first = gate();
    void tasks.spawn('first', () => first.promise);
    const second = tasks.spawn('second', () => 2);
    await expect(tasks.spawn('third', () => 3)).rejects.toMatchObject({
      code: 'WT_TASKS_FULL',
      message: 'Cannot spawn task third as 1 tasks of tasks wait already',
    });
    first.open();
    expect(await second).toBe(2);
    expect(tasks.stats()).toMatchObject({ completed: 2, refused: 1 });
  });

  test('overflow drop-oldest drops the longest waiting, drop-newest what comes', async () => {
    for (const overflow of ['drop-oldest', 'drop-newest'] as const) {
      const tasks = new BackgroundTasks({ concurrency: 1, queueLimit: 1, overflow, ...quiet });
      const first = gate();
      void tasks.spawn('first', () => first.promise);
      const waiting = [tasks.spawn('second', () => 2), tasks.spawn('third', () => 3)];
      first.open();
      const [second, third] = await Promise.allSettled(waiting);
      const [dropped, kept] = overflow === 'drop-oldest' ? [second, third] : [third, second];
      expect(dropped).toMatchObject({ status: 'rejected', reason: code('WT_TASKS_DROPPED') });
      expect(kept!.status).toBe('fulfilled');
      expect(tasks.stats()).toMatchObject({ completed: 2, refused: 1, queued: 0 });
    }
  });

  test('overflow block makes spawners wait in order, and sends them away at close', async () => {
    const tasks = new BackgroundTasks({ concurrency: 1, queueLimit: 1, overflow: 'block', ...quiet });
    const first = gate();
    const seen: string[] = [];
    const run = (task: Task) => void seen.push(task.name);
    void tasks.spawn('1', () => first.promise);
    for (const name of ['2', '3', '4']) void tasks.spawn(name, run);
    expect(tasks.list().map(({ state }) => state)).toEqual(['running', 'queued', 'blocked', 'blocked']);
    expect(tasks.size).toBe(2);
    expect(tasks.cancel('3')).toBe(1);
    first.open();
    await tasks.settled();
    expect(seen).toEqual(['2', '4']);

    const again = gate();
    void tasks.spawn('5', () => again.promise);
    const queued = tasks.spawn('6', run);
    const blocked = tasks.spawn('7', run);
    const closing = tasks.close();
    await expect(blocked).rejects.toMatchObject({ code: 'WT_TASKS_CLOSED' });
    again.open();
    await queued;
    expect(await closing).toMatchObject({ status: 'completed', initial: 2, completed: 2, remaining: 0 });
    expect(seen).toEqual(['2', '4', '6']);
  });

  test('overflow block works without a queue', async () => {
    const tasks = new BackgroundTasks({ concurrency: 1, queueLimit: 0, overflow: 'block' });
    const runs = [1, 2, 3].map((n) => tasks.spawn('job', async () => n));
    expect(await Promise.all(runs)).toEqual([1, 2, 3]);
  });

  test.each([
    { concurrency: 0 },
    { concurrency: 1.5 },
    { queueLimit: -1 },
    { overflow: 'wait' },
    { sites: 'on' },
    { name: '' },
  ])('refuses a wrong option %j', (options) => {
    expect(() => new BackgroundTasks(options as object)).toThrow(/BackgroundTasks: \w+ must be/);
  });

  test.each<[unknown, string]>([
    [null, 'options must be an object, not null'],
    [{ maxConcurrency: 5 }, 'there is no option "maxConcurrency"; there are name, scope, concurrency, queueLimit'],
    [{ scope: 'app' }, 'scope must be a Scope, not the text "app"'],
    [{ onFailure: 'log' }, 'onFailure must be a function, not the text "log"'],
    [{ onAbandoned: 5 }, 'onAbandoned must be a function, not the number 5'],
    [{ name: '' }, 'name must be a text that is not empty, got the text ""'],
    [{ concurrency: '5' }, 'concurrency must be a whole number from 1, got the text "5"'],
  ])('refuses the options %o by name', (options, message) => {
    expect(() => new BackgroundTasks(options as object)).toThrow(`BackgroundTasks: ${message}`);
  });

  test('takes every option that it has', () => {
    const given: Required<BackgroundTasksOptions> = {
      name: 'all',
      scope: { defer: () => ({ detach: () => {} }) },
      concurrency: 1,
      queueLimit: 1,
      overflow: 'block',
      sites: 'off',
      onFailure: () => {},
      onAbandoned: () => {},
    };
    expect(new BackgroundTasks(given).name).toBe('all');
  });
});

describe('BackgroundTasks.cancelAll()', () => {
  test('settles what is queued, and never starts it (clear-settles-queued)', async () => {
    const tasks = new BackgroundTasks({ concurrency: 1 });
    const run = vi.fn();
    const first = tasks.spawn('first', untilStopped);
    const queued = [tasks.spawn('second', run), tasks.spawn('third', run, { timeoutMs: 60_000 })];
    const why = new Error('enough');
    expect(tasks.cancelAll(why)).toBe(3);
    const ends = await Promise.allSettled([first, ...queued]);
    for (const end of ends) {
      expect(end).toMatchObject({ status: 'rejected', reason: { code: 'WT_TASKS_CANCELLED', cause: why } });
    }
    expect(run).not.toHaveBeenCalled();
    expect(tasks.stats()).toMatchObject({ completed: 0, failed: 0, cancelled: 3, queued: 0, running: 0 });
    expect(tasks.cancelAll()).toBe(0);
  });

  test('what ignores it is not completed, whatever it gives', async () => {
    const tasks = new BackgroundTasks(quiet);
    const end = gate<number>();
    const task = tasks.spawn('stubborn', () => end.promise);
    expect(tasks.cancelAll()).toBe(1);
    expect(tasks.cancelAll()).toBe(0);
    expect(tasks.list()).toMatchObject([{ state: 'cancelled' }]);
    end.open(1);
    await expect(task).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
    expect(tasks.stats()).toMatchObject({ completed: 0, cancelled: 1, failed: 0 });
  });

  test('what fails of something else when told to stop has failed, and is reported', async () => {
    const failures: TaskFailure[] = [];
    const tasks = new BackgroundTasks({ onFailure: (failure) => failures.push(failure) });
    const end = gate();
    const task = tasks.spawn('careless', () => end.promise);
    const obeying = tasks.spawn('obeying', () =>
      end.promise.catch(() => Promise.reject(new DOMException('', 'AbortError'))),
    );
    tasks.cancelAll();
    end.fail(new Error('disk full'));
    await expect(task).rejects.toThrow('disk full');
    await expect(obeying).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
    expect(tasks.stats()).toMatchObject({ failed: 1, cancelled: 1 });
    expect(failures).toMatchObject([{ name: 'careless' }]);
  });

  test('cancel(name) leaves others alone', async () => {
    const tasks = new BackgroundTasks();
    const a = tasks.spawn('a', untilStopped);
    const end = gate();
    const b = tasks.spawn('b', () => end.promise);
    expect(tasks.cancel('a')).toBe(1);
    await expect(a).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
    end.open();
    await b;
    expect(tasks.stats()).toMatchObject({ completed: 1, cancelled: 1 });
  });

  test('a signal that is first read after the cancel is aborted', async () => {
    const tasks = new BackgroundTasks();
    const end = gate();
    const seen: boolean[] = [];
    const task = tasks.spawn('a', async (self) => {
      await end.promise;
      seen.push(self.isCancelled, self.signal.aborted);
      self.signal.throwIfAborted();
    });
    tasks.cancelAll();
    end.open();
    await expect(task).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
    expect(seen).toEqual([true, true]);
  });
});

describe('BackgroundTasks.settled()', () => {
  test('waits for tasks that tasks spawn, and says what is left at its limit', async () => {
    const tasks = new BackgroundTasks({ concurrency: 2 });
    const end = gate();
    void tasks.spawn('outer', async () => void tasks.spawn('inner', () => end.promise));
    expect(await tasks.settled({ timeoutMs: 1 })).toEqual({ status: 'timeout', remaining: 1 });
    const all = tasks.settled();
    end.open();
    expect(await all).toEqual({ status: 'completed', remaining: 0 });
    expect(await tasks.settled()).toEqual({ status: 'completed', remaining: 0 });
  });
});

describe('BackgroundTasks.close()', () => {
  test('D2: ten tasks of 20 ms finish within a grace of 5 s, counts true, in less than 100 ms', async () => {
    const tasks = new BackgroundTasks();
    let finished = 0;
    for (let n = 0; n < 10; n++) {
      void tasks.spawn('short', () =>
        new Promise<void>((resolve) => setTimeout(resolve, 20)).then(() => void finished++),
      );
    }
    const report = await tasks.close({ graceMs: 5_000 });
    expect(report).toMatchObject({
      status: 'completed',
      initial: 10,
      completed: 10,
      failed: 0,
      cancelled: 0,
      remaining: 0,
    });
    expect(finished).toBe(10);
    expect(report.durationMs).toBeLessThan(100);
  });

  test('D3: a task that ignores abort is named with its line, by 300 ms + 50', async () => {
    const tasks = new BackgroundTasks({ name: 'mail' });
    const end = gate();
    const startedAt = performance.now();
    void tasks.spawn('stubborn', () => end.promise, { context: { user: 7 } });
    const timer = plainTimerMs(300);
    const report = await tasks.close({ timeoutMs: 300 });
    expect(performance.now() - startedAt).toBeLessThanOrEqual((await timer) + 50);
    expect(report).toMatchObject({ status: 'timeout', initial: 1, completed: 0, cancelled: 0, remaining: 1 });
    expect(report.stuck).toMatchObject([{ name: 'stubborn', state: 'cancelled', context: { user: 7 } }]);
    expect(report.stuck[0]!.spawnedAt).toMatch(/background-tasks\.test\.ts:\d+$/);
    end.open();
    await tasks.settled();
    expect(tasks.stats()).toMatchObject({ completed: 0, cancelled: 1 });
  });

  test('a task that obeys its signal is cancelled, never completed', async () => {
    const tasks = new BackgroundTasks();
    const task = tasks.spawn('endless', untilStopped);
    const report = await tasks.close({ graceMs: 1, timeoutMs: 5_000 });
    expect(report).toMatchObject({
      status: 'completed',
      initial: 1,
      completed: 0,
      cancelled: 1,
      remaining: 0,
      stuck: [],
    });
    await expect(task).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED', cause: 'its manager is closing' });
  });

  test('runs what is queued within the grace, and settles what is left of it', async () => {
    const tasks = new BackgroundTasks({ concurrency: 1 });
    const seen: string[] = [];
    void tasks.spawn('1', async () => void seen.push('1'));
    void tasks.spawn('2', async () => void seen.push('2'));
    void tasks.spawn('3', untilStopped);
    const never = tasks.spawn('4', () => void seen.push('4'));
    const report = await tasks.close({ graceMs: 20, timeoutMs: 5_000 });
    expect(seen).toEqual(['1', '2']);
    expect(report).toMatchObject({ initial: 4, completed: 2, cancelled: 2, failed: 0, remaining: 0 });
    await expect(never).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
  });

  test('counts only what was there, and keeps what failed', async () => {
    const tasks = new BackgroundTasks(quiet);
    await tasks.spawn('before', () => {});
    const end = gate();
    void tasks.spawn('fails', () => end.promise);
    const closing = tasks.close();
    end.fail(new Error('boom'));
    const report = await closing;
    expect(report).toMatchObject({ status: 'failed', initial: 1, completed: 0, failed: 1, cancelled: 0, remaining: 0 });
    expect(report.failures).toMatchObject([{ name: 'fails', error: new Error('boom') }]);
  });

  test('three at once over five tasks: one run, one completed and two already closed', async () => {
    const tasks = new BackgroundTasks();
    const end = gate();
    for (let n = 0; n < 5; n++) void tasks.spawn(`job ${n}`, () => end.promise);
    const closings = [tasks.close(), tasks.close(), tasks.close()];
    end.open();
    const reports = await Promise.all(closings);
    expect(reports.map(({ status }) => status)).toEqual(['completed', 'already-closed', 'already-closed']);
    for (const report of reports) expect(report).toMatchObject({ initial: 5, completed: 5, remaining: 0 });
    expect((await tasks.close()).status).toBe('already-closed');
  });

  test('called and awaited by a task of its own, ends at its limit', async () => {
    const tasks = new BackgroundTasks();
    const report = await tasks
      .spawn('closer', () => tasks.close({ graceMs: 0, timeoutMs: 5 }))
      .catch(() => tasks.close());
    expect(report).toMatchObject({ initial: 1, remaining: 1 });
  });

  test('a limited task that never ends rejects when close gives up on it', async () => {
    const tasks = new BackgroundTasks(quiet);
    const task = tasks.spawn('stubborn', () => new Promise(() => {}), { timeoutMs: 60_000 });
    expect(await tasks.close({ timeoutMs: 5 })).toMatchObject({ status: 'timeout', remaining: 1 });
    await expect(task).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
  });

  test('leaves no limit behind, and gives its owner nothing to hold', async () => {
    const timers = liveTimers();
    try {
      const scope = new Scope('app');
      const tasks = new BackgroundTasks({ scope });
      expect(scope.size).toBe(1);
      void tasks.spawn('a', untilStopped, { timeoutMs: 60_000 });
      void tasks.spawn('b', () => new Promise(() => {}), { timeoutMs: 60_000 });
      expect(timers.size).toBe(1);
      await tasks.close({ graceMs: 0, timeoutMs: 5 });
      expect(scope.size).toBe(0);
      expect(tasks.list()).toMatchObject([{ name: 'b' }]);
      // The clock of whatever closes runs out by itself, within 10 ms.
      await vi.waitUntil(() => timers.size === 0);
      await scope.close();
    } finally {
      timers.restore();
    }
  });

  test.each<[unknown, string]>([
    [null, 'options must be an object, not null'],
    [{ grace: 5 }, 'there is no option "grace"; there are graceMs, timeoutMs'],
    [{ graceMs: -1 }, 'graceMs must be a number of ms from 0, got the number -1'],
    [{ graceMs: Number.NaN }, 'graceMs must be a number of ms from 0, got the number NaN'],
    [{ graceMs: '5' }, 'graceMs must be a number of ms from 0, got the text "5"'],
    [{ timeoutMs: Number.NaN }, 'timeoutMs must be a number of ms from 0, got the number NaN'],
  ])('refuses a wrong option %o by its own name', (options, message) => {
    const tasks = new BackgroundTasks();
    expect(() => tasks.close(options as object)).toThrow(`close(): ${message}`);
    expect(tasks.isClosed).toBe(false);
  });
});

describe('BackgroundTasks in a scope', () => {
  test('drains with it: work in flight may use what is released later', async () => {
    const scope = new Scope('app');
    const events: string[] = [];
    const end = gate();
    const tasks = new BackgroundTasks({ scope, name: 'mail' });
    scope.defer('database', () => void events.push('database released'));
    void tasks.spawn('send', async () => {
      await end.promise;
      events.push('sent');
    });
    const closing = scope.close();
    await expect(tasks.spawn('late', () => {})).rejects.toMatchObject({ code: 'WT_TASKS_CLOSED' });
    end.open();
    expect(await closing).toMatchObject({ status: 'completed', remaining: 0 });
    expect(events).toEqual(['sent', 'database released']);
    expect(await tasks.close()).toMatchObject({ status: 'already-closed', initial: 1, completed: 1 });
  });

  test('a queued task that nobody can start any more settles when its owner closes', async () => {
    const scope = new Scope('app');
    const tasks = new BackgroundTasks({ scope, concurrency: 1, ...quiet });
    const first = tasks.spawn('first', untilStopped);
    const waiting = tasks.spawn('waiting', () => {});
    const report = await scope.close({ timeoutMs: 2_000 });
    expect(report).toMatchObject({ status: 'completed', remaining: 0 });
    for (const task of [first, waiting]) await expect(task).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
  });

  test('names what is stuck in the report of the scope, which ends in time', async () => {
    const scope = new Scope('app');
    const tasks = new BackgroundTasks({ scope, name: 'mail' });
    void tasks.spawn('stubborn', () => new Promise(() => {}));
    const startedAt = performance.now();
    const timer = plainTimerMs(1_000);
    const report = await scope.close({ timeoutMs: 1_000 });
    expect(performance.now() - startedAt).toBeLessThanOrEqual((await timer) + 50);
    expect(report.failures).toMatchObject([
      {
        path: 'app/mail',
        phase: 'release',
        error: { code: 'WT_TASKS_STUCK', details: { stuck: [{ name: 'stubborn' }] } },
      },
    ]);
    expect(String(report.failures[0]!.error)).toMatch(
      /Cannot end 1 of the tasks of mail in time: stubborn \(.*test\.ts:\d+\)/,
    );
  });

  test('made in a closed scope it is closed', async () => {
    const scope = new Scope('app');
    await scope.close();
    expect(() => new BackgroundTasks({ scope })).toThrow(expect.objectContaining({ code: 'WT_SCOPE_CLOSED' }));
  });

  test('any owner that defers closes it', async () => {
    const releases: (() => unknown)[] = [];
    const owner = {
      defer(_: string, release: () => unknown) {
        releases.push(release);
        return { detach: () => {} };
      },
    };
    const tasks = new BackgroundTasks({ scope: owner });
    void tasks.spawn('a', async () => {});
    await releases[0]!();
    expect(await tasks.close()).toMatchObject({ initial: 1, completed: 1 });
  });
});

describe('BackgroundTasks.list()', () => {
  test('shows who is there, since when and from where', () => {
    const tasks = new BackgroundTasks({ concurrency: 1, sites: 'always' });
    void tasks.spawn('a 1', () => new Promise(() => {}), { context: 'x' });
    void tasks.spawn('a 2', () => {}, { timeoutMs: 9 });
    const [first, second] = tasks.list();
    expect(first).toMatchObject({
      name: 'a 1',
      state: 'running',
      context: 'x',
      timeoutMs: undefined,
      isSpawnedAtExact: true,
    });
    expect(second).toMatchObject({ name: 'a 2', state: 'queued', timeoutMs: 9, isSpawnedAtExact: true });
    expect(Number(second!.spawnedAt!.split(':')[1])).toBe(Number(first!.spawnedAt!.split(':')[1]) + 1);
    expect(second!.ageMs).toBeGreaterThan(0);
    expect(second!.ageMs).toBeLessThan(60_000);
  });

  test('knows the line by the name, digits aside, and says that it is not exact', () => {
    const tasks = new BackgroundTasks();
    const spawnOne = (n: number) => void tasks.spawn(`user ${n} sync`, () => new Promise(() => {}));
    for (let n = 0; n < 3; n++) spawnOne(n);
    const places = tasks.list().map(({ spawnedAt }) => spawnedAt);
    expect(places[0]).toMatch(/background-tasks\.test\.ts:\d+$/);
    expect(new Set(places).size).toBe(1);
    expect(tasks.list()[0]!.isSpawnedAtExact).toBe(false);
  });
});

describe('BackgroundTasks that ended', () => {
  test('D1: 10,000 with a limit of 60 s leave no timer, no listener, no record, and less than 100 kB', async () => {
    const timers = liveTimers();
    try {
      const scope = new Scope('app');
      const tasks = new BackgroundTasks({ scope });
      let lastSignal: AbortSignal | undefined;
      const run = async (task: Task) => {
        if (task.context === 9_999) lastSignal = task.signal;
      };
      const round = async () => {
        const all: Promise<unknown>[] = [];
        for (let n = 0; n < 10_000; n++) all.push(tasks.spawn('job', run, { timeoutMs: 60_000, context: n }));
        expect(timers.size).toBe(1);
        await Promise.all(all);
      };
      await round();
      // The compiler keeps memory now and then; what tasks leave behind, each round would leave.
      const grownBytes: number[] = [];
      for (let n = 0; n < 5; n++) {
        const before = await heapUsedBytes();
        await round();
        grownBytes.push((await heapUsedBytes()) - before);
      }
      expect(Math.min(...grownBytes)).toBeLessThan(100_000);
      expect(timers.size).toBe(0);
      expect(tasks.list()).toEqual([]);
      expect(getEventListeners(scope.signal, 'abort')).toEqual([]);
      expect(getEventListeners(lastSignal!, 'abort')).toEqual([]);
    } finally {
      timers.restore();
    }
  });

  test('their signals can be collected', async () => {
    const tasks = new BackgroundTasks();
    let collected!: () => void;
    const gone = new Promise<void>((resolve) => {
      collected = resolve;
    });
    const registry = new FinalizationRegistry(collected);
    await tasks.spawn('a', async (task) => void registry.register(task.signal, 0), { timeoutMs: 60_000 });
    const collecting = setInterval(() => gc!(), 1);
    await gone;
    clearInterval(collecting);
  });
});

test('once() of Node works with the signal of a task', async () => {
  const tasks = new BackgroundTasks();
  const { EventEmitter } = await import('node:events');
  const bus = new EventEmitter();
  const task = tasks.spawn('wait', ({ signal }) => once(bus, 'never', { signal }));
  expect(await tasks.close({ graceMs: 0 })).toMatchObject({ status: 'completed', cancelled: 1 });
  await expect(task).rejects.toMatchObject({ code: 'WT_TASKS_CANCELLED' });
  expect(bus.listenerCount('never')).toBe(0);
});
