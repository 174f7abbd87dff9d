import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { reclaim } from '../../src/leases/index.js';
import { FOLDERS, removeFolders } from '../../src/leases/own-lease-folder.fixture.js';
import { bundleProgram, OwnerProcess } from '../../src/leases/owner-process.fixture.js';
import { Segment, type SegmentHandle, Signal } from '../../src/shm/index.js';

const REPETITIONS = process.env.WATERTIGHT_STRESS ? 20 : 3;

let program: string;
const processes: OwnerProcess[] = [];
const segments: Segment[] = [];

beforeAll(async () => {
  program = await bundleProgram(new URL('./segment-program.ts', import.meta.url));
});
afterEach(async () => {
  for (const segment of segments.splice(0)) segment.close();
  await Promise.all(processes.splice(0).map((one) => one.kill()));
  await reclaim();
});
afterAll(() => {
  rmSync(program);
  removeFolders();
});

function start(env: Record<string, string> = {}, launcher: readonly string[] = []): OwnerProcess {
  const started = new OwnerProcess(program, env, launcher);
  processes.push(started);
  return started;
}

function made(bytes: number, name?: string): Segment {
  const segment = Segment.create(name === undefined ? { bytes } : { bytes, name });
  segments.push(segment);
  return segment;
}

const words = (segment: Segment) => new Int32Array(segment.buffer, 0, segment.bytes >> 2);
const named = () => readdirSync(FOLDERS.leases).filter((name) => name.includes('.segment'));

describe.each([
  ['without a name', undefined],
  ['with a name', 'shared'],
])('a segment %s', (_, name) => {
  it('is the same memory in another process, in both directions, with exact atomics', async () => {
    const segment = made(8192, name);
    const other = start();
    const index = await other.ask<number>('open', segment.handle);
    words(segment)[1] = 41;
    expect(await other.ask('read', index, 1)).toBe(41);
    const adding = other.ask('add', index, 0, 300_000);
    for (let step = 0; step < 300_000; step++) Atomics.add(words(segment), 0, 1);
    await adding;
    expect(words(segment)[0]).toBe(600_000);
  });

  it('outlives the process that made it while another holds it, and is passed on by that one', async () => {
    const maker = start();
    const holder = start();
    await maker.ask('create', 4096, name);
    await maker.ask('write', 0, 5, 77);
    await holder.ask('open', await maker.ask('handle', 0));
    await maker.kill();
    await reclaim();
    expect(await holder.ask('read', 0, 5)).toBe(77);
    const segment = Segment.open(await holder.ask<SegmentHandle>('handle', 0));
    segments.push(segment);
    expect(words(segment)[5]).toBe(77);
    if (name !== undefined) {
      const found = Segment.open(name);
      segments.push(found);
      expect(words(found)[5]).toBe(77);
      found.close();
    }
    segment.close();
    await holder.kill();
    await reclaim();
    expect(named()).toEqual([]);
  });

  it('reads zeros after close, in views that were made before', async () => {
    const segment = made(4096, name);
    const view = words(segment);
    view.fill(3);
    segment.close();
    segment.close();
    expect(view.every((word) => word === 0)).toBe(true);
    view[0] = 1;
    expect(named()).toEqual([]);
    expect(() => segment.handle).toThrow(expect.objectContaining({ code: 'WT_SHM_CLOSED' }));
  });

  it('is opened in a worker of this process, which may close and end before us', async () => {
    const segment = made(4096, name);
    const worker = new Worker(program, { execArgv: [], stdin: false });
    await worker.terminate();
    const other = Segment.open(structuredClone(segment.handle));
    words(other)[0] = 9;
    expect(words(segment)[0]).toBe(9);
    other.close();
    expect(words(segment)[0]).toBe(9);
  });

  it('leaves no orphan when its maker is killed at any step of making or opening', async () => {
    const source = made(4096, name);
    for (const [order, ...values] of [
      ['create', 4096, name],
      ['open', source.handle],
    ] as const) {
      for (let killAt = 0; ; killAt++) {
        const cut = start({ WATERTIGHT_TEST_KILL_AT: String(killAt) });
        const isCut = await cut.isCutBy(order, ...values);
        await cut.kill();
        await reclaim();
        expect(named(), `killed at call ${killAt} of ${order}`).toHaveLength(name === undefined ? 0 : 1);
        if (!isCut) {
          expect(killAt).toBeGreaterThan(4);
          break;
        }
      }
    }
    expect(words(source)[0]).toBe(0);
  });
});

