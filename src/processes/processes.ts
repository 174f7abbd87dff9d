import { builtin, namesIn, type ProcStat, procStat } from '../core/index.js';

/** One process: a pid alone may be given to another later. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks since the boot; 0 where there is no /proc. */
  readonly startTicks: number;
}

export const identityOf = ({ pid, startTicks }: ProcessId): string => `${pid}:${startTicks}`;

/** What a process is doing; undefined when it has ended, reaped or not, and its number may be another's. */
export function liveProcess({ pid, startTicks }: ProcessId): ProcStat | undefined {
  const stat = procStat(pid);
  return stat?.startTicks === startTicks && isRunning(stat) ? stat : undefined;
}

/** Zombies and the dead are no more. */
export function isRunning({ state }: ProcStat): boolean {
  return state !== 'Z' && state !== 'X';
}

/** Sends a signal to the process that is meant, and to no other that has its number by now. True when it was there. */
export function signalProcess(target: ProcessId, signal: NodeJS.Signals): boolean {
  if (process.platform === 'linux' && liveProcess(target) === undefined) return false;
  try {
    return process.kill(target.pid, signal);
  } catch {
    // Gone since, or not ours to signal: the wait for its end tells which.
    return false;
  }
}

/** All processes that there are, in the kernel's order. None elsewhere than on Linux. */
export function processPids(): number[] {
  return namesIn('/proc').map(Number).filter(Number.isInteger);
}

/** Read from an environment at a time. Most are 2 to 4 kB. */
const READ_BYTES = 64 * 1024;
/** The kernel's limit of one argument or variable is 128 kB, of all 2 MB by default (execve(2)). */
const MOST_READ_BYTES = 4 * 2 ** 20;

let page: Buffer | undefined;

/**
 * A variable of the environment with which a process was started; undefined when it has none, is gone, or another user's.
 * Also in the moment in which it becomes another program (execve(2)), when it has no environment at all: whoever has to be
 * sure looks again. Linux only. Cost: 9 µs.
 */
export function processVariable(pid: number | 'self', name: string): string | undefined {
  const environment = environmentOf(pid);
  const start = `${name}=`;
  for (let at = environment.indexOf(start); at >= 0; at = environment.indexOf(start, at + 1)) {
    if (at > 0 && environment[at - 1] !== 0) continue;
    const end = environment.indexOf(0, at);
    return environment.toString('latin1', at + start.length, end < 0 ? environment.length : end);
  }
  return undefined;
}

/** Valid until the next call. */
function environmentOf(pid: number | 'self'): Buffer {
  const { openSync, readSync, closeSync } = builtin.files;
  page ??= Buffer.allocUnsafeSlow(READ_BYTES);
  let fd = -1;
  try {
    fd = openSync(`/proc/${pid}/environ`, 'r');
    let bytes = readSync(fd, page);
    if (bytes < READ_BYTES) return page.subarray(0, bytes);
    const parts = [Buffer.from(page)];
    for (let total = bytes; bytes > 0 && total < MOST_READ_BYTES; total += bytes) {
      bytes = readSync(fd, page);
      parts.push(Buffer.from(page.subarray(0, bytes)));
    }
    return Buffer.concat(parts);
  } catch {
    return page.subarray(0, 0);
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
