import { spawn } from 'node:child_process';
import { channel } from 'node:diagnostics_channel';
import { getEventListeners, once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Scope } from '../scope/index.js';
import { type StuckThread, ThreadPool, type ThreadPoolOptions, ThreadRegistry } from './index.js';

const file = new URL('./tasks.fixture.ts', import.meta.url);
/** Rounds of `pbkdf2Sync` that take some 1.5 to 3 s: longer than any limit here, short enough to end with the test. */
const NATIVE_ROUNDS = 3_000_000;

let scope: Scope;
beforeEach(() => {
  scope = new Scope('test', { closeTimeoutMs: 20_000, releaseTimeoutMs: 20_000 });
});
afterEach(async () => {
  await scope.close();
});

type FilePoolOptions = ThreadPoolOptions & { readonly file: string | URL };
function makePool(options: Partial<FilePoolOptions> = {}): ThreadPool<unknown, unknown> {
  return new ThreadPool<unknown, unknown>({ file, size: 1, name: 'test', scope, ...options });
}
const cellsOf = (count = 1) => new Int32Array(new SharedArrayBuffer(4 * count));
/** Blocks until a thread that has its task already says it is inside. */
const arrived = (cells: Int32Array, index = 0) => expect(Atomics.wait(cells, index, 0, 20_000)).not.toBe('timed-out');
const open = (cells: Int32Array, index: number) => {
  Atomics.store(cells, index, 1);
  Atomics.notify(cells, index);
};
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
const live = (pool: ThreadPool<unknown, unknown>) => pool.list().map(({ name }) => name);

