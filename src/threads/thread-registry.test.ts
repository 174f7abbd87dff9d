import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { BroadcastChannel, Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Scope } from '../scope/index.js';
import { type CleanupReport, ThreadRegistry } from './index.js';
import { LOCALS_CHANNEL } from './thread-local.js';

let registry: ThreadRegistry;
const workers: Worker[] = [];
beforeEach(() => {
  registry = new ThreadRegistry({ sweepEveryMs: 0 });
});
afterEach(async () => {
  await registry.close();
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

/** A thread that waits for messages: `exit` ends it, `spin` blocks it. */
const WAITING = `
  const { parentPort, threadId, BroadcastChannel } = require('node:worker_threads');
  const locals = new BroadcastChannel('${LOCALS_CHANNEL}');
  locals.unref();
  parentPort.on('message', (message) => {
    if (message === 'exit') process.exit(0);
    if (message === 'spin') { parentPort.postMessage('spinning'); for (;;); }
    if (message.hold) locals.postMessage({ threadId, id: message.id, state: 'held', name: message.hold, description: message.description });
    if (message.drop) locals.postMessage({ threadId, id: message.drop, state: 'gone', name: '' });
    parentPort.postMessage('done');
  });
  parentPort.postMessage('ready');`;
const NATIVE = `
  require('node:worker_threads').parentPort.postMessage('ready');
  require('node:crypto').pbkdf2Sync('password', 'salt', 2_000_000, 64, 'sha512');`;

async function start(source = WAITING): Promise<Worker> {
  const worker = new Worker(source, { eval: true });
  workers.push(worker);
  await once(worker, 'message');
  return worker;
}
async function tell(worker: Worker, message: unknown): Promise<void> {
  worker.postMessage(message);
  await once(worker, 'message');
}
const named = (name: string) => registry.list().find((thread) => thread.name === name);

describe('ThreadRegistry', () => {
  test('sees every worker that is started, and forgets each that ends', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    registry.register(first!, { name: 'indexer', owner: 'search' });
    expect(registry.list()).toMatchObject([
      { name: 'indexer', owner: 'search', isRegistered: true, threadId: first!.threadId },
      { name: `thread ${second!.threadId}`, owner: undefined, isRegistered: false },
    ]);
    expect(registry.statistics).toMatchObject({ created: 2, ended: 0, active: 2, tracked: 2, registered: 1 });
    const exit = once(first!, 'exit');
    first!.postMessage('exit');
    await exit;
    await second!.terminate();
    expect(registry.list()).toEqual([]);
    expect(registry.statistics).toMatchObject({ created: 2, ended: 2, active: 0, tracked: 0, registered: 0 });
  });

  test('100 threads that come and go leave no record', async () => {
    for (let round = 0; round < 10; round++) {
      const batch = await Promise.all(Array.from({ length: 10 }, () => start()));
      for (const worker of batch) registry.register(worker, { name: 'short' });
      expect((await registry.closeAll()).ended).toBe(10);
      workers.length = 0;
    }
    expect(registry.statistics).toMatchObject({ created: 100, ended: 100, active: 0, tracked: 0, cleanedUp: 100 });
  });

  test('list() tells a blocked thread from one that rests', async () => {
    const [resting, spinning] = await Promise.all([start(), start()]);
    registry.register(resting!, { name: 'resting' });
    registry.register(spinning!, { name: 'spinning' });
    await tell(spinning!, 'spin');
    registry.list();
    // Passes when the loop of the one has stood still for a second: nothing else can show it.
    while ((named('spinning')?.state ?? '') !== 'blocked') await new Promise(setImmediate);
    expect(named('resting')).toMatchObject({ state: 'idle' });
    expect(named('resting')!.heartbeatAgeMs).toBeLessThan(100);
    expect(named('spinning')!.heartbeatAgeMs).toBeGreaterThan(1_000);
  });

  test('register() refuses an ended worker and a closed registry', async () => {
    const worker = await start();
    await worker.terminate();
    expect(() => registry.register(worker, {})).toThrow(expect.objectContaining({ code: 'WT_THREADS_ENDED' }));
    const other = await start();
    await registry.close();
    expect(() => registry.register(other, {})).toThrow(expect.objectContaining({ code: 'WT_THREADS_REGISTRY_CLOSED' }));
  });

  test('a registry that is closed leaves no listener on the process', async () => {
    const before = ['worker', 'exit'].map((event) => process.listenerCount(event));
    const registries = Array.from({ length: 5 }, () => new ThreadRegistry());
    await Promise.all(registries.map((each) => each.close()));
    expect(['worker', 'exit'].map((event) => process.listenerCount(event))).toEqual(before);
  });

  test('refuses wrong times, naming them', () => {
    expect(() => new ThreadRegistry({ idleMs: -1 })).toThrow('idleMs must be 0 or more ms, not -1');
    expect(() => registry.sweep({ timeoutMs: Number.NaN })).toThrow(RangeError);
  });

  test.each([
    [5, 'options must be an object, not the number 5'],
    [{ owner: {} }, 'there is no option "owner"; there are scope, sweepEveryMs, idleMs, onSweep'],
    [{ scope: {} }, 'scope must be a Scope, not an object'],
    [{ onSweep: 5 }, 'onSweep must be a function, not the number 5'],
  ])('refuses options %#, saying why, and listens to nothing', (options, message) => {
    const before = process.listenerCount('worker');
    expect(() => new ThreadRegistry(options as never)).toThrow(TypeError);
    expect(() => new ThreadRegistry(options as never)).toThrow(message);
    expect(process.listenerCount('worker')).toBe(before);
  });

  test('register() refuses at once what is no worker, and a wrong registration', async () => {
    const worker = await start();
    const wrong =
      (...given: unknown[]) =>
      () =>
        registry.register(...(given as [Worker, object]));
    expect(wrong({}, {})).toThrow('worker must be a Worker of node:worker_threads, not an object');
    expect(wrong({}, {})).toThrow(TypeError);
    expect(wrong(worker)).toThrow('options must be an object, not undefined');
    expect(wrong(worker, { idleMs: 5 })).toThrow('there is no option "idleMs"; there are name, owner, idle, end');
    expect(wrong(worker, { idle: 'loop' })).toThrow('idle must be a function, not the text "loop"');
    expect(wrong(worker, { end: 5 })).toThrow('end must be a function, not the number 5');
    expect(wrong(worker, { name: 5 })).toThrow('name must be a text, not the number 5');
    expect(registry.statistics).toMatchObject({ tracked: 1, registered: 0 });
  });

  test('a call with wrong options changes nothing', async () => {
    expect(() => registry.close(50 as never)).toThrow('options must be an object, not the number 50');
    expect(() => registry.closeAll({ timeout: 5 } as never)).toThrow('there is no option "timeout"');
    expect(() => registry.sweep(5 as never)).toThrow(TypeError);
    expect(() => registry.onLeftBehind('lock', 5 as never)).toThrow('release must be a function, not the number 5');
    expect(() => registry.onLeftBehind(5 as never, () => {})).toThrow('name must be a text, not the number 5');
    expect(registry.isClosed).toBe(false);
  });
});

describe('ThreadRegistry.sweep()', () => {
  test('ends threads that are idle for longer, and never one that works or has no idle notion', async () => {
    const [idle, working, plain] = await Promise.all([start(), start(), start()]);
    registry.register(idle!, { name: 'idle', idle: () => 31 * 60_000 });
    registry.register(working!, { name: 'working', idle: () => null });
    registry.register(plain!, { name: 'plain' });
    const foreign = await start();
    const report = await registry.sweep();
    expect(report).toMatchObject({ status: 'completed', initial: 1, ended: 1, remaining: 0, failures: [], stuck: [] });
    expect(registry.list().map(({ name }) => name)).toEqual(['working', 'plain', `thread ${foreign.threadId}`]);
    expect(await registry.sweep()).toMatchObject({ initial: 0 });
  });

  test("'event-loop' counts from the last turn of the thread's loop", async () => {
    const worker = await start();
    registry.register(worker, { name: 'loop', idle: 'event-loop' });
    registry.list();
    while (named('loop')!.idleMs! < 300) await new Promise(setImmediate);
    await tell(worker, { drop: 1 });
    expect(named('loop')!.idleMs).toBeLessThan(300);
    expect(await registry.sweep({ idleMs: 10_000 })).toMatchObject({ initial: 0 });
    expect(await registry.sweep({ idleMs: 0 })).toMatchObject({ initial: 1, ended: 1 });
  });

  test('asks by end() first, and only terminates what is not gone then', async () => {
    const worker = await start();
    const code = once(worker, 'exit');
    registry.register(worker, {
      idle: () => 1,
      end: async () => {
        worker.postMessage('exit');
        await code;
      },
    });
    expect(await registry.sweep({ idleMs: 0 })).toMatchObject({ ended: 1, failures: [] });
    expect(await code).toEqual([0]);
  });

  test('runs in the background and stops with its owner', async () => {
    const scope = new Scope('owner');
    const reports: CleanupReport[] = [];
    let resolve = () => {};
    const swept = new Promise<void>((done) => {
      resolve = done;
    });
    const own = new ThreadRegistry({
      scope,
      sweepEveryMs: 10,
      idleMs: 5,
      onSweep: (report) => {
        reports.push(report);
        resolve();
      },
    });
    own.register(await start(), { name: 'stale', idle: () => 6 });
    await swept;
    expect(reports).toMatchObject([{ initial: 1, ended: 1 }]);
    expect(await scope.close()).toMatchObject({ status: 'completed' });
    expect(own.isClosed).toBe(true);
  });
});

describe('ThreadRegistry.closeAll()', () => {
  test('ends what is registered and leaves threads of others alone', async () => {
    const [own, foreign] = await Promise.all([start(), start()]);
    registry.register(own!, { name: 'own' });
    expect(await registry.closeAll()).toMatchObject({ status: 'completed', initial: 1, ended: 1 });
    expect(registry.list()).toMatchObject([{ threadId: foreign!.threadId }]);
    await tell(foreign!, { drop: 1 });
  });

  test('ends a spinning thread, and one whose end() throws or never settles, keeping the failures', async () => {
    const [spinning, throwing, hanging] = await Promise.all([start(), start(), start()]);
    await tell(spinning!, 'spin');
    registry.register(spinning!, { name: 'spinning' });
    registry.register(throwing!, {
      name: 'throwing',
      end: () => {
        throw new Error('no end');
      },
    });
    registry.register(hanging!, { name: 'hanging', end: () => new Promise(() => {}) });
    const report = await registry.closeAll({ timeoutMs: 300 });
    expect(report).toMatchObject({ status: 'failed', initial: 3, ended: 3, remaining: 0, stuck: [] });
    expect(report.failures).toMatchObject([
      { name: 'throwing', phase: 'end', error: { message: 'no end' } },
      { name: 'hanging', phase: 'end', error: { code: 'WT_THREADS_END_TIMEOUT' } },
    ]);
    expect(report.durationMs).toBeLessThan(350);
    expect(registry.statistics).toMatchObject({ cleanupFailures: 2, ended: 3 });
  });

  test('returns by its deadline + 50 ms when native code holds a thread, and names it', async () => {
    const worker = await start(NATIVE);
    // Without end() it would be terminated before it has entered native code.
    registry.register(worker, { name: 'hashing', end: () => new Promise(() => {}) });
    const report = await registry.closeAll({ timeoutMs: 100 });
    expect(report.durationMs).toBeLessThan(150);
    expect(report).toMatchObject({ status: 'timeout', initial: 1, ended: 0, remaining: 1 });
    expect(report.stuck).toMatchObject([{ name: 'hashing', state: 'unresponsive' }]);
    await once(worker, 'exit');
    expect(registry.statistics).toMatchObject({ tracked: 0, active: 0 });
  });
});

describe('ThreadRegistry with nested and concurrent cleanups (B1)', () => {
  test('force inside stale inside force, from callbacks, with live threads: returns, and each end runs once', async () => {
    const calls: string[] = [];
    const nested: CleanupReport[] = [];
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) {
      registry.register(await start(), {
        name,
        idle: () => 60_000,
        end: async () => {
          calls.push(name);
          nested.push(await registry.sweep({ idleMs: 0 }));
          await new Promise(setImmediate);
          nested.push(await registry.closeAll());
          nested.push(await registry.sweep({ idleMs: 0 }));
        },
      });
    }
    const startedAt = performance.now();
    const reports = await Promise.all([
      registry.sweep({ idleMs: 0 }),
      registry.closeAll(),
      registry.sweep({ idleMs: 0 }),
      registry.closeAll(),
    ]);
    // Every call has 10 s: far less means that none waited for itself.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(calls.sort()).toEqual(names);
    expect(nested).toHaveLength(3 * names.length);
    for (const report of reports) expect(report).toMatchObject({ status: 'completed', remaining: 0 });
    expect(registry.statistics).toMatchObject({ created: 4, ended: 4, tracked: 0, cleanupFailures: 0, cleanedUp: 4 });
  });

  test('a nested force begins the ends that nobody has begun, and waits for them', async () => {
    const [outer, inner] = await Promise.all([start(), start()]);
    let seen: CleanupReport | undefined;
    registry.register(inner!, { name: 'inner' });
    registry.register(outer!, {
      name: 'outer',
      idle: () => 1,
      end: async () => {
        seen = await registry.closeAll();
      },
    });
    expect(await registry.sweep({ idleMs: 0 })).toMatchObject({ initial: 1, ended: 1 });
    expect(seen).toMatchObject({ status: 'completed', initial: 2, ended: 1, remaining: 1, endingElsewhere: 1 });
    expect(registry.list()).toEqual([]);
  });

  test('a release of what was left behind may force a cleanup, too', async () => {
    const [gone, other] = await Promise.all([start(), start()]);
    registry.register(other!, { name: 'other' });
    const done = new Promise<CleanupReport>((resolve) => {
      registry.onLeftBehind('lock', async () => resolve(await registry.closeAll()));
    });
    await tell(gone!, { hold: 'lock', id: 1, description: 'x' });
    await gone!.terminate();
    expect(await done).toMatchObject({ status: 'completed', ended: 1 });
  });

  test('a cleanup that goes on after its time is over does not hold up later ones', async () => {
    const worker = await start();
    let go = () => {};
    const late = new Promise<void>((resolve) => {
      go = resolve;
    });
    let after: Promise<CleanupReport> | undefined;
    registry.register(worker, {
      end: async () => {
        await late;
        after = registry.closeAll();
        await after;
      },
    });
    const exit = once(worker, 'exit');
    await registry.closeAll({ timeoutMs: 60 });
    await exit;
    go();
    while (after === undefined) await new Promise(setImmediate);
    expect(await after).toMatchObject({ initial: 0 });
  });

  test('close() from inside its own cleanup returns', async () => {
    const worker = await start();
    const own = new ThreadRegistry({ sweepEveryMs: 0 });
    own.register(worker, { end: () => own.closeAll() });
    expect(await own.close()).toMatchObject({ status: 'completed', ended: 1 });
  });
});

