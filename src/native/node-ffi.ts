import { type LibC, SYS_FUTEX } from './libc.js';

/** What we use of `node:ffi` (experimental since Node 26.1); no types of it exist for the Node that we build with. */
interface NodeFfi {
  dlopen(
    path: null,
    signatures: Record<string, { arguments: string[]; return: string }>,
  ): {
    functions: Record<string, (...values: unknown[]) => number | bigint>;
  };
  getRawPointer(view: ArrayBufferView): bigint;
  getInt32(pointer: bigint, offset: number): number;
}

/** The C library through Node itself; undefined where Node has no `node:ffi`. @throws when it is not permitted */
export function nodeFfiLibC(): LibC | undefined {
  const ffi = process.getBuiltinModule('node:ffi') as NodeFfi | undefined;
  if (!ffi) return undefined;
  const open = (name: string, result: string, ...parameters: string[]) =>
    ffi.dlopen(null, { [name]: { arguments: parameters, return: result } }).functions[name] as (
      ...values: unknown[]
    ) => number & bigint;
  const errnoLocation = open('__errno_location', 'pointer');
  const mmap = open('mmap', 'int64', 'uint64', 'uint64', 'int32', 'int32', 'int32', 'int64');
  const futex = open('syscall', 'int64', 'int64', 'uint64', 'int64', 'int64', 'pointer', 'uint64', 'int64');
  const sysconf = open('sysconf', 'int64', 'int32');
  const fcntl = open('fcntl', 'int32', 'int32', 'int32', 'int64');
  const fcntlLock = open('fcntl', 'int32', 'int32', 'int32', 'buffer');
  const fallocate = open('fallocate', 'int32', 'int32', 'int32', 'int64', 'int64');
  const prctl = open('prctl', 'int32', 'int32', 'uint64');
  const waitpid = open('waitpid', 'int32', 'int32', 'pointer', 'int32');
  return {
    by: 'node:ffi',
    errno: () => ffi.getInt32(errnoLocation(), 0),
    address: (view) => Number(ffi.getRawPointer(view)),
    getpid: open('getpid', 'int32'),
    sysconf: (name) => Number(sysconf(name)),
    mmap: (address, bytes, protection, flags, fd) =>
      Number(mmap(BigInt(address), BigInt(bytes), protection, flags, fd, 0n)),
    futex: (address, operation, value, timeout) => {
      const until = timeout ? ffi.getRawPointer(timeout) : 0n;
      return Number(futex(BigInt(SYS_FUTEX), BigInt(address), BigInt(operation), BigInt(value), until, 0n, 0n));
    },
    futexAside: null,
    fcntl: (fd, command, argument) => fcntl(fd, command, BigInt(argument)),
    fcntlLock: (fd, command, lock) => fcntlLock(fd, command, lock),
    fallocate: (fd, mode, offset, bytes) => fallocate(fd, mode, BigInt(offset), BigInt(bytes)),
    memfdCreate: open('memfd_create', 'int32', 'string', 'uint32'),
    close: open('close', 'int32', 'int32'),
    mkfifo: open('mkfifo', 'int32', 'string', 'uint32'),
    prctl: (option, value) => prctl(option, BigInt(value)),
    waitpid: (pid, options) => waitpid(pid, 0n, options),
  };
}