describe('ThreadPool.run()', () => {
  test('runs exported functions and gives what they return, with thread and data in the context', async () => {
    const pool = makePool({ data: { key: 7 } });
    expect(await pool.run({ list: [1, new Map([['a', 1]])] })).toEqual({ list: [1, new Map([['a', 1]])] });
    expect(await pool.run({ a: 2, b: 3 }, { task: 'add' })).toBe(5);
    expect(await pool.run(0, { task: 'whereAmI' })).toMatchObject({ thread: 'test#1', data: { key: 7 } });
    expect(pool.statistics).toMatchObject({
      accepted: 3,
      completed: 3,
      running: 0,
      waiting: 0,
      threads: 1,
      started: 1,
    });
  });

  test.each(['module', 'commonjs'])('runs TypeScript, in a package of type %s', async (type) => {
    const folder = mkdtempSync(join(tmpdir(), 'wt-threads-'));
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
    writeFileSync(join(folder, 'task.ts'), 'export default (n: number): number => n + 1;');
    const pool = makePool({ file: join(folder, 'task.ts') });
    expect(await pool.run(1)).toBe(2);
    rmSync(folder, { recursive: true });
  });

  test('runs one function given by its text', async () => {
    const pool = new ThreadPool({ fn: (n: number) => n * 2, size: 1, scope });
    const answer: number = await pool.run(21);
    expect(answer).toBe(42);
  });

  test('runs as many at once as there are threads, and the others in order', async () => {
    const pool = makePool({ size: 2, min: 2 });
    await pool.warm();
    const cells = cellsOf(2);
    const order: unknown[] = [];
    const note = (value: unknown) => order.push(value);
    const both = [0, 1].map((index) => pool.run({ cells, index }, { task: 'hold' }).then(note));
    const rest = [10, 11, 12].map((n) => pool.run(n).then(note));
    expect(pool.statistics).toMatchObject({ running: 2, waiting: 3 });
    open(cells, 0);
    await Promise.all([both[0], ...rest]);
    open(cells, 1);
    await both[1];
    expect(order).toEqual([0, 10, 11, 12, 1]);
  });

  test('rejects with what the function threw: class, code, cause and place', async () => {
    const pool = makePool();
    const error = await pool.run(0, { task: 'fail' }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ message: 'too far', code: 'E_FAR', cause: { message: 'the ground' } });
    expect((error as Error).stack).toContain('tasks.fixture.ts');
    await expect(pool.run(0, { task: 'failText' })).rejects.toThrow('only text');
    await expect(pool.run(0, { task: 'failNothing' })).rejects.toThrow(/^undefined was thrown$/);
    await expect(pool.run(0, { task: 'nowhere' })).rejects.toThrow(/task must be a function .*whereAmI.*, not nowhere/);
    await expect(pool.run(0, { task: 'toString' })).rejects.toThrow(TypeError);
    expect(pool.statistics).toMatchObject({ failed: 5, started: 1, crashed: 0 });
  });

  test('refuses what cannot be cloned, either way, and keeps the thread', async () => {
    const pool = makePool();
    const input = await pool.run(() => {}).catch((error: unknown) => error);
    expect(input).toMatchObject({ code: 'WT_THREADS_NOT_CLONEABLE', message: expect.stringContaining('input') });
    const result = await pool.run(0, { task: 'uncloneable' }).catch((error: unknown) => error);
    expect(result).toMatchObject({ code: 'WT_THREADS_NOT_CLONEABLE', message: expect.stringContaining('result') });
    expect(await pool.run('after')).toBe('after');
    expect(pool.statistics).toMatchObject({ started: 1, failed: 2, completed: 1 });
  });

  test('moves what is to be transferred, both ways', async () => {
    const pool = makePool();
    const buffer = new ArrayBuffer(16);
    const back = await pool.run(buffer, { task: 'move', transfer: [buffer] });
    expect(buffer.byteLength).toBe(0);
    expect((back as ArrayBuffer).byteLength).toBe(16);
  });

  test('refuses more than queueLimit waiting tasks and takes the next when there is room', async () => {
    const pool = makePool({ queueLimit: 1 });
    await pool.warm();
    const cells = cellsOf(2);
    const first = pool.run({ cells, index: 0 }, { task: 'hold' });
    const second = pool.run(2);
    expect(await codeOf(pool.run(3))).toBe('WT_THREADS_QUEUE_FULL');
    open(cells, 0);
    expect(await Promise.all([first, second])).toEqual([0, 2]);
    expect(await pool.run(4)).toBe(4);
    expect(pool.statistics).toMatchObject({ accepted: 3, refused: 1, completed: 3 });
  });

  test('queueLimit does not count tasks for which a thread is being started', async () => {
    const pool = makePool({ size: 2, queueLimit: 1 });
    const tasks = [1, 2, 3, 4].map((n) => codeOf(pool.run(n)));
    expect(await Promise.all(tasks)).toEqual([...Array(3).fill('resolved'), 'WT_THREADS_QUEUE_FULL']);
  });

  test('does not keep the input of a task that is over', async () => {
    const pool = makePool();
    const reference = await (async () => {
      const input = { text: 'large' };
      await pool.run(input);
      return new WeakRef(input);
    })();
    for (let n = 0; n < 20 && reference.deref(); n++) {
      await new Promise(setImmediate);
      gc!();
    }
    expect(reference.deref()).toBeUndefined();
  });

  test('refuses wrong options, naming them', () => {
    const wrong = (options: object) => () => new ThreadPool({ file, size: 1, ...options } as never);
    expect(wrong({ size: 0 })).toThrow('size must be a whole number from 1, not 0');
    expect(wrong({ min: 2 })).toThrow('min must be at most size (1), not 2');
    expect(wrong({ fn: () => 1 })).toThrow('options must have file or fn, one of them');
    expect(wrong({ file: undefined })).toThrow(TypeError);
    // @ts-expect-error: neither of the two
    expect(() => new ThreadPool({ size: 1 })).toThrow('options must have file or fn, one of them');
    // @ts-expect-error: both
    expect(() => new ThreadPool({ size: 1, file, fn: (n: number) => n })).toThrow('options must have file or fn');
    expect(wrong({ taskTimeoutMs: -1 })).toThrow('taskTimeoutMs must be a number above 0, not -1');
    expect(wrong({ recycleAfter: { tasks: Number.NaN } })).toThrow('recycleAfter.tasks');
    const pool = makePool();
    expect(() => pool.run(1, { timeoutMs: 0 })).toThrow(RangeError);
    expect(() => pool.close({ graceMs: -1 })).toThrow(RangeError);
  });

  test.each([
    [undefined, 'options must be an object, not undefined'],
    [{ file, size: 1, sise: 2 }, 'there is no option "sise"; there are file, fn, name, size'],
    [{ file: 5, size: 1 }, 'file must be a path or a URL, not the number 5'],
    [{ fn: 'n => n', size: 1 }, 'fn must be a function, not the text "n => n"'],
    [{ file, size: 1, name: 5 }, 'name must be a text, not the number 5'],
    [{ file, size: 1, scope: {} }, 'scope must be a Scope, not an object'],
    [{ file, size: 1, registry: {} }, 'registry must be a ThreadRegistry, not an object'],
    [{ file, size: 1, onUnresponsive: 5 }, 'onUnresponsive must be a function, not the number 5'],
    [{ file, size: 1, recycleAfter: { task: 5 } }, 'there is no option "task"; there are tasks, ageMs, heapBytes'],
    [{ file, size: 1, resourceLimits: 5 }, 'resourceLimits must be an object, not the number 5'],
  ])('refuses options %#, saying why', (options, message) => {
    expect(() => new ThreadPool(options as never)).toThrow(TypeError);
    expect(() => new ThreadPool(options as never)).toThrow(message);
  });

  test('refuses wrong options of a run before the task is counted', async () => {
    const pool = makePool();
    const wrong = (options: unknown) => () => pool.run(1, options as never);
    const controller = new AbortController();
    expect(wrong({ signal: controller })).toThrow('signal must be an AbortSignal, not an AbortController object');
    expect(wrong({ task: 5 })).toThrow('task must be the name of an export, not the number 5');
    expect(wrong({ transfer: 5 })).toThrow('transfer must be an array, not the number 5');
    expect(wrong(50)).toThrow('options must be an object, not the number 50');
    expect(wrong({ timeout: 50 })).toThrow('there is no option "timeout"');
    expect(() => pool.close(50 as never)).toThrow('options must be an object, not the number 50');
    expect(pool.statistics).toMatchObject({ accepted: 0, refused: 0, waiting: 0, threads: 0 });
    expect(await pool.run('still open')).toBe('still open');
  });

  test('refuses a fn whose text no thread can read, without calling it', () => {
    const short = {
      run(n: number) {
        return n;
      },
    };
    const wrong = (fn: unknown) => () => new ThreadPool({ fn: fn as never, size: 1 });
    for (const fn of [short.run, Math.max, ((n: number) => n).bind(null), class Task {}]) {
      expect(wrong(fn)).toThrow(TypeError);
      expect(wrong(fn)).toThrow(
        /fn must be an arrow function or a function expression.*; write \(input\) => …, or .* file/,
      );
    }
    let calls = 0;
    const pool = new ThreadPool({ fn: () => calls++, size: 1, scope });
    expect([calls, pool.statistics.threads]).toEqual([0, 0]);
  });

  test('runs every kind of function expression', async () => {
    // biome-ignore lint/complexity/useArrowFunction: a function expression is what is tested.
    const anonymous = function (n: number) {
      return n + 1;
    };
    for (const fn of [
      anonymous,
      async (n: number) => n + 1,
      (n: number) => ({ n }).n + 1,
      new Function('n', 'return n + 1'),
    ]) {
      const pool = new ThreadPool({ fn: fn as (n: number) => unknown, size: 1, scope });
      expect(await pool.run(1)).toBe(2);
    }
  });
});

