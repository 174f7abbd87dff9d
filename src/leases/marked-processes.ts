// What a killed owner's children are known by: the mark in their environment, or that they are the very process.
import { builtin, procStat } from '../core/index.js';
import {
  isRunning,
  liveProcess,
  type ProcessId,
  processPids,
  processVariable,
  signalProcess,
} from '../processes/index.js';

/** The variable that carries the mark. */
export const MARK_VARIABLE = 'WATERTIGHT_LEASE';

/** How often and how long reclaim looks whether the killed are gone: the kernel takes 6 ms to take a Node process down. */
const GONE_CHECK_MS = 2;
const GONE_LIMIT_MS = 2_000;
/** A process has no environment in the moment in which it becomes another program: one look that finds nobody may err. */
const EMPTY_LOOKS = 2;

/**
 * Processes of this user that carry a mark, zombies and this process itself left out. Linux only; none elsewhere.
 * Cost: reads one file (9 µs) for each process of the machine.
 */
export function markedProcesses(marks: ReadonlySet<string>): ProcessId[] {
  return processPids().flatMap((pid) => {
    const stat = pid !== process.pid && carries(pid, marks) ? procStat(pid) : undefined;
    return stat && isRunning(stat) ? [{ pid, startTicks: stat.startTicks }] : [];
  });
}

function carries(pid: number | 'self', marks: ReadonlySet<string>): boolean {
  return marks.has(processVariable(pid, MARK_VARIABLE) ?? '');
}

export function markOf(path: string): string {
  return builtin.path.basename(path);
}

/** Kills what is left of the children of dead owners, and waits until it is gone. @returns those that are not */
export async function killChildren(leases: readonly { path: string; target: string }[]): Promise<ProcessId[]> {
  const marks = new Set(leases.map((lease) => markOf(lease.path)));
  const bound = leases.flatMap(({ target }) => boundProcess(target)).filter(({ pid }) => pid !== process.pid);
  const startedAt = performance.now();
  for (let emptyLooks = 0; ; ) {
    // Asked again in each round: one that is being killed may have started another.
    const alive = [...markedProcesses(marks), ...bound.filter(liveProcess)];
    emptyLooks = alive.length === 0 ? emptyLooks + 1 : 0;
    if (emptyLooks === EMPTY_LOOKS || performance.now() - startedAt > GONE_LIMIT_MS) return alive;
    for (const one of alive) signalProcess(one, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, GONE_CHECK_MS));
  }
}

/** Whether this very process is what was leased, or was started by it: it is left to others. */
export function isOurOwnLease({ path, target }: { path: string; target: string }): boolean {
  return carries('self', new Set([markOf(path)])) || target.startsWith(`${process.pid}:`);
}

function boundProcess(target: string): ProcessId[] {
  const match = /^(\d{1,10}):(\d{1,16})$/.exec(target);
  return match ? [{ pid: Number(match[1]), startTicks: Number(match[2]) }] : [];
}
