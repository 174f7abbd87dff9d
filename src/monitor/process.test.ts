import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parseProcStat, procChildren, scanChildren } from '../core/index.js';
import { needNative } from '../native/index.js';
import { ProcessSampler, sampleIsolate } from './index.js';

const isLinux = process.platform === 'linux';
const added = (before: readonly string[], after: readonly string[]) => after.filter((entry) => !before.includes(entry));

describe('parseProcStat()', () => {
  test('reads past a name with spaces, parentheses and digits', () => {
    const after = `${'0 '.repeat(17)}987654 0 0`;
    expect(parseProcStat(`42 (a) R (b 7) Z 7 ${after}`)).toEqual({
      pid: 42,
      name: 'a) R (b 7',
      state: 'Z',
      parentPid: 7,
      startTicks: 987654,
    });
  });

  test('answers nothing for a torn line', () => {
    expect(parseProcStat('42 (node')).toBeUndefined();
    expect(parseProcStat('42 (node) S 1')).toBeUndefined();
  });
});

describe.runIf(isLinux)('ProcessSampler.sample()', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wt-process-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('finds a descriptor while it is open, and leaves none of its own', () => {
    const sampler = new ProcessSampler();
    const before = sampler.sample();
    const path = join(folder, 'open');
    const fd = openSync(path, 'w');
    expect(added(before.descriptors, sampler.sample().descriptors)).toEqual([`${fd} ${path}`]);
    const quiet = new ProcessSampler({ ignoreDescriptors: () => new Set([fd]) });
    expect(quiet.sample().descriptors).toEqual(before.descriptors);
    closeSync(fd);
    const after = sampler.sample();
    expect(after.descriptors).toEqual(before.descriptors);
    expect(after.descriptors.some((entry) => entry.endsWith('/fd'))).toBe(false);
  });

  test('finds both ends of a connection among the sockets', async () => {
    const sampler = new ProcessSampler();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const before = sampler.sample().sockets;
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    const [accepted] = (await once(server, 'connection')) as [Socket];
    const opened = added(before, sampler.sample().sockets);
    expect(opened).toHaveLength(2);
    for (const entry of opened) expect(entry).toMatch(/^\d+ socket:\[\d+\]$/);
    client.destroy();
    accepted.destroy();
    server.close();
    await once(server, 'close');
    expect(added(before, sampler.sample().sockets)).toEqual([]);
  });

  test('finds a child by pid and start time, marks it as zombie, and reads it as a process of its own', async () => {
    const sampler = new ProcessSampler();
    const before = sampler.sample().children;
    // The shell becomes a `cat` that knows nothing of the child that the shell began, and never reaps it.
    const script = 'cat <&3 >/dev/null & echo $!; exec cat';
    const shell = spawn('sh', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit', 'pipe'] });
    const [line] = await once(shell.stdout as Readable, 'data');
    const zombiePid = Number(line);
    shell.stdin?.write('become cat');
    await once(shell.stdout as Readable, 'data');
    const [entry] = added(before, sampler.sample().children);
    expect(entry).toMatch(new RegExp(`^${shell.pid}:\\d+ cat$`));
    const inner = new ProcessSampler({ pid: shell.pid as number });
    expect(inner.sample().children).toEqual([expect.stringMatching(new RegExp(`^${zombiePid}:\\d+ (sh|cat)$`))]);
    (shell.stdio[3] as Writable).end();
    // Nobody is told that a process became a zombie; its parent does not ask, and we are not its parent.
    const child = await vi.waitUntil(() => inner.sample().children.find((known) => known.endsWith('<zombie>')));
    expect(child).toMatch(new RegExp(`^${zombiePid}:\\d+ .+ <zombie>$`));
    expect(inner.sample().rssBytes).toBeGreaterThan(0);
    expect(inner.sample().sockets.some((socket) => socket.startsWith('0 socket:['))).toBe(true);
    expect(scanChildren(shell.pid as number)).toEqual(procChildren(shell.pid as number, [shell.pid as number]));
    shell.stdin?.end();
    await once(shell, 'close');
    expect(added(before, sampler.sample().children)).toEqual([]);
    expect(inner.sample()).toMatchObject({ rssBytes: 0, descriptors: [], children: [], threads: [], segments: [] });
  });

  test('finds the threads of a worker until it ends', async () => {
    const sampler = new ProcessSampler();
    const before = sampler.sample().threads;
    const worker = new Worker('require("worker_threads").parentPort.once("message", () => {})', { eval: true });
    await once(worker, 'online');
    expect(added(before, sampler.sample().threads).length).toBeGreaterThan(0);
    worker.postMessage('stop');
    await once(worker, 'exit');
  });

  test('finds shared memory of this user', () => {
    const sampler = new ProcessSampler();
    const name = `wt-test-${process.pid}`;
    const path = `/dev/shm/${name}`;
    writeFileSync(path, '');
    const { ino } = statSync(path);
    expect(sampler.sample().segments).toContain(`${ino} ${name}`);
    rmSync(path);
    expect(sampler.sample().segments).not.toContain(`${ino} ${name}`);
  });

  test('counts memory files as segments, and what this process leases by kind, but not what others lease', () => {
    const fd = needNative('test').openMemoryFile('test');
    const pid = process.pid.toString(36);
    const names = [
      `${pid}-1-1-1-1.0.segment`,
      `${pid}-1-1-1-1.1.socket`,
      `${pid}-1-1-1-1.owner`,
      '1-1-1-1-1.0.segment',
    ];
    const paths = names.map((name) => `/dev/shm/wt.00000000.${name}`);
    for (const path of paths) writeFileSync(path, '');
    try {
      const { segments, leases, descriptors } = new ProcessSampler().sample();
      expect(segments).toContain(`${fd} /memfd:test (deleted)`);
      expect(descriptors.filter((one) => one.includes('memfd'))).toEqual([]);
      const ofLeases = (identities: readonly string[]) =>
        identities.filter((one) => one.includes('wt.00000000.')).map((one) => one.split('.').at(-1));
      expect([ofLeases(segments), ofLeases(leases)]).toEqual([['segment'], ['socket']]);
    } finally {
      closeSync(fd);
      for (const path of paths) rmSync(path);
    }
  });

  test('lists temp files one folder deep, and skips folders that are missing', () => {
    mkdirSync(join(folder, 'sub', 'deep'), { recursive: true });
    writeFileSync(join(folder, 'sub', 'a'), '');
    writeFileSync(join(folder, 'sub', 'deep', 'unseen'), '');
    const { tempFiles } = new ProcessSampler({ tempDirs: [folder, join(folder, 'missing')] }).sample();
    expect(tempFiles.map((entry) => entry.replace(/^\d+ /, '')).sort()).toEqual(['sub', 'sub/a', 'sub/deep']);
    expect(tempFiles).toContain(`${statSync(join(folder, 'sub')).ino} sub`);
  });

  test('agrees with the kernel about memory', () => {
    const { rssBytes, anonymousBytes } = new ProcessSampler().sample();
    expect(Math.abs(rssBytes - process.memoryUsage.rss())).toBeLessThan(32 * 1024 * 1024);
    expect(anonymousBytes).toBeGreaterThan(process.memoryUsage().heapUsed / 2);
    expect(anonymousBytes).toBeLessThanOrEqual(rssBytes);
  });

  test('keeps no descriptor open over a hundred samples', () => {
    const sampler = new ProcessSampler({ tempDirs: [folder] });
    const count = readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 100; i++) sampler.sample();
    expect(readdirSync('/proc/self/fd')).toHaveLength(count);
  });
});

test('ProcessSampler refuses a pid that is none', () => {
  expect(() => new ProcessSampler({ pid: 0 })).toThrow(/pid must be a positive integer, got 0/);
});

test('sampleIsolate() counts active resources by type and sees external memory', () => {
  const before = sampleIsolate();
  const timers = [1, 2, 3].map(() => setInterval(() => {}, 60_000));
  const buffer = new ArrayBuffer(8 * 1024 * 1024);
  const after = sampleIsolate();
  expect((after.resources.Timeout ?? 0) - (before.resources.Timeout ?? 0)).toBe(3);
  // Other buffers may be freed between the two.
  const expectedBytes = buffer.byteLength - 1024 * 1024;
  expect(after.arrayBuffersBytes - before.arrayBuffersBytes).toBeGreaterThanOrEqual(expectedBytes);
  expect(after.externalBytes - before.externalBytes).toBeGreaterThanOrEqual(expectedBytes);
  for (const timer of timers) clearInterval(timer);
  expect(sampleIsolate().resources.Timeout ?? 0).toBe(before.resources.Timeout ?? 0);
});