describe('ThreadPool when a thread ends', () => {
  test('rejects its task with the thread, the task and the cause, and goes on with those that wait', async () => {
    const pool = makePool();
    const lost = pool.run(0, { task: 'crash' }).catch((error: unknown) => error);
    const exited = pool.run(5, { task: 'exit' }).catch((error: unknown) => error);
    const behind = pool.run('behind');
    expect(await lost).toMatchObject({
      code: 'WT_THREADS_CRASHED',
      message: 'Cannot finish task crash in thread test#1 as it has ended: nobody caught this',
      cause: { message: 'nobody caught this' },
      details: { thread: 'test#1', task: 'crash' },
    });
    expect(await exited).toMatchObject({ code: 'WT_THREADS_CRASHED', details: { thread: 'test#2', exitCode: 5 } });
    expect(await behind).toBe('behind');
    expect(pool.statistics).toMatchObject({ crashed: 2, started: 3, threads: 1, failed: 2, completed: 1 });
  });

  test('says so when what was uncaught is no error', async () => {
    const pool = makePool();
    const error = await pool.run(0, { task: 'crashByNothing' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'WT_THREADS_CRASHED', cause: { message: 'undefined was thrown' } });
    expect((error as Error).message).toMatch(/as it has ended: undefined was thrown$/);
  });

  test('survives a task that uses up its heap', async () => {
    const pool = makePool({ resourceLimits: { maxOldGenerationSizeMb: 24 } });
    const error = await pool.run(0, { task: 'exhaust' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'WT_THREADS_CRASHED', message: expect.stringContaining('memory') });
    expect(await pool.run('after')).toBe('after');
  });

  test('fails every waiting task when a thread cannot start, and a later call tries again', async () => {
    const pool = makePool({ file: join(tmpdir(), 'there-is-no-such-module.mjs'), size: 2 });
    const codes = await Promise.all([1, 2, 3].map((n) => codeOf(pool.run(n))));
    expect(codes).toEqual(Array(3).fill('WT_THREADS_CANNOT_START'));
    expect(await codeOf(pool.warm())).toBe('WT_THREADS_CANNOT_START');
    expect(await codeOf(pool.run(4))).toBe('WT_THREADS_CANNOT_START');
    expect(pool.statistics).toMatchObject({ failed: 4, threads: 0, waiting: 0 });
  });

  test('gives up a module that never loads, by startTimeoutMs', async () => {
    const pool = makePool({
      file: new URL('data:text/javascript,await new Promise(() => setInterval(() => {}, 1e3))'),
      startTimeoutMs: 200,
    });
    const error = await pool.run(1).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'WT_THREADS_CANNOT_START', message: expect.stringContaining('200 ms') });
    expect(pool.list()).toEqual([]);
  });
});