describe('ThreadRegistry.onLeftBehind()', () => {
  test('releases newest first, once, what a terminated thread had not disposed of', async () => {
    const worker = await start();
    const released: unknown[] = [];
    registry.onLeftBehind('folder', (path) => released.push(path));
    for (const id of [1, 2, 3]) await tell(worker, { hold: 'folder', id, description: `/tmp/${id}` });
    await tell(worker, { hold: 'memory', id: 4 });
    await tell(worker, { drop: 2 });
    while (registry.statistics.cachedLocals !== 3) await new Promise(setImmediate);
    await worker.terminate();
    while (registry.statistics.cleanedUp === 0) await new Promise(setImmediate);
    expect(released).toEqual(['/tmp/3', '/tmp/1']);
    expect(registry.statistics).toMatchObject({ cachedLocals: 0, cleanedUp: 1, cleanupFailures: 0 });
  });

  test('what was posted right before the end is not lost, also when this thread was busy meanwhile', async () => {
    const released: unknown[] = [];
    registry.onLeftBehind('late', (value) => released.push(value));
    const worker = await start(
      `const { BroadcastChannel, parentPort, threadId } = require('node:worker_threads');
       const locals = new BroadcastChannel('${LOCALS_CHANNEL}');
       parentPort.once('message', () => {
         for (let id = 0; id < 100; id++) locals.postMessage({ threadId, id, state: 'held', name: 'late', description: id });
         process.reallyExit(0);
       });
       parentPort.postMessage('ready');`,
    );
    worker.postMessage('go');
    // Busy: so the messages and the exit are all there when the loop turns, and the exit is seen first.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await once(worker, 'exit');
    while (registry.statistics.cleanedUp === 0) await new Promise(setImmediate);
    expect(released).toEqual(Array.from({ length: 100 }, (_, i) => 99 - i));
  });

  test('keeps the failures of releases, waits for them inside a cleanup, and counts them', async () => {
    const worker = await start();
    registry.register(worker, { name: 'holder' });
    registry.onLeftBehind('one', async () => {
      await new Promise(setImmediate);
      throw new Error('cannot');
    });
    const released: unknown[] = [];
    registry.onLeftBehind('two', (value) => released.push(value));
    await tell(worker, { hold: 'two', id: 1, description: 'ok' });
    await tell(worker, { hold: 'one', id: 2, description: 'bad' });
    const report = await registry.closeAll();
    expect(released).toEqual(['ok']);
    expect(report).toMatchObject({
      status: 'failed',
      ended: 1,
      failures: [{ name: 'holder', phase: 'left-behind', error: { message: 'cannot' } }],
    });
    expect(registry.statistics).toMatchObject({ cleanupFailures: 1, cleanedUp: 0 });
  });

  test('a name has one release at a time, and strangers on the channel are ignored', async () => {
    const owned = registry.onLeftBehind('x', () => {});
    expect(() => registry.onLeftBehind('x', () => {})).toThrow('name must have no release yet, not "x"');
    owned.detach();
    registry.onLeftBehind('x', () => {});
    const channel = new BroadcastChannel(LOCALS_CHANNEL);
    for (const message of [
      null,
      7,
      {},
      { threadId: 'x' },
      { threadId: 1, id: 2, name: 'x', state: 'maybe' },
      { threadId: 1, id: 2, name: 'x', state: 'failed' },
    ])
      channel.postMessage(message);
    channel.postMessage({ threadId: 0, id: 900, name: 'main', state: 'held' });
    while (registry.statistics.cachedLocals === 0) await new Promise(setImmediate);
    expect(registry.statistics.cachedLocals).toBe(1);
    channel.close();
  });

  test('at the exit of the process what is synchronous is released', async () => {
    const source = `
      import { once } from 'node:events';
      import { Worker } from 'node:worker_threads';
      import { ThreadRegistry } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
      const registry = new ThreadRegistry();
      registry.onLeftBehind('folder', (path) => console.log('released', path));
      const worker = new Worker(${JSON.stringify(WAITING)}, { eval: true, execArgv: [] });
      await once(worker, 'message');
      for (const id of [1, 2]) {
        worker.postMessage({ hold: 'folder', id, description: id });
        await once(worker, 'message');
      }
      process.exit(3);`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const [code] = await once(child, 'close');
    expect({ code, output }).toEqual({ code: 3, output: 'released 2\nreleased 1\n' });
  });
});

