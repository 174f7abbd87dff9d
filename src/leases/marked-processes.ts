// What a killed owner's children are known by: the mark in their environment, or that they are the very process.
import { builtin, namesIn, procStat } from '../core/index.js';

/** The variable that carries the mark. */
export const MARK_VARIABLE = 'WATERTIGHT_LEASE';

/** How often and how long reclaim looks whether the killed are gone: the kernel takes 6 ms to take a Node process down. */
const GONE_CHECK_MS = 2;
const GONE_LIMIT_MS = 2_000;

/** One process, once and for all. */
export interface MarkedProcess {
  readonly pid: number;
  readonly startTicks: number;
}

/**
 * Processes of this user that carry a mark, zombies and this process itself left out. Linux only; none elsewhere.
 * Cost: reads one file (15 µs) for each process of the machine.
 */
export function markedProcesses(marks: ReadonlySet<string>): MarkedProcess[] {
  const found: MarkedProcess[] = [];
  for (const name of namesIn('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid || !carries(name, marks)) continue;
    const stat = procStat(Number(name));
    if (stat && stat.state !== 'Z') found.push({ pid: stat.pid, startTicks: stat.startTicks });
  }
  return found;
}

function carries(pid: string, marks: ReadonlySet<string>): boolean {
  let environment: string;
  try {
    environment = builtin.files.readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return false;
  }
  for (let at = environment.indexOf(MARK_PREFIX); at >= 0; at = environment.indexOf(MARK_PREFIX, at + 1)) {
    const end = environment.indexOf('\0', at);
    if (at > 0 && environment[at - 1] !== '\0') continue;
    return marks.has(environment.slice(at + MARK_PREFIX.length, end < 0 ? undefined : end));
  }
  return false;
}

const MARK_PREFIX = `${MARK_VARIABLE}=`;

export function markOf(path: string): string {
  return builtin.path.basename(path);
}

/** Kills what is left of the children of dead owners, and waits until it is gone. @returns those that are not */
export async function killChildren(leases: readonly { path: string; target: string }[]): Promise<MarkedProcess[]> {
  const marks = new Set(leases.map((lease) => markOf(lease.path)));
  const bound = leases.flatMap(({ target }) => boundProcess(target)).filter(({ pid }) => pid !== process.pid);
  const startedAt = performance.now();
  for (;;) {
    // Asked again in each round: one that is being killed may have started another.
    const alive = [...markedProcesses(marks), ...bound.filter(isAlive)];
    if (alive.length === 0 || performance.now() - startedAt > GONE_LIMIT_MS) return alive;
    for (const one of alive) kill(one);
    await new Promise((resolve) => setTimeout(resolve, GONE_CHECK_MS));
  }
}

/** Whether this very process is what was leased, or was started by it: it is left to others. */
export function isOurOwnLease({ path, target }: { path: string; target: string }): boolean {
  return carries('self', new Set([markOf(path)])) || target.startsWith(`${process.pid}:`);
}

function boundProcess(target: string): MarkedProcess[] {
  const match = /^(\d{1,10}):(\d{1,16})$/.exec(target);
  return match ? [{ pid: Number(match[1]), startTicks: Number(match[2]) }] : [];
}

function isAlive({ pid, startTicks }: MarkedProcess): boolean {
  const stat = procStat(pid);
  return stat?.startTicks === startTicks && stat.state !== 'Z';
}

function kill(one: MarkedProcess): void {
  if (!isAlive(one)) return;
  try {
    process.kill(one.pid, 'SIGKILL');
  } catch {
    // Gone by itself, or not ours: the next round tells.
  }
}