describe('ThreadPool under faults', () => {
  test('the n-th task ends its thread, for every n: all others finish', async () => {
    const pool = makePool({ size: 2 });
    for (let n = 0; n < 5; n++) {
      const results = Array.from({ length: 5 }, (_, i) => codeOf(pool.run(3, i === n ? { task: 'exit' } : {})));
      const expected = Array(5).fill('resolved');
      expected[n] = 'WT_THREADS_CRASHED';
      expect(await Promise.all(results)).toEqual(expected);
    }
    expect(await pool.close()).toMatchObject({ status: 'completed', remaining: 0 });
    expect(pool.statistics).toMatchObject({
      accepted: 25,
      completed: 20,
      failed: 5,
      crashed: 5,
      running: 0,
      waiting: 0,
    });
  });

  test('whatever tasks do and callers cancel: each settles once, and the numbers add up at every moment', async () => {
    const what = fc.constantFrom('default', 'fail', 'exit', 'wait', 'aborts', 'uncloneable', 'deaf');
    const call = fc.record({ task: what, cancel: fc.boolean(), ticks: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), fc.nat(12), async (calls, closeAfter) => {
        const pool = makePool({ size: 2, abortMs: 20, taskTimeoutMs: 300, recycleAfter: { tasks: 3 } });
        const addsUp = () => {
          const { accepted, waiting, running, completed, failed, timedOut, cancelled } = pool.statistics;
          expect(waiting + running + completed + failed + timedOut + cancelled).toBe(accepted);
          expect(running).toBeLessThanOrEqual(2);
        };
        const ends: Promise<unknown>[] = [];
        let closing: Promise<unknown> | undefined;
        for (const [index, { task, cancel, ticks }] of calls.entries()) {
          if (index === closeAfter) closing = pool.close({ graceMs: 200, timeoutMs: 5_000 });
          const controller = new AbortController();
          const input = task === 'deaf' ? undefined : 1;
          ends.push(codeOf(pool.run(input, { task, signal: controller.signal })).then(addsUp));
          for (let n = 0; n < ticks; n++) await new Promise(setImmediate);
          if (cancel) controller.abort(new Error('cancelled'));
          addsUp();
        }
        await Promise.all(ends);
        await closing;
        const report = await pool.close({ timeoutMs: 5_000 });
        expect(report.remaining).toBe(0);
        expect(pool.statistics).toMatchObject({ waiting: 0, running: 0, threads: 0 });
        addsUp();
      }),
      { numRuns: 8 },
    );
  });
});

