import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { needNative, whyNoNative } from './index.js';
import { nodeFfiLibC } from './node-ffi.js';

const folder = fs.mkdtempSync(`${tmpdir()}/wt-native-`);
afterAll(() => fs.rmSync(folder, { recursive: true }));
const calls = needNative('test');

function mapped(fd: number): { view: Int32Array; address: number } {
  const buffer = new SharedArrayBuffer(calls.pageBytes, { maxByteLength: calls.pageBytes });
  const view = new Int32Array(buffer, 0, calls.pageBytes / 4);
  const address = calls.addressOf(view);
  calls.mapOver(address, calls.pageBytes, fd);
  return { view, address };
}

function memoryFile(): number {
  const fd = calls.openMemoryFile('test');
  calls.allocateFile(fd, calls.pageBytes);
  return fd;
}

describe('Native', () => {
  it('mapOver() makes two buffers one memory, and mapZerosOver() only one of them zeros', () => {
    const fd = memoryFile();
    const [one, two] = [mapped(fd), mapped(fd)];
    fs.closeSync(fd);
    one.view[7] = 42;
    expect(two.view[7]).toBe(42);
    calls.mapZerosOver(one.address, calls.pageBytes);
    expect([one.view[7], two.view[7]]).toEqual([0, 42]);
  });

  it('throws the error of the system with its code', () => {
    const { address } = mapped(memoryFile());
    expect(() => calls.mapOver(address, calls.pageBytes, 9999)).toThrow(
      expect.objectContaining({ code: 'EBADF', syscall: 'mmap' }),
    );
    expect(() => calls.makeFifo(`${folder}/missing/fifo`, 0o600)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => calls.allocateFile(9999, 4096)).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(() => calls.reap(process.pid)).toThrow(expect.objectContaining({ code: 'ECHILD' }));
  });

  it('sealSize() lets nobody change the size', () => {
    const fd = memoryFile();
    calls.sealSize(fd);
    for (const bytes of [0, 2 * calls.pageBytes]) {
      expect(() => fs.ftruncateSync(fd, bytes)).toThrow(expect.objectContaining({ code: 'EPERM' }));
    }
    fs.closeSync(fd);
  });

  it('tryLock() is held by one open description, until that closes', () => {
    const path = `${folder}/lock`;
    const [first, second] = [fs.openSync(path, 'w+'), fs.openSync(path, 'w+')];
    expect([calls.tryLock(first), calls.tryLock(first), calls.tryLock(second)]).toEqual([true, true, false]);
    fs.closeSync(first);
    expect(calls.tryLock(second)).toBe(true);
    fs.closeSync(second);
  });

  it('futexWait() ends when the word is another, when it is woken from another thread, and when the time is over', async () => {
    const fd = memoryFile();
    const { view, address } = mapped(fd);
    calls.futexWait(address, 1, 10_000);
    const start = performance.now();
    calls.futexWait(address, 0, 30);
    expect(performance.now() - start).toBeGreaterThan(25);
    expect(calls.futexWake(address, 1)).toBe(0);
    const waiting = calls.futexWaitAside(address, 0, 10_000);
    for (let woken = 0; waiting && woken === 0; ) {
      await new Promise((resolve) => setImmediate(resolve));
      woken = calls.futexWake(address, 5);
    }
    await waiting;
    expect(view[0]).toBe(0);
    fs.closeSync(fd);
  });

  it('setParentDeathSignal() ends a process with the one that started it', async () => {
    const source = `
      import { needNative } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)};
      needNative('test').setParentDeathSignal(9);
      process.stdout.write(String(process.pid));
      setInterval(() => {}, 1000);`;
    const parent = spawn(
      'sh',
      ['-c', '"$0" --import tsx --input-type=module -e "$1" & wait', process.execPath, source],
      {
        cwd: fileURLToPath(new URL('../..', import.meta.url)),
      },
    );
    const [pid] = (await once(parent.stdout, 'data')) as [Buffer];
    parent.kill('SIGKILL');
    const isGone = () =>
      !fs.existsSync(`/proc/${pid}/status`) || /State:\s+Z/.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
    while (!isGone()) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  it('is there in a worker too', async () => {
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      import(workerData).then(() => parentPort.postMessage('loaded'), (error) => parentPort.postMessage(String(error)));`;
    const worker = new Worker(source, { eval: true, workerData: import.meta.resolve('koffi') });
    expect(await once(worker, 'message')).toEqual(['loaded']);
    await worker.terminate();
  });
});

describe('the choice of who makes native calls', () => {
  const answer = (choice: string) => {
    const source = `import { native, whyNoNative } from './src/native/index.ts'; console.log(native()?.by ?? 'none', whyNoNative());`;
    const env = { ...process.env, WATERTIGHT_NATIVE: choice, NODE_NO_WARNINGS: '1' };
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    return execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', source], {
      cwd,
      env,
      encoding: 'utf8',
      stdio: 'pipe',
    }).trim();
  };

  it('is koffi by default, node:ffi where it is wanted and there, and none', () => {
    expect(whyNoNative()).toBe('');
    expect(answer('')).toBe('koffi');
    expect(answer('none')).toBe('none WATERTIGHT_NATIVE=none turns native calls off');
    expect(answer('ffi')).toBe(nodeFfiLibC() ? 'node:ffi' : 'none this Node has no node:ffi');
    expect(() => answer('yes')).toThrow(/WATERTIGHT_NATIVE must be koffi, ffi or none, got "yes"/);
  });
});
