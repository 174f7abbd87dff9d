import { builtin, errorText, plainText, WatertightError } from '../core/index.js';
import { koffiLibC } from './koffi.js';
import type { LibC } from './libc.js';
import { nodeFfiLibC } from './node-ffi.js';

// Linux, x86-64 and arm64 alike (mman.h, futex.h, fcntl.h, prctl.h, wait.h).
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const SC_PAGESIZE = 30;
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const MFD_CLOEXEC_ALLOW_SEALING = 3;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL_SHRINK_GROW = 1 | 2 | 4;
const F_GET_SEALS = 1034;
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
const PR_SET_PDEATHSIG = 1;
const WNOHANG = 1;

/**
 * The few calls of the operating system that Node has no function for. Linux only. Each throws an `Error` with the system's
 * `code` (`ENOSPC`, `EPERM`, …) where the system refuses.
 */
export class Native {
  /** Who makes the calls: the package `koffi`, or Node itself. */
  readonly by: LibC['by'];
  /** Bytes; what is mapped begins and ends at a multiple of it. */
  readonly pageBytes: number;
  readonly #libc: LibC;

  constructor(libc: LibC) {
    this.by = libc.by;
    this.#libc = libc;
    this.pageBytes = libc.sysconf(SC_PAGESIZE);
  }

  /** Where the memory of a view begins. Valid while its buffer lives. */
  addressOf(view: ArrayBufferView): number {
    return this.#libc.address(view);
  }

  /** Puts the pages of a file where those of a buffer are: the buffer then is the file, for everyone who maps it. Cost: 3 µs. */
  mapOver(address: number, bytes: number, fd: number): void {
    const at = this.#libc.mmap(address, bytes, PROT_READ_WRITE, MAP_SHARED | MAP_FIXED, fd);
    if (at !== address) throw this.#failure('mmap');
  }

  /** Puts fresh zero pages there: whoever still looks reads zeros. */
  mapZerosOver(address: number, bytes: number): void {
    const at = this.#libc.mmap(address, bytes, PROT_READ_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1);
    if (at !== address) throw this.#failure('mmap');
  }

  /**
   * Sleeps while the word at `address` is `expected`, at most `timeoutMs`: across processes, unlike `Atomics.wait`.
   * Wakes without a cause now and then, as every futex does: look at the word again (futex(2)).
   */
  futexWait(address: number, expected: number, timeoutMs: number): void {
    this.#libc.futex(address, FUTEX_WAIT, expected, timespec(timeoutMs));
  }

  /** The same without stopping this thread; `null` where that cannot be done. Takes a thread of libuv's pool meanwhile. */
  futexWaitAside(address: number, expected: number, timeoutMs: number): Promise<void> | null {
    return this.#libc.futexAside?.(address, FUTEX_WAIT, expected, timespec(timeoutMs)) ?? null;
  }

  /** Wakes at most `count` who wait at `address`, in all processes. Returns how many. Cost: 0.5 µs. */
  futexWake(address: number, count: number): number {
    return this.#libc.futex(address, FUTEX_WAKE, count, null);
  }

  /**
   * Opens a file without a name, in memory, closed on exec. Returns its descriptor, one of Node's own: Node closes it when
   * the worker that opened it is terminated, and knows it when it is closed.
   */
  openMemoryFile(name: string): number {
    const raw = this.#checked('memfd_create', this.#libc.memfdCreate(name, MFD_CLOEXEC_ALLOW_SEALING));
    try {
      return builtin.files.openSync(`/proc/self/fd/${raw}`, builtin.files.constants.O_RDWR);
    } finally {
      this.#libc.close(raw);
    }
  }

  /** Nobody can change the size of this memory file any more: what is mapped stays there. */
  sealSize(fd: number): void {
    this.#checked('fcntl', this.#libc.fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL_SHRINK_GROW));
  }

  /** Whether nobody can change the size of what the descriptor leads to; false for all but memory files. */
  isSizeSealed(fd: number): boolean {
    const size = F_SEAL_SEAL_SHRINK_GROW & ~1;
    const seals = this.#libc.fcntl(fd, F_GET_SEALS, 0);
    return seals >= 0 && (seals & size) === size;
  }

  /** Makes a file `bytes` long with all its pages there: a full disk is an error now, not a SIGBUS at first touch. */
  allocateFile(fd: number, bytes: number): void {
    this.#checked('fallocate', this.#libc.fallocate(fd, 0, 0, bytes));
  }