describe('ThreadPool ladder', () => {
  test('a task that obeys its signal keeps its thread', async () => {
    const pool = makePool();
    const before = await pool.run(0, { task: 'whereAmI' });
    const cells = cellsOf();
    const late = pool.run(cells, { task: 'untilAborted', timeoutMs: 20 });
    expect(await codeOf(late)).toBe('WT_THREADS_TASK_TIMEOUT');
    expect(await pool.run(0, { task: 'whereAmI' })).toEqual(before);
    expect(pool.statistics).toMatchObject({ timedOut: 1, completed: 2, started: 1, terminated: 0 });
  });

  test('a loop without awaits sees isAborted and keeps its thread', async () => {
    const pool = makePool();
    await pool.warm();
    const cells = cellsOf();
    expect(await codeOf(pool.run(cells, { task: 'spinUntilAborted', timeoutMs: 20 }))).toBe('WT_THREADS_TASK_TIMEOUT');
    expect(await pool.run(0, { task: 'aborts' })).toBe(false);
    expect(pool.statistics).toMatchObject({ timedOut: 1, completed: 1, started: 1 });
  });

  test.each(['deaf', 'spin'])('a task that is told and does not stop loses its thread (%s)', async (task) => {
    const pool = makePool({ abortMs: 30 });
    await pool.warm();
    const error = await pool.run(cellsOf(), { task, timeoutMs: 30 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'WT_THREADS_TASK_TIMEOUT',
      details: { task, thread: 'test#1', timeoutMs: 30 },
    });
    expect(await pool.run(0, { task: 'whereAmI' })).toMatchObject({ thread: 'test#2' });
    expect(pool.statistics).toMatchObject({ timedOut: 1, completed: 1, terminated: 1, crashed: 0, unresponsive: 0 });
  });

  test('native code is reported as unresponsive, and another thread takes its place', async () => {
    const published: unknown[] = [];
    const subscriber = (message: unknown) => published.push(message);
    channel('watertight:thread-unresponsive').subscribe(subscriber);
    const stuck: StuckThread[] = [];
    const pool = makePool({ abortMs: 20, terminateMs: 50, onUnresponsive: (thread) => stuck.push(thread) });
    await pool.warm();
    const cells = cellsOf();
    const task = pool.run({ cells, iterations: NATIVE_ROUNDS }, { task: 'native', timeoutMs: 50 });
    arrived(cells);
    expect(await codeOf(task)).toBe('WT_THREADS_TASK_TIMEOUT');
    expect(await pool.run(0, { task: 'whereAmI' })).toMatchObject({ thread: 'test#2' });
    channel('watertight:thread-unresponsive').unsubscribe(subscriber);
    expect(stuck).toMatchObject([{ thread: 'test#1', state: 'unresponsive', task: 'native' }]);
    expect(published).toMatchObject([{ pool: 'test', thread: 'test#1' }]);
    expect(pool.statistics).toMatchObject({ unresponsive: 1, terminated: 1, crashed: 0 });
  });

  test('tasks are refused, not left waiting, when every place is taken by native code', async () => {
    const pool = makePool({ abortMs: 10, terminateMs: 20 });
    await pool.warm();
    const cells = cellsOf();
    const task = pool.run({ cells, iterations: NATIVE_ROUNDS }, { task: 'native', timeoutMs: 20 });
    arrived(cells);
    await codeOf(task);
    const other = cellsOf();
    const second = pool.run({ cells: other, iterations: NATIVE_ROUNDS }, { task: 'native', timeoutMs: 1_000 });
    const third = pool.run(3).catch((thrown: unknown) => thrown);
    expect(await codeOf(second)).toBe('WT_THREADS_TASK_TIMEOUT');
    expect(['WT_THREADS_UNRESPONSIVE', undefined]).toContain(((await third) as { code?: string }).code);
    expect(pool.statistics.waiting).toBe(0);
  });

  test('a cancelled task does not harm the one behind it', async () => {
    const pool = makePool({ abortMs: 30 });
    await pool.warm();
    for (const task of ['untilAborted', 'deaf']) {
      const controller = new AbortController();
      const cells = cellsOf();
      const cancelled = pool.run(cells, { task, signal: controller.signal });
      arrived(cells);
      controller.abort(new Error('not wanted'));
      const next = pool.run('next');
      expect(await codeOf(cancelled)).toBe('not wanted');
      expect(await next).toBe('next');
      expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    }
    expect(pool.statistics).toMatchObject({ cancelled: 2, completed: 2, crashed: 0 });
  });

  test('a task that waits is cancelled where it stands, and its signal keeps no listener', async () => {
    const pool = makePool();
    await pool.warm();
    const controller = new AbortController();
    const cells = cellsOf(2);
    const first = pool.run({ cells, index: 0 }, { task: 'hold', signal: controller.signal });
    const own = new AbortController();
    const waiting = [pool.run(1), pool.run(2, { signal: own.signal }), pool.run(3)];
    own.abort(new Error('gone'));
    expect(await codeOf(waiting[1]!)).toBe('gone');
    expect(pool.statistics).toMatchObject({ waiting: 2, running: 1, cancelled: 1 });
    open(cells, 0);
    expect(await Promise.all([first, waiting[0], waiting[2]])).toEqual([0, 1, 3]);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
    expect(await codeOf(pool.run(1, { signal: own.signal }))).toBe('gone');
  });
});

