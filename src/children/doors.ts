/*
 * Stand-in for the doors of the rooms `leases` and `native`, which are written beside this one: when they have landed, this
 * file becomes two re-exports. Leases here are names without a registry behind them, and nothing is reclaimed.
 */
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';

/** What the registry holds about one child: it is there before the child is. */
export interface ChildLease {
  /** For WATERTIGHT_LEASE in the child's environment. */
  readonly mark: string;
  bind(pid: number): void;
  release(): void;
}

/** For tests: leases that are registered and not released. */
export const openLeases = new Set<string>();

export function registerChild(_label?: string): ChildLease {
  const mark = `${process.pid.toString(36)}-${randomBytes(6).toString('hex')}`;
  openLeases.add(mark);
  return { mark, bind() {}, release: () => void openLeases.delete(mark) };
}

export async function reclaim(): Promise<void> {}

/** What this room asks of native code. */
export interface NativeDoor {
  setParentDeathSignal(signal: number): void;
  /** waitpid(pid, WNOHANG): true when the process was a zombie of ours and is gone now. */
  reap?(pid: number): boolean;
}

const WNOHANG = 1;

export function native(): NativeDoor | undefined {
  try {
    const koffi = createRequire(import.meta.url)('koffi');
    const libc = koffi.load(null);
    const prctl = libc.func('int prctl(int option, ulong a, ulong b, ulong c, ulong d)');
    const waitpid = libc.func('int waitpid(int pid, void *status, int options)');
    return {
      setParentDeathSignal: (signal) => void prctl(1, signal, 0, 0, 0),
      reap: (pid) => waitpid(pid, null, WNOHANG) === pid,
    };
  } catch {
    return undefined;
  }
}
