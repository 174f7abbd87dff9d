import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import fs, { openSync as importedOpenSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Frame, type Origin, OriginRecorder } from './index.js';

const THIS_FILE = 'origins.test.ts';

/** The native half of a handle goes in the close phase of the loop, after the event that tells of its end. */
const closePhases = async () => {
  for (let turn = 0; turn < 2; turn++) await new Promise(setImmediate);
};

describe('OriginRecorder', () => {
  let recorder: OriginRecorder;
  let folder: string;

  beforeEach(() => {
    folder = fs.mkdtempSync(join(tmpdir(), 'wt-origins-'));
    recorder = new OriginRecorder();
    recorder.start();
  });

  afterEach(() => {
    recorder.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  });

  const madeBy = (name: string): Origin[] => recorder.report().filter((origin) => origin.stack[0]?.function === name);
  const expectPlace = (stack: readonly Frame[] | undefined, name: string) => {
    expect(stack?.[0]).toMatchObject({ function: name, file: expect.stringContaining(THIS_FILE) });
    expect(stack?.[0]?.line).toBeGreaterThan(0);
  };

  test('report() counts timers by their line, and how many are not cleared', () => {
    function forgetTimers() {
      return Array.from({ length: 100 }, () => setInterval(() => {}, 60_000));
    }
    const timers = forgetTimers();
    for (const timer of timers.slice(0, 30)) clearInterval(timer);
    const [origin] = recorder.report().filter(({ stack }) => stack.some((frame) => frame.function === 'forgetTimers'));
    expect(origin).toMatchObject({ kind: 'timer', label: 'setInterval 60000 ms', count: 100, live: 70 });
    expect(origin?.stack.every((frame) => !frame.file.startsWith('node:'))).toBe(true);
    for (const timer of timers) clearInterval(timer);
    expect(recorder.report().find(({ label }) => label === origin?.label)?.live).toBe(0);
  });

  test('report() drops the delay from the label of timers that differ in it, and sees unref and refresh', async () => {
    function varyTimers() {
      return [1, 60_000].map((delay) => setTimeout(() => {}, delay).unref());
    }
    const [short, long] = varyTimers();
    const fired = new Promise<void>((resolve) => setTimeout(resolve, 5));
    await fired;
    const timers = () => recorder.report().find(({ stack }) => stack.some(({ function: f }) => f === 'varyTimers'));
    expect(timers()).toMatchObject({ label: 'setTimeout', count: 2, live: 1 });
    short?.refresh();
    clearTimeout(short);
    clearTimeout(long);
    expect(timers()?.live).toBe(0);
  });

  test('stackOfDescriptor() knows who opened a descriptor on each of the three ways', async () => {
    const path = join(folder, 'a');
    function openNow() {
      return fs.openSync(path, 'w');
    }
    const fd = openNow();
    expectPlace(recorder.stackOfDescriptor(fd), 'openNow');
    expectPlace(recorder.pathOrigin(path), 'openNow');
    function openLater() {
      return promisify(fs.open)(path, 'r');
    }
    const later = await openLater();
    expectPlace(recorder.stackOfDescriptor(later), 'openLater');
    function openHandle() {
      return fs.promises.open(path, 'r');
    }
    const handle = await openHandle();
    expectPlace(recorder.stackOfDescriptor(handle.fd), 'openHandle');

    expect(madeBy('openLater')).toMatchObject([{ kind: 'descriptor', count: 1, live: 1 }]);
    fs.closeSync(fd);
    await promisify(fs.close)(later);
    await handle.close();
    for (const name of ['openNow', 'openLater', 'openHandle']) {
      expect(madeBy(name)).toMatchObject([{ count: 1, live: 0 }]);
    }
    expect(recorder.stackOfDescriptor(fd)).toBeUndefined();
  });

  test('a named import of node:fs is seen', () => {
    function openImported() {
      return importedOpenSync(join(folder, 'b'), 'w');
    }
    const fd = openImported();
    expectPlace(recorder.stackOfDescriptor(fd), 'openImported');
    fs.closeSync(fd);
  });

  test('a stream that opens its file a tick later is found by the line that made it', async () => {
    const path = join(folder, 'stream');
    function startStream() {
      return fs.createWriteStream(path);
    }
    const stream = startStream();
    const [fd] = (await once(stream, 'open')) as [number];
    expectPlace(recorder.stackOfDescriptor(fd), 'startStream');
    expectPlace(recorder.pathOrigin(path), 'startStream');
    stream.end();
    await once(stream, 'close');
    expect(recorder.report().filter((o) => o.kind === 'descriptor' && o.live > 0)).toEqual([]);
  });

  test('pathOrigin() knows temp folders and files however they were made', async () => {
    function makeSync() {
      return fs.mkdtempSync(join(folder, 's-'));
    }
    function makeLater() {
      return promisify(fs.mkdtemp)(join(folder, 'l-'));
    }
    function makePromise() {
      return fs.promises.mkdtemp(join(folder, 'p-'));
    }
    async function writeFile() {
      await fs.promises.writeFile(join(folder, 'w'), '');
    }
    expectPlace(recorder.pathOrigin(makeSync()), 'makeSync');
    expectPlace(recorder.pathOrigin(await makeLater()), 'makeLater');
    expectPlace(recorder.pathOrigin(await makePromise()), 'makePromise');
    await writeFile();
    expectPlace(recorder.pathOrigin(join(folder, 'w')), 'writeFile');
    expect(recorder.pathOrigin(join(folder, 'nobody'))).toBeUndefined();
  });

  test('accepted sockets belong to the line that made their server listen', async () => {
    function listen() {
      return createServer().listen(0, '127.0.0.1');
    }
    const server = listen();
    await once(server, 'listening');
    function dial() {
      return connect((server.address() as AddressInfo).port, '127.0.0.1');
    }
    const client = dial();
    const [accepted] = (await once(server, 'connection')) as [Socket];
    await once(client, 'connect');
    expect(madeBy('dial').filter((o) => o.kind === 'socket')).toMatchObject([
      { label: 'TCP socket', count: 1, live: 1 },
    ]);
    const sockets = madeBy('listen').filter((o) => o.label === 'TCP socket');
    expect(sockets).toMatchObject([{ kind: 'socket', count: 1, live: 1 }]);
    const { fd } = (client as unknown as { _handle: { fd: number } })._handle;
    expectPlace(recorder.stackOfDescriptor(fd), 'dial');
    client.destroy();
    accepted.destroy();
    server.close();
    await once(server, 'close');
    await closePhases();
    expect(recorder.report().filter((o) => o.kind === 'socket' && o.live > 0)).toEqual([]);
  });

  test('child processes and workers are found, and are dead after their exit', async () => {
    function startChild() {
      return spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    }
    function startWorker() {
      return new Worker('require("worker_threads").parentPort.once("message", () => {})', { eval: true });
    }
    const child = startChild();
    const worker = startWorker();
    const live = (kind: string, name: string) =>
      recorder.report().find((o) => o.kind === kind && o.stack[0]?.function === name)?.live;
    expect(live('child-process', 'startChild')).toBe(1);
    expect(live('thread', 'startWorker')).toBe(1);
    child.stdin?.end();
    worker.postMessage('stop');
    await Promise.all([once(child, 'close'), once(worker, 'exit')]);
    await closePhases();
    expect(live('child-process', 'startChild')).toBe(0);
  });

  test('listeners are named by class and event, once for once(), and dead when removed', () => {
    class Bus extends EventEmitter {}
    const bus = new Bus().setMaxListeners(0);
    const remove: (() => void)[] = [];
    function subscribe() {
      const listener = () => {};
      bus.once('tick', listener);
      remove.push(() => bus.off('tick', listener));
    }
    for (let i = 0; i < 200; i++) subscribe();
    for (const undo of remove.slice(0, 150)) undo();
    expect(madeBy('subscribe')).toMatchObject([{ kind: 'listener', label: 'Bus "tick"', count: 200, live: 50 }]);
    bus.emit('tick');
    expect(madeBy('subscribe')).toMatchObject([{ live: 0 }]);
  });

  test('listeners of an EventTarget are found; one added twice lives once', () => {
    const { signal } = new AbortController();
    const listener = () => {};
    function watch() {
      for (let i = 0; i < 3; i++) signal.addEventListener('abort', listener);
    }
    watch();
    expect(madeBy('watch')).toMatchObject([{ label: 'AbortSignal "abort"', count: 3, live: 1 }]);
    signal.removeEventListener('abort', listener);
    expect(madeBy('watch')).toMatchObject([{ live: 0 }]);
  });

  test('wrappers keep names, lengths, own properties, errors and the settings of Error', () => {
    recorder.stop();
    const before = [fs.openSync, fs.close, fs.promises.open, EventEmitter.prototype.on] as const;
    const shape = (fn: object) => Object.getOwnPropertyDescriptors(fn);
    const shapes = before.map(shape);
    const prepare = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
    const limit = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit');
    recorder.start();
    const during = [fs.openSync, fs.close, fs.promises.open, EventEmitter.prototype.on] as const;
    expect(during.map((fn, i) => fn === (before[i] as unknown))).toEqual([false, false, false, false]);
    expect(during.map(shape)).toEqual(shapes);
    expect(EventEmitter.prototype.addListener).toBe(EventEmitter.prototype.on);
    expect(() => fs.openSync(join(folder, 'missing'), 'r')).toThrow(/ENOENT/);
    expect(() => fs.openSync(undefined as never, 'r')).toThrow(TypeError);
    clearTimeout(setTimeout(() => {}, 1));
    expect(Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace')).toEqual(prepare);
    expect(Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')).toEqual(limit);
    recorder.stop();
    expect([fs.openSync, fs.close, fs.promises.open, EventEmitter.prototype.on]).toEqual(before);
    expect(during[0](join(folder, 'dormant'), 'w')).toBeGreaterThan(2);
    expect(recorder.pathOrigin(join(folder, 'dormant'))).toBeUndefined();
  });

  test('a rejection that nobody handles is still reported once, by the promise that the caller got', async () => {
    const seen: unknown[] = [];
    const previous = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    const reported = new Promise<void>((resolve) => {
      process.on('unhandledRejection', (_reason, promise) => {
        seen.push(promise);
        resolve();
      });
    });
    const promise = fs.promises.open(join(folder, 'missing'), 'r');
    await reported;
    await new Promise(setImmediate);
    process.removeAllListeners('unhandledRejection');
    for (const listener of previous) process.on('unhandledRejection', listener);
    expect(seen).toEqual([promise]);
  });

  test('start() of a second recorder is refused; reset() forgets', () => {
    expect(() => new OriginRecorder().start()).toThrow(expect.objectContaining({ code: 'WT_MONITOR_RECORDING' }));
    clearTimeout(setTimeout(() => {}, 1));
    expect(recorder.report().length).toBeGreaterThan(0);
    recorder.reset();
    expect(recorder.report()).toEqual([]);
  });

  test('groups are bounded, and the count stays true beyond the bound', () => {
    const bus = new EventEmitter();
    function addMany() {
      for (let i = 0; i < 2_500; i++) bus.on(`event ${i}`, () => {});
    }
    addMany();
    const origins = recorder.report().filter((origin) => origin.kind === 'listener');
    expect(origins.length).toBeLessThanOrEqual(2_001);
    const total = origins.reduce((sum, origin) => sum + origin.live, 0);
    expect(total).toBeGreaterThanOrEqual(2_500);
  });

  test.runIf(globalThis.gc)('recorded objects can be collected', async () => {
    const reference = (() => {
      const bus = new EventEmitter().on('x', () => {});
      return new WeakRef(bus);
    })();
    await new Promise(setImmediate);
    globalThis.gc?.();
    expect(reference.deref()).toBeUndefined();
  });
});