describe('ThreadPool recycling', () => {
  test('a thread leaves after its tasks, when a fresh one is ready', async () => {
    const registry = new ThreadRegistry({ scope, sweepEveryMs: 0 });
    const pool = makePool({ recycleAfter: { tasks: 2 }, registry });
    await pool.warm();
    const seen = new Set<string>();
    let most = 0;
    while (pool.statistics.recycled < 2) {
      seen.add(((await pool.run(0, { task: 'whereAmI' })) as { thread: string }).thread);
      most = Math.max(most, pool.list().filter(({ state }) => state === 'busy' || state === 'idle').length);
      expect(pool.statistics.idle).toBeGreaterThan(0);
    }
    expect(seen.size).toBeGreaterThanOrEqual(2);
    expect(most).toBeLessThanOrEqual(2);
    expect(pool.statistics).toMatchObject({ failed: 0, crashed: 0, terminated: 0 });
  });

  test('a thread leaves when its heap has grown', async () => {
    const pool = makePool({ recycleAfter: { heapBytes: 60e6 } });
    await pool.warm();
    let size = 0;
    while (pool.statistics.recycled === 0) {
      const now = (await pool.run(20_000, { task: 'grow' })) as number;
      if (now > size) size = now;
    }
    expect(await pool.run(1, { task: 'grow' })).toBe(1);
    expect(size).toBeGreaterThan(100_000);
  });

  test('a replacement that cannot start leaves the old thread at work', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'wt-threads-'));
    const module = join(folder, 'once.mjs');
    writeFileSync(module, 'export default (n) => n;');
    const pool = makePool({ file: module, recycleAfter: { tasks: 1 } });
    await pool.warm();
    rmSync(folder, { recursive: true });
    for (let n = 0; n < 20 || pool.statistics.failedStarts === 0; n++) expect(await pool.run(n)).toBe(n);
    expect(live(pool)).toContain('test#1');
    expect(pool.statistics).toMatchObject({ recycled: 0, failed: 0 });
  });

  test('a thread above min leaves after idleMs', async () => {
    const pool = makePool({ size: 2, min: 1, idleMs: 20 });
    const cells = cellsOf(2);
    const both = [0, 1].map((index) => pool.run({ cells, index }, { task: 'hold' }));
    while (pool.statistics.running < 2 || pool.statistics.threads < 2) await new Promise(setImmediate);
    for (const index of [0, 1]) {
      open(cells, index);
    }
    await Promise.all(both);
    while (pool.statistics.threads > 1) await new Promise(setImmediate);
    expect(await pool.run('still')).toBe('still');
    expect(pool.statistics).toMatchObject({ started: 2, crashed: 0, terminated: 0 });
  });
});

