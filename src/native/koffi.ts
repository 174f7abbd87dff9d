import { createRequire } from 'node:module';
import { type LibC, SYS_FUTEX } from './libc.js';

/** What we use of koffi; its own types would have to be installed by every user. */
interface Koffi {
  load(path: null): { func(name: string, result: string, parameters: string[]): NativeCall };
  address(view: ArrayBufferView): number | bigint;
  errno(): number;
}
type NativeCall = ((...values: unknown[]) => number) & { async(...values: unknown[]): void };

/** The C library through `koffi`, an optional dependency; undefined where it is not installed. @throws when it does not load */
export function koffiLibC(): LibC | undefined {
  const koffi = requireKoffi();
  if (!koffi) return undefined;
  const library = koffi.load(null);
  // The result's own type matters: an `int` of -1 leaves the upper half of its register as it was.
  const call = (name: string, ...parameters: string[]) => library.func(name, 'int', parameters);
  const mmap = library.func('mmap', 'intptr_t', ['size_t', 'size_t', 'int', 'int', 'int', 'int64_t']);
  const futex = library.func('syscall', 'long', ['long', 'size_t', 'long', 'long', 'void *', 'size_t', 'long']);
  const waitpid = call('waitpid', 'int', 'void *', 'int');
  return {
    by: 'koffi',
    errno: () => koffi.errno(),
    address: (view) => Number(koffi.address(view)),
    getpid: call('getpid'),
    sysconf: library.func('sysconf', 'long', ['int']),
    mmap: (address, bytes, protection, flags, fd) => mmap(address, bytes, protection, flags, fd, 0),
    futex: (address, operation, value, timeout) => futex(SYS_FUTEX, address, operation, value, timeout, 0, 0),
    futexAside: (address, operation, value, timeout) =>
      new Promise((resolve) => {
        futex.async(SYS_FUTEX, address, operation, value, timeout, 0, 0, () => resolve());
      }),
    fcntl: call('fcntl', 'int', 'int', 'long'),
    fcntlLock: call('fcntl', 'int', 'int', 'void *'),
    fallocate: call('fallocate', 'int', 'int', 'int64_t', 'int64_t'),
    memfdCreate: call('memfd_create', 'str', 'uint'),
    close: call('close', 'int'),
    mkfifo: call('mkfifo', 'str', 'uint'),
    prctl: call('prctl', 'int', 'ulong'),
    waitpid: (pid, options) => waitpid(pid, null, options),
  };
}

function requireKoffi(): Koffi | undefined {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}
