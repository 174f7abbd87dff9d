import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import { disposeThreadLocals, perThread, ThreadLocal } from './index.js';

afterEach(() => disposeThreadLocals());

/** The output of a worker, in a process of its own, that runs `body` with ThreadLocal at hand. */
async function inWorker(body: string): Promise<string[]> {
  const index = JSON.stringify(new URL('./index.ts', import.meta.url).href);
  const worker = `import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))}).then(async ({ register }) => {
    register();
    const { ThreadLocal, perThread, disposeThreadLocals } = await import(${index});
    ${body}
  });`;
  const source = `
    import { writeSync } from 'node:fs';
    import { Worker } from 'node:worker_threads';
    const worker = new Worker(${JSON.stringify(worker)}, { eval: true, execArgv: [], stdout: false });
    worker.on('error', (error) => console.log('error', error.message));
    worker.on('message', () => worker.terminate());
    worker.on('exit', (code) => console.log('exit', code));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', source]);
  return stdout.trim().split('\n');
}
const TWO = `
  const say = (text) => require('node:fs').writeSync(1, text + '\\n');
  const first = new ThreadLocal(() => 1, () => say('first gone'));
  const second = new ThreadLocal(() => 2, () => { say('second gone'); throw new Error('lost'); });
  const third = new ThreadLocal(() => 3, async () => { say('third begins'); await null; say('third gone'); });
  first.value; second.value; third.value;`;

describe('ThreadLocal', () => {
  test('creates at the first read, once, and again after clear()', async () => {
    const events: string[] = [];
    const local = new ThreadLocal(
      () => ({ n: events.push('create') }),
      async () => void events.push('dispose'),
    );
    expect(local.hasValue).toBe(false);
    expect(local.value).toBe(local.value);
    await Promise.all([local.clear(), local.clear()]);
    expect(events).toEqual(['create', 'dispose']);
    expect(local.hasValue).toBe(false);
    expect(local.value.n).toBe(3);
  });

  test('a create that throws leaves nothing, and the next read tries again', async () => {
    let isBroken = true;
    const disposed: unknown[] = [];
    const local = new ThreadLocal(
      () => {
        if (isBroken) throw new Error('not yet');
        return 'value';
      },
      (value) => disposed.push(value),
    );
    expect(() => local.value).toThrow('not yet');
    expect(await disposeThreadLocals()).toEqual({ disposed: 0, failures: [] });
    isBroken = false;
    expect(local.value).toBe('value');
    await disposeThreadLocals();
    expect(disposed).toEqual(['value']);
  });

  test('refuses what is no function', () => {
    expect(() => new ThreadLocal(1 as never)).toThrow('create must be a function, not number');
    expect(() => new ThreadLocal(() => 1, 'x' as never)).toThrow('dispose must be a function, not string');
    expect(() => perThread(5 as never)).toThrow('factory must be a function, not the number 5');
  });

  test('refuses wrong options, naming them', () => {
    const wrong = (options: unknown) => () => new ThreadLocal(() => 1, undefined, options as never);
    expect(wrong({ describe: 5 })).toThrow('describe must be a function, not the number 5');
    expect(wrong({ name: 5 })).toThrow('name must be a text, not the number 5');
    expect(wrong({ title: 'x' })).toThrow('there is no option "title"; there are name, describe');
    expect(wrong('folder')).toThrow('options must be an object, not the text "folder"');
  });

  test('perThread() gives one instance and disposes of it', async () => {
    const disposed: object[] = [];
    const get = perThread(
      () => ({}),
      (value) => disposed.push(value),
    );
    const value = get();
    expect(get()).toBe(value);
    await disposeThreadLocals();
    expect(disposed).toEqual([value]);
    expect(get()).not.toBe(value);
  });
});

describe('disposeThreadLocals()', () => {
  test('runs newest first, waits, keeps every failure, and once for callers at the same time', async () => {
    const order: string[] = [];
    const make = (name: string, dispose: () => unknown) =>
      new ThreadLocal(
        () => name,
        async () => {
          await null;
          order.push(name);
          return dispose();
        },
        { name },
      );
    const locals = [
      make('a', () => {}),
      make('b', () => Promise.reject(new Error('b failed'))),
      make('c', () => {
        throw new Error('c failed');
      }),
    ];
    for (const local of locals) void local.value;
    const reports = await Promise.all([disposeThreadLocals(), disposeThreadLocals()]);
    expect(order).toEqual(['c', 'b', 'a']);
    expect(reports[0]).toMatchObject({
      disposed: 3,
      failures: [{ name: 'c' }, { name: 'b', error: { message: 'b failed' } }],
    });
    expect(reports[1]).toBe(reports[0]);
    expect(await disposeThreadLocals()).toEqual({ disposed: 0, failures: [] });
  });

  test('returns at once from inside a disposer, which would wait for itself', async () => {
    let nested: unknown;
    const other = new ThreadLocal(() => 1);
    const local = new ThreadLocal(
      () => 1,
      async () => {
        await new Promise(setImmediate);
        nested = await disposeThreadLocals();
      },
    );
    void other.value;
    void local.value;
    expect(await disposeThreadLocals()).toMatchObject({ disposed: 2, failures: [] });
    expect(nested).toEqual({ disposed: 0, failures: [] });
  });

  test('refuses new values while it runs, so that none is forgotten', async () => {
    const late = new ThreadLocal(() => 1, undefined, { name: 'late' });
    const local = new ThreadLocal(
      () => 1,
      () => late.value,
      { name: 'early' },
    );
    void local.value;
    const { failures } = await disposeThreadLocals();
    expect(failures).toMatchObject([{ name: 'early', error: { code: 'WT_THREADS_LOCALS_DISPOSING' } }]);
    expect(late.hasValue).toBe(false);
    expect(late.value).toBe(1);
  });

  test('a value that is cleared meanwhile is disposed of once', async () => {
    const disposed: string[] = [];
    const first = new ThreadLocal(
      () => 'first',
      (value) => disposed.push(value),
    );
    const second = new ThreadLocal(
      () => 'second',
      async (value) => {
        disposed.push(value);
        await first.clear();
      },
    );
    void first.value;
    void second.value;
    expect(await disposeThreadLocals()).toMatchObject({ disposed: 1, failures: [] });
    expect(disposed).toEqual(['second', 'first']);
  });
});

describe('a thread disposes of its values', () => {
  test('on success: when it has nothing left to do, newest first, waiting for each, whatever one of them throws', async () => {
    expect(await inWorker(TWO)).toEqual(['third begins', 'third gone', 'second gone', 'first gone', 'exit 0']);
  });

  test('on throw: when an error is uncaught', async () => {
    const lines = await inWorker(`${TWO} setImmediate(() => { throw new Error('uncaught'); });`);
    expect(lines).toEqual(['third begins', 'second gone', 'first gone', 'error uncaught', 'exit 1']);
  });

  test('on process.exit()', async () => {
    expect(await inWorker(`${TWO} process.exit(4);`)).toEqual(['third begins', 'second gone', 'first gone', 'exit 4']);
  });

  test('on double release: not again at its exit, after disposeThreadLocals()', async () => {
    const lines = await inWorker(
      `${TWO} const { disposed, failures } = await disposeThreadLocals(); say(disposed + ' ' + failures.length);`,
    );
    expect(lines).toEqual(['third begins', 'third gone', 'second gone', 'first gone', '3 1', 'exit 0']);
  });

  test('on cancel: not at all when it is terminated, as no code runs in it any more', async () => {
    const lines = await inWorker(
      `${TWO} require('node:worker_threads').parentPort.postMessage(1); setInterval(() => {}, 1000);`,
    );
    expect(lines).toEqual(['exit 1']);
  });
});