describe('a registered thread ends', () => {
  test('on success, throw and double close: once, and the owner has nothing left', async () => {
    const scope = new Scope('owner');
    const own = new ThreadRegistry({ scope, sweepEveryMs: 0 });
    let asked = 0;
    const worker = await start();
    own.register(worker, { end: () => asked++ });
    const failing = await start();
    failing.on('error', () => {});
    own.register(failing, { name: 'failing', end: () => asked++ });
    await Promise.all([own.close(), own.close(), own[Symbol.asyncDispose]()]);
    expect({ asked, size: scope.size }).toEqual({ asked: 2, size: 0 });
    await scope.close();
  });

  test('on its owner closing while a sweep waits: both return, and end() runs once', async () => {
    const scope = new Scope('owner');
    const own = new ThreadRegistry({ scope, sweepEveryMs: 0 });
    const worker = await start();
    let asked = 0;
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    own.register(worker, {
      idle: () => 1,
      end: () => {
        asked++;
        return gate;
      },
    });
    const sweeping = own.sweep({ idleMs: 0 });
    const closing = scope.close();
    go();
    expect(await sweeping).toMatchObject({ status: 'completed', ended: 1 });
    expect(await closing).toMatchObject({ status: 'completed', remaining: 0 });
    expect(asked).toBe(1);
  });

  test('detach() hands it back: closing leaves it alive', async () => {
    const worker = await start();
    registry.register(worker, { name: 'mine' }).detach();
    expect(await registry.close()).toMatchObject({ initial: 0 });
    await tell(worker, { drop: 1 });
  });
});