  /** Locks a whole file for its open description, at once or not at all; the kernel unlocks it when the last copy closes. */
  tryLock(fd: number): boolean {
    const lock = new Uint8Array(32);
    new DataView(lock.buffer).setInt16(0, F_WRLCK, true);
    if (this.#libc.fcntlLock(fd, F_OFD_SETLK, lock) === 0) return true;
    const failure = this.#failure('fcntl');
    if (failure.code === 'EAGAIN' || failure.code === 'EACCES') return false;
    throw failure;
  }

  makeFifo(path: string, mode: number): void {
    this.#checked('mkfifo', this.#libc.mkfifo(path, mode), path);
  }

  /** This process gets `signal` when the thread that started it ends (prctl(2)); 0 for none. Ask `process.ppid` afterwards. */
  setParentDeathSignal(signal: number): void {
    this.#checked('prctl', this.#libc.prctl(PR_SET_PDEATHSIG, signal));
  }

  /** Takes leave of a child that has ended, without waiting. `false` when it still runs. Never for one that Node started. */
  reap(pid: number): boolean {
    return this.#checked('waitpid', this.#libc.waitpid(pid, WNOHANG)) === pid;
  }

  #checked(call: string, result: number, path?: string): number {
    if (result < 0) throw this.#failure(call, path);
    return result;
  }

  #failure(call: string, path?: string): NodeJS.ErrnoException {
    const errno = this.#libc.errno();
    const code = codeOf(errno);
    const where = path === undefined ? '' : ` '${path}'`;
    return Object.assign(new Error(`${code}: ${call}${where}`), { errno: -errno, code, syscall: call });
  }
}

function timespec(timeoutMs: number): BigInt64Array {
  const wholeMs = Math.max(0, Math.min(timeoutMs, 2 ** 31));
  const seconds = Math.floor(wholeMs / 1000);
  return BigInt64Array.of(BigInt(seconds), BigInt(Math.round((wholeMs - seconds * 1000) * 1e6)));
}

function codeOf(errno: number): string {
  const entry = Object.entries(builtin.os.constants.errno).find(([, number]) => number === errno);
  return entry?.[0] ?? `E${errno}`;
}

let found: Native | undefined;
let whyNone = '';
let isLooked = false;

/**
 * The native calls, or undefined where there are none (`whyNoNative` says why). Looked up once an isolate, on first use.
 *
 * `WATERTIGHT_NATIVE=koffi|ffi|none` chooses; by default koffi, as `node:ffi` prints a warning that it is experimental.
 * Cost: 1 to 3 ms the first time.
 */
export function native(): Native | undefined {
  if (!isLooked) {
    isLooked = true;
    found = find();
  }
  return found;
}

/** Why there are no native calls, as a sentence without its end; empty when there are. */
export function whyNoNative(): string {
  native();
  return whyNone;
}

/** @throws WatertightError WT_NATIVE_UNAVAILABLE */
export function needNative(what: string): Native {
  const calls = native();
  if (calls) return calls;
  throw new WatertightError('WT_NATIVE_UNAVAILABLE', `Cannot ${what} as ${whyNone}`, {
    hint: 'on Linux: npm install koffi',
    details: { platform: process.platform, arch: process.arch },
  });
}

function find(): Native | undefined {
  const choice = process.env.WATERTIGHT_NATIVE || 'any';
  if (!['any', 'koffi', 'ffi', 'none'].includes(choice)) {
    throw new WatertightError('WT_NATIVE_CHOICE', `Cannot make native calls by ${plainText(choice, 40)}`, {
      hint: 'set WATERTIGHT_NATIVE to koffi, ffi or none, or to nothing',
    });
  }
  if (choice === 'none') return none('WATERTIGHT_NATIVE=none turns native calls off');
  if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
    return none(`native calls are made on Linux x64 and arm64 only, not on ${process.platform} ${process.arch}`);
  }
  const reasons: string[] = [];
  const doors = { koffi: koffiLibC, ffi: nodeFfiLibC };
  for (const name of choice === 'any' ? (['koffi', 'ffi'] as const) : [choice as keyof typeof doors]) {
    try {
      const libc = doors[name]();
      if (libc && speaksTrue(libc)) return new Native(libc);
      reasons.push(libc ? `${libc.by} answers wrongly` : name === 'koffi' ? 'the package koffi is not installed' : '');
    } catch (error) {
      reasons.push(`${name} does not load (${errorText(error).slice(0, 160)})`);
    }
  }
  return none(reasons.filter(Boolean).join(' and ') || 'this Node has no node:ffi');
}

function none(reason: string): undefined {
  whyNone = reason;
}

/** A call with a known answer, and one thing that no document promises: a growable buffer begins at a page. */
function speaksTrue(libc: LibC): boolean {
  const pageBytes = libc.sysconf(SC_PAGESIZE);
  const buffer = new SharedArrayBuffer(pageBytes, { maxByteLength: pageBytes });
  return libc.getpid() === process.pid && libc.address(new Uint8Array(buffer, 0, pageBytes)) % pageBytes === 0;
}
