/**
 * The calls of the C library that this package makes, as numbers in and numbers out. Addresses and sizes are bytes; every
 * call but `address` and `errno` returns -1 on failure, with the reason in `errno()` right after it.
 */
export interface LibC {
  /** Who makes the calls. */
  readonly by: 'koffi' | 'node:ffi';
  /** Error number of the last call on this thread; read it before anything else runs. */
  errno(): number;
  /** Where the memory of a view begins. */
  address(view: ArrayBufferView): number;
  getpid(): number;
  sysconf(name: number): number;
  mmap(address: number, bytes: number, protection: number, flags: number, fd: number): number;
  /** `timeout` is a `timespec`: [seconds, nanoseconds], or null to wait for ever. */
  futex(address: number, operation: number, value: number, timeout: BigInt64Array | null): number;
  /** The same on a thread of the pool; `null` where calls cannot be made there. */
  readonly futexAside:
    | ((address: number, operation: number, value: number, timeout: BigInt64Array) => Promise<void>)
    | null;
  fcntl(fd: number, command: number, argument: number): number;
  /** With a `struct flock` of 64-bit Linux, 32 bytes. */
  fcntlLock(fd: number, command: number, lock: Uint8Array): number;
  fallocate(fd: number, mode: number, offset: number, bytes: number): number;
  memfdCreate(name: string, flags: number): number;
  close(fd: number): number;
  mkfifo(path: string, mode: number): number;
  prctl(option: number, value: number): number;
  waitpid(pid: number, options: number): number;
}

/** Number of the `futex` system call: it has no function of its own in the C library. */
export const SYS_FUTEX = process.arch === 'arm64' ? 98 : 202;