describe('ThreadPool.close()', () => {
  test('lets two tasks in flight finish, and those that wait behind them (drain-with-two-tasks)', async () => {
    const pool = makePool({ size: 2, min: 2 });
    await pool.warm();
    const cells = cellsOf(2);
    const both = [0, 1].map((index) => pool.run({ cells, index }, { task: 'hold' }));
    const queued = pool.run('queued');
    const closing = pool.close({ graceMs: 15_000, timeoutMs: 20_000 });
    expect(await codeOf(pool.run('late'))).toBe('WT_THREADS_CLOSED');
    open(cells, 0);
    expect(await both[0]).toBe(0);
    expect(await queued).toBe('queued');
    // The first to finish does not end the other: it is still inside.
    open(cells, 1);
    expect(await both[1]).toBe(1);
    expect(await closing).toMatchObject({
      status: 'completed',
      initial: 3,
      completed: 3,
      cancelled: 0,
      failed: 0,
      remaining: 0,
    });
    expect(await pool.close()).toMatchObject({ status: 'already-closed', initial: 3, completed: 3 });
    expect(pool.list()).toEqual([]);
  });

  test('tells what does not finish in its grace to stop, and settles what waits', async () => {
    const pool = makePool();
    await pool.warm();
    const cells = cellsOf();
    const obeys = pool.run(cells, { task: 'untilAborted' });
    const waits = codeOf(pool.run(2));
    arrived(cells);
    const report = await pool.close({ graceMs: 20, timeoutMs: 10_000 });
    expect(await obeys).toBe('stopped: the pool is closing');
    expect(await waits).toBe('WT_THREADS_CLOSED');
    expect(report).toMatchObject({ status: 'completed', initial: 2, completed: 1, cancelled: 1 });
    expect(pool.statistics).toMatchObject({ completed: 1, cancelled: 1, terminated: 0 });
  });

  test('terminates what does not stop', async () => {
    const pool = makePool({ size: 2, min: 2, abortMs: 30 });
    await pool.warm();
    const cells = [cellsOf(), cellsOf()];
    const tasks = ['deaf', 'spin'].map((task, i) => codeOf(pool.run(cells[i], { task })));
    for (const each of cells) arrived(each);
    const report = await pool.close({ graceMs: 20, timeoutMs: 5_000 });
    expect(await Promise.all(tasks)).toEqual(['WT_THREADS_CLOSED', 'WT_THREADS_CLOSED']);
    expect(report).toMatchObject({ status: 'completed', initial: 2, completed: 0, cancelled: 2, remaining: 0 });
    expect(report.durationMs).toBeLessThan(1_000);
  });

  test('returns by its deadline + 50 ms when native code holds a thread, and names it', async () => {
    const pool = makePool();
    await pool.warm();
    const cells = cellsOf();
    const task = codeOf(pool.run({ cells, iterations: NATIVE_ROUNDS }, { task: 'native' }));
    arrived(cells);
    const startedAt = performance.now();
    const report = await pool.close({ graceMs: 50, timeoutMs: 300 });
    expect(performance.now() - startedAt).toBeLessThan(350);
    expect(report).toMatchObject({ status: 'timeout', initial: 1, completed: 0, cancelled: 1, remaining: 1 });
    expect(report.stuck).toMatchObject([{ thread: 'test#1', task: 'native' }]);
    // Settled by now, though its thread goes on.
    expect(await Promise.race([task, new Promise((resolve) => setImmediate(resolve, 'pending'))])).toBe(
      'WT_THREADS_CLOSED',
    );
    expect(pool.list()).toHaveLength(1);
  });

  test('is one run for ten callers, also while threads start', async () => {
    const pool = makePool({ size: 2 });
    const tasks = [1, 2, 3].map((n) => codeOf(pool.run(n)));
    const reports = await Promise.all(Array.from({ length: 10 }, () => pool.close({ graceMs: 0, timeoutMs: 5_000 })));
    expect(reports.map(({ status }) => status)).toEqual(['completed', ...Array(9).fill('already-closed')]);
    expect(await Promise.all(tasks)).toEqual(Array(3).fill('WT_THREADS_CLOSED'));
    expect(pool.list()).toEqual([]);
  });

  test('ends a warm() under way', async () => {
    const pool = makePool({ size: 2, min: 2 });
    const warming = codeOf(pool.warm());
    await pool.close();
    expect(await warming).toBe('WT_THREADS_CLOSED');
  });
});