describe('E2: writers killed at random', () => {
  it('leave nothing after a reclaim, and a live one loses nothing', async () => {
    const living = start();
    await living.ask('createMany', 10, 'living');
    for (let round = 0; round < REPETITIONS; round++) {
      const writers = Array.from({ length: 4 }, () => start());
      const writing = writers.map((writer) => writer.ask('createMany', 50, 'writer').catch(() => {}));
      await Promise.race(writing);
      await Promise.all(writers.map((writer) => writer.kill()));
      await Promise.all(writing);
      await Promise.all([reclaim(), reclaim(), living.ask('reclaim')]);
      expect(named()).toHaveLength(10);
    }
    for (let index = 0; index < 10; index++) expect(await living.ask('read', index, 0)).toBe(0);
  });
});

describe('Signal', () => {
  it('wakes another process that waits, and is not missed when it came first', async () => {
    const segment = made(4096);
    const other = start();
    await other.ask('open', segment.handle);
    const signal = new Signal(segment, 0);
    const waiting = other.ask('wait', 0, signal.count, 10_000);
    signal.notify();
    expect(await waiting).toBe('notified');
    expect(await other.ask('wait', 0, signal.count - 1, 10_000)).toBe('notified');
    expect(await other.ask('wait', 0, signal.count, 20)).toBe('timeout');
    const seen = signal.count;
    const aside = signal.waitAsync(seen, { timeoutMs: 10_000 });
    await other.ask('notify', 0);
    expect(await aside).toBe('notified');
  });

  it('many waits at once all end, and stop by their own signal or when the segment closes', async () => {
    const segment = made(4096);
    const signal = new Signal(segment, 0);
    const waits = Array.from({ length: 20 }, () => signal.waitAsync(0, { timeoutMs: 10_000 }));
    signal.notify();
    expect(new Set(await Promise.all(waits))).toEqual(new Set(['notified']));
    await expect(signal.waitAsync(1, { signal: AbortSignal.timeout(10) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
    const closed = expect(signal.waitAsync(1)).rejects.toMatchObject({ code: 'WT_SHM_CLOSED' });
    segment.close();
    await closed;
    expect(() => signal.notify()).toThrow(expect.objectContaining({ code: 'WT_SHM_CLOSED' }));
  });
});

it('Signal refuses what it cannot mean', async () => {
  const segment = made(4096);
  const signal = new Signal(segment, 0);
  expect(() => new Signal(segment.buffer as never)).toThrow(
    /segment must be a Segment, not a SharedArrayBuffer object/,
  );
  for (const offset of [-4, 2, 4092, 0.5, '0' as never]) expect(() => new Signal(segment, offset)).toThrow(RangeError);
  for (const seen of [Number.NaN, 'x', undefined, 2 ** 32 - 1] as never[])
    expect(() => signal.wait(seen, 1)).toThrow(TypeError);
  expect(() => signal.wait(0, -1)).toThrow(RangeError);
  await expect(signal.waitAsync(0, { timeout: 5 } as never)).rejects.toThrow(
    /no option "timeout"; there are timeoutMs, signal/,
  );
  await expect(signal.waitAsync(0, 5 as never)).rejects.toThrow(TypeError);
});

describe('hazards end in an error, never in a signal', () => {
  it('a full tmpfs: nothing is lost, and what is freed can be used', async () => {
    const full = start({ WATERTIGHT_LEASE_DIR: '/mnt' }, inTmpfs('size=1m'));
    expect(await full.ask('tryCreate', 512 * 1024, 'first')).toBeNull();
    await full.ask('write', 0, 0, 5);
    expect(await full.ask('tryCreate', 2 * 2 ** 20, 'second')).toMatchObject({ code: 'WT_SHM_FULL' });
    expect(await full.ask('tryCreate', 600 * 1024, 'third')).toMatchObject({ code: 'WT_SHM_FULL' });
    expect(await full.ask('read', 0, 0)).toBe(5);
    await full.ask('close', 0);
    expect(await full.ask('tryCreate', 600 * 1024, 'third')).toBeNull();
    await full.ask('fill', 1);
    expect(await full.ask<unknown[]>('list')).toHaveLength(1);
  });

  it('a tmpfs that is full of what a killed process left: made room in by itself', async () => {
    const folder = `${FOLDERS.temp}/small`;
    mkdirSync(folder);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    try {
      const [killed, next] = [start({ WATERTIGHT_LEASE_DIR: folder }), start({ WATERTIGHT_LEASE_DIR: folder })];
      await next.ask('create', 4096, 'early');
      await killed.ask('create', 700 * 1024, 'left');
      await killed.kill();
      expect(await next.ask('tryCreate', 700 * 1024, 'next')).toBeNull();
      await next.kill();
    } finally {
      execFileSync('umount', [folder]);
    }
  });

  it('a read-only tmpfs', async () => {
    const readOnly = start({ WATERTIGHT_LEASE_DIR: '/mnt' }, inTmpfs('ro'));
    expect(await readOnly.ask('tryCreate', 4096, 'name')).toMatchObject({
      code: 'WT_SHM_SYSTEM',
      message: expect.stringMatching(/EROFS/),
      hint: expect.stringMatching(/WATERTIGHT_LEASE_DIR/),
    });
    expect(await readOnly.ask('tryCreate', 4096)).toBeNull();
  });

  it('the size of a segment without a name cannot be changed by anyone', async () => {
    const other = start();
    await other.ask('open', made(4096).handle);
    expect(await other.ask('truncate', 0)).toMatchObject({ code: 'EPERM' });
  });

  it('a truncated, a replaced, a removed and a foreign file', async () => {
    const segment = made(8192, 'changed');
    const handle = segment.handle as SegmentHandle & { kind: 'named' };
    const path = `${FOLDERS.leases}/${handle.file}`;
    const other = start();
    const attempt = (from: unknown) => other.ask<{ code: string; message: string }>('tryOpen', from);
    truncateSync(path, 4096);
    expect(await attempt(handle)).toMatchObject({
      code: 'WT_SHM_CHANGED',
      message: expect.stringMatching(/4096 bytes where 8192/),
    });
    truncateSync(path, 8192);
    expect(await attempt(handle)).toBeNull();
    linkSync(path, `${path}x`);
    rmSync(path);
    expect(await attempt(handle)).toMatchObject({ code: 'WT_SHM_GONE' });
    writeFileSync(path, Buffer.alloc(8192));
    expect(await attempt(handle)).toMatchObject({ code: 'WT_SHM_GONE' });
    rmSync(path);
    symlinkSync('/etc/passwd', path);
    expect(await attempt(handle)).toMatchObject({ code: 'WT_SHM_SYSTEM' });
    rmSync(path);
    mkdirSync(path);
    expect(await attempt(handle)).toMatchObject({ code: 'WT_SHM_SYSTEM' });
    rmSync(path, { recursive: true });
    execFileSync('mv', [`${path}x`, path]);
    execFileSync('chown', ['65534', path]);
    expect(await attempt(handle)).toMatchObject({
      code: 'WT_SHM_CHANGED',
      message: expect.stringMatching(/user 65534/),
    });
    for (const name of named()) rmSync(`${FOLDERS.leases}/${name}`);
  });

  it('handles that are none, from anywhere', async () => {
    const other = start();
    const good = made(4096).handle as SegmentHandle & { kind: 'anonymous' };
    for (const handle of [
      null,
      5,
      {},
      { ...good, bytes: -1 },
      { ...good, fd: '7' },
      { kind: 'named', file: '../../etc/passwd', inode: 1, bytes: 4096 },
    ]) {
      expect(await other.ask('tryOpen', handle)).toMatchObject({ name: 'TypeError' });
    }
    expect(await other.ask('tryOpen', 'no/name')).toMatchObject({ name: 'RangeError' });
    expect(await other.ask('tryOpen', 'nobody')).toMatchObject({ code: 'WT_SHM_GONE' });
    expect(await other.ask('tryOpen', { ...good, fd: 0 })).toMatchObject({ code: expect.stringMatching(/WT_SHM_/) });
    expect(await other.ask('tryOpen', { ...good, inode: good.inode + 1 })).toMatchObject({ code: 'WT_SHM_GONE' });
    expect(await other.ask('tryOpen', { kind: 'local', bytes: 10, buffer: {} })).toMatchObject({
      code: 'WT_SHM_LOCAL',
    });
  });

  it('a handle that leads to an ordinary file of somebody who means harm', async () => {
    const path = `${FOLDERS.temp}/database.bin`;
    writeFileSync(path, Buffer.alloc(4096, 7));
    const fd = openSync(path, 'r');
    const handle = { kind: 'anonymous', pid: process.pid, fd, inode: statSync(path).ino, bytes: 4096 };
    expect(await start().ask('tryOpen', handle)).toMatchObject({
      code: 'WT_SHM_GONE',
      message: expect.stringMatching(/is no segment/),
    });
    expect(() => Segment.open(handle as SegmentHandle)).toThrow(expect.objectContaining({ code: 'WT_SHM_GONE' }));
    closeSync(fd);
    expect(readFileSync(path).every((byte) => byte === 7)).toBe(true);
  });

  it('a descriptor whose number was given to something else since', () => {
    const segment = made(4096);
    const { handle } = segment;
    segment.close();
    const socket = createServer();
    expect(() => Segment.open(handle)).toThrow(expect.objectContaining({ code: 'WT_SHM_GONE' }));
    const fd = openSync('/dev/null', 'r');
    expect(() => Segment.open(handle)).toThrow(expect.objectContaining({ code: 'WT_SHM_GONE' }));
    closeSync(fd);
    socket.close();
  });

  it('a worker that is terminated with segments open leaves no descriptor, and says nothing', async () => {
    const warnings: unknown[] = [];
    process.on('warning', (warning) => warnings.push(warning));
    const count = () => readdirSync('/proc/self/fd').filter((fd) => memoryFileAt(fd)).length;
    const before = count();
    const file = await bundleProgram(new URL('./segment-worker.ts', import.meta.url));
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(file, { execArgv: [] });
      await once(worker, 'message');
      expect(count()).toBe(before + 2);
      await worker.terminate();
    }
    expect(count()).toBe(before);
    expect(warnings).toEqual([]);
    rmSync(file);
  });

  it('preallocate: false takes memory when it is touched, and not with a name', () => {
    const segment = Segment.create({ bytes: 2 ** 24, preallocate: false });
    segments.push(segment);
    const blocks = () => statSync(`/proc/self/fd/${(segment.handle as { fd: number }).fd}`).blocks;
    expect(blocks()).toBe(0);
    words(segment)[0] = 1;
    expect(blocks()).toBeGreaterThan(0);
    expect(() => Segment.create({ bytes: 4096, name: 'lazy', preallocate: false })).toThrow(TypeError);
  });

  it('no descriptor left: an error, and all that was made before works', async () => {
    const limited = start({}, ['prlimit', '--nofile=40']);
    expect(await limited.ask('tryMany', 100)).toMatchObject({
      code: 'WT_SHM_SYSTEM',
      message: expect.stringMatching(/EMFILE/),
    });
    await limited.ask('write', 0, 0, 8);
    expect(await limited.ask('read', 0, 0)).toBe(8);
    for (let index = 0; index < 5; index++) await limited.ask('close', index);
    expect(await limited.ask('tryMany', 3)).toBeNull();
  });

  it('more memory than there is: refused before any of it is taken', async () => {
    const limited = start({}, ['prlimit', '--as=80000000000']);
    expect(await limited.ask('tryCreate', 2 ** 36)).toMatchObject({
      code: 'WT_SHM_FULL',
      message: expect.stringMatching(/memory are available/),
    });
    expect(await limited.ask('tryCreate', 4096)).toBeNull();
  });

  it('little address space', async () => {
    const limited = start({}, ['sh', '-c', 'ulimit -v 1500000; exec "$0" "$@"']);
    const bytes = 2 ** 30;
    expect(await limited.ask('tryCreate', bytes)).toMatchObject({ code: expect.stringMatching(/WT_SHM_/) });
    expect(await limited.ask('tryCreate', 4096)).toBeNull();
  });

  it('no native calls: threads of the process share, others are told', async () => {
    const local = start({ WATERTIGHT_NATIVE: 'none', NODE_NO_WARNINGS: '1' });
    await local.ask('create', 4096);
    await local.ask('write', 0, 3, 4);
    expect(await local.ask('read', 0, 3)).toBe(4);
    expect(await local.ask('tryOpen', made(4096).handle)).toMatchObject({ code: 'WT_NATIVE_UNAVAILABLE' });
    expect(await local.ask('wait', 0, 1, 5)).toBe('notified');
    expect(await local.ask('wait', 0, 0, 5)).toBe('timeout');
  });

  it('buffers dropped without close give back pages, descriptors and names', async () => {
    const maps = () =>
      readFileSync('/proc/self/maps', 'utf8')
        .split('\n')
        .filter((line) => /memfd:watertight|\.segment/.test(line)).length;
    const descriptors = readdirSync('/proc/self/fd').length;
    const before = maps();
    dropSegments(50);
    expect(maps()).toBeGreaterThanOrEqual(before + 50);
    for (let round = 0; round < 20 && (maps() > before || named().length > 0); round++) {
      global.gc?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(maps()).toBe(before);
    expect(named()).toEqual([]);
    expect(readdirSync('/proc/self/fd').length).toBe(descriptors);
  });
});

function memoryFileAt(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith('/memfd:watertight');
  } catch {
    return false;
  }
}

function dropSegments(count: number): void {
  for (let made = 0; made < count; made++)
    Segment.create(made % 2 === 0 ? { bytes: 4096 } : { bytes: 4096, name: 'dropped' });
}

/** A mount namespace with a tmpfs of its own at /mnt. */
function inTmpfs(options: string): string[] {
  return ['unshare', '--mount', 'sh', '-c', `mount -t tmpfs -o ${options} tmpfs /mnt && exec "$0" "$@"`];
}