describe('ThreadPool, a thread and its values end', () => {
  let folder: string;
  let log: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wt-threads-'));
    log = join(folder, 'log');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));
  const lines = () => readFileSync(log, 'utf8').trim().split('\n');

  test('on success: close() waits for the disposers of its threads', async () => {
    const pool = makePool();
    const id = await pool.run(log, { task: 'openLocal' });
    expect(await pool.close()).toMatchObject({ status: 'completed' });
    expect(lines()).toEqual([`disposed ${id}`]);
  });

  test('on throw: a task that fails leaves the values to the thread, which disposes of them once', async () => {
    const pool = makePool();
    const id = await pool.run(log, { task: 'openLocal' });
    await codeOf(pool.run(0, { task: 'fail' }));
    await pool.close();
    expect(lines()).toEqual([`disposed ${id}`]);
  });

  test('on cancel: what a terminated thread left behind is released by the main thread', async () => {
    const registry = new ThreadRegistry({ scope, sweepEveryMs: 0 });
    const released: unknown[] = [];
    const settled = new Promise<void>((resolve) => {
      registry.onLeftBehind('log file', (description, { name }) => {
        released.push([description, name]);
        resolve();
      });
    });
    const pool = makePool({ abortMs: 20, registry });
    const id = await pool.run(log, { task: 'openLocal' });
    await codeOf(pool.run(cellsOf(), { task: 'spin', timeoutMs: 20 }));
    await settled;
    expect(released).toEqual([[{ threadId: id }, 'test#1']]);
  });

  test('on double release: two closes dispose once', async () => {
    const pool = makePool();
    const id = await pool.run(log, { task: 'openLocal' });
    await Promise.all([pool.close(), pool.close(), pool[Symbol.asyncDispose]()]);
    expect(lines()).toEqual([`disposed ${id}`]);
  });

  test('on its owner closing while tasks wait: they finish, threads leave, nothing is left', async () => {
    const owner = new Scope('owner', { closeTimeoutMs: 20_000, releaseTimeoutMs: 20_000 });
    const pool = makePool({ scope: owner });
    const tasks = [pool.run(log, { task: 'openLocal' }), pool.run(2), pool.run(3)];
    const report = await owner.close();
    expect(report).toMatchObject({ status: 'completed', remaining: 0 });
    expect((await Promise.all(tasks)).slice(1)).toEqual([2, 3]);
    expect(lines()).toHaveLength(1);
    expect(pool.list()).toEqual([]);
  });

  test('an owner that closes hears of threads that do not end', async () => {
    const owner = new Scope('owner', { closeTimeoutMs: 400, releaseTimeoutMs: 400 });
    const pool = makePool({ scope: owner });
    await pool.warm();
    const cells = cellsOf();
    const task = codeOf(pool.run({ cells, iterations: NATIVE_ROUNDS }, { task: 'native' }));
    arrived(cells);
    const report = await owner.close();
    expect(report.failures).toMatchObject([
      { path: expect.stringContaining('thread pool test'), error: { code: 'WT_THREADS_UNRESPONSIVE' } },
    ]);
    expect(await task).toBe('WT_THREADS_CLOSED');
  });

  test('a disposer that throws is counted and kept by the registry', async () => {
    const registry = new ThreadRegistry({ scope, sweepEveryMs: 0 });
    const pool = makePool({ registry });
    await pool.run(0, { task: 'openFailing' });
    expect(await registry.closeAll()).toMatchObject({
      status: 'failed',
      ended: 1,
      failures: [{ name: 'test#1', phase: 'local', error: { name: 'RangeError', message: 'cannot dispose' } }],
    });
    expect(registry.statistics).toMatchObject({ cleanupFailures: 1, cleanedUp: 0, cachedLocals: 0 });
    expect(pool.statistics).toMatchObject({ crashed: 0, terminated: 0, threads: 0 });
  });

  test('a busy thread that the registry ends may finish its task; one that cannot is terminated', async () => {
    const registry = new ThreadRegistry({ scope, sweepEveryMs: 0 });
    const pool = makePool({ size: 2, min: 2, registry });
    await pool.warm();
    const cells = cellsOf(2);
    const finishes = pool.run({ cells, index: 0 }, { task: 'hold' });
    const spinning = cellsOf();
    const spins = codeOf(pool.run(spinning, { task: 'spin' }));
    arrived(spinning);
    const ending = registry.closeAll({ timeoutMs: 2_000 });
    open(cells, 0);
    expect(await finishes).toBe(0);
    expect(await ending).toMatchObject({ ended: 2, remaining: 0, stuck: [] });
    expect(await spins).toBe('WT_THREADS_CLOSED');
    expect(await pool.run('anew')).toBe('anew');
  });

  test('a disposer that never ends costs leaveMs and no more', async () => {
    const pool = makePool({ leaveMs: 50 });
    await pool.run(0, { task: 'openStubborn' });
    expect(await pool.close({ timeoutMs: 5_000 })).toMatchObject({ status: 'completed', remaining: 0 });
    expect(pool.statistics.crashed).toBe(0);
  });

  test('a disposer that never ends does not outlast the time of a close()', async () => {
    const pool = makePool({ leaveMs: 60_000, terminateMs: 1_500 });
    await pool.run(0, { task: 'openStubborn' });
    const report = await pool.close({ timeoutMs: 2_000 });
    expect(report).toMatchObject({ status: 'completed', remaining: 0 });
    expect(report.durationMs).toBeLessThan(2_050);
  });

  test('an early close() takes the pool out of its owner', async () => {
    const owner = new Scope('owner');
    const pool = makePool({ scope: owner });
    expect(owner.size).toBe(1);
    await pool.close();
    expect(owner.size).toBe(0);
    await owner.close();
  });
});

describe('ThreadPool and the process', () => {
  test('an idle pool that was not closed does not keep the process alive', async () => {
    const source = `
      import { ThreadPool } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
      const pool = new ThreadPool({ fn: (n) => n + 1, size: 2, name: 'forgotten' });
      console.log(await pool.run(1));`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const [code] = await once(child, 'close');
    expect({ code, output }).toEqual({ code: 0, output: '2\n' });
  });
});
