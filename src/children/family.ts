import { randomBytes } from 'node:crypto';
import { namesIn, type ProcStat, procChildren, procStat } from '../core/index.js';
import { MARK_VARIABLE } from '../leases/index.js';
import { isRunning, type ProcessId, processPids, processVariable } from '../processes/index.js';

/*
 * How descendants are found, also those whose parent has ended: each child gets a mark in its environment, which all that it
 * starts inherit. The mark holds the marks of the families around it too, so that an outer family finds what belongs to
 * an inner one, and a number that nobody else has: no stranger can carry it by chance.
 *
 *   WATERTIGHT_FAMILY=<family>.<child>[,<inner family>.<child>…]
 */
export const FAMILY_VARIABLE = 'WATERTIGHT_FAMILY';

/** Families within one another that are told apart; the outermost are forgotten first. */
const MOST_NESTED = 16;
/** More than any program has; a fork bomb is not followed further. */
const MOST_RELATIVES = 10_000;
/** Lists of processes in one look: the second is nearly always the same as the first. */
const MOST_LISTS = 10;

/** One process, named once and for all by pid and start. */
export interface Relative extends ProcessId {
  /** Command name, at most 15 bytes, without control characters. The program's own choice: untrusted. */
  readonly name: string;
  /** `R`, `S`, `D`, `T` …, as in proc(5). */
  readonly state: string;
}

/** Whose descendants are looked for. */
export interface FamilyHead extends ProcessId {
  readonly mark: string;
}

export const isLinux = process.platform === 'linux';

let family = '';
let lastNumber = 0;

/** Of this thread: process, start and a random part. */
export function familyId(): string {
  family ||= [process.pid, procStat(process.pid)?.startTicks ?? 0]
    .map((number) => number.toString(36))
    .concat(randomBytes(8).toString('hex'))
    .join('-');
  return family;
}

export function newMark(): string {
  return `${familyId()}.${(++lastNumber).toString(36)}`;
}

/** The environment of a child: what it is given, and its marks. */
export function markedEnvironment(env: NodeJS.ProcessEnv, mark: string, lease: string): NodeJS.ProcessEnv {
  const outer = process.env[FAMILY_VARIABLE]?.split(',').slice(1 - MOST_NESTED) ?? [];
  return { ...env, [MARK_VARIABLE]: lease, [FAMILY_VARIABLE]: [...outer, mark].join(',') };
}

/**
 * One look at all processes of the machine: who carries which mark of this thread's family. None elsewhere than on Linux.
 * @param onFound called with each at once: by the end of the look it may have gone on to a process with another number
 * Cost: 9 µs a process on the machine.
 */
export function markedProcesses(onFound?: (mark: string, stat: ProcStat) => void): Map<string, ProcStat[]> {
  const byMark = new Map<string, ProcStat[]>();
  if (!isLinux) return byMark;
  const own = `${familyId()}.`;
  const visit = (pid: number) => {
    const marks =
      processVariable(pid, FAMILY_VARIABLE)
        ?.split(',')
        .filter((mark) => mark.startsWith(own)) ?? [];
    if (marks.length === 0 || pid === process.pid) return;
    const stat = procStat(pid);
    if (stat === undefined || !isRunning(stat)) return;
    for (const mark of marks) {
      onFound?.(mark, stat);
      byMark.set(mark, [...(byMark.get(mark) ?? []), stat]);
    }
  };
  // Newest first, and again for those that came meanwhile: what hops from process to process is in the latest.
  const seen = new Set<number>();
  for (let lists = 0; lists < MOST_LISTS; lists++) {
    const fresh = processPids().filter((pid) => !seen.has(pid));
    if (fresh.length === 0) break;
    for (const pid of fresh.reverse()) {
      seen.add(pid);
      visit(pid);
    }
  }
  return byMark;
}

/**
 * Descendants of one child: who hangs below it, who carries its mark, and who hangs below those. Not itself, no zombies.
 * A process that clears its environment is found as long as its parents are there.
 */
export function relativesOf(head: FamilyHead, marked: readonly ProcStat[]): Relative[] {
  const found = new Map<number, ProcStat>();
  const pending = marked.filter(({ pid }) => pid !== head.pid);
  for (const stat of pending) found.set(stat.pid, stat);
  // Its number may be somebody else's by now.
  if (procStat(head.pid)?.startTicks === head.startTicks) pending.push(...childrenOf(head.pid));
  for (let next = pending.pop(); next && found.size < MOST_RELATIVES; next = pending.pop()) {
    const isNew = !found.has(next.pid);
    if (next.pid === head.pid || next.pid === process.pid || !isRunning(next)) continue;
    if (isNew) found.set(next.pid, next);
    pending.push(...childrenOf(next.pid).filter(({ pid }) => !found.has(pid)));
  }
  return [...found.values()].map(({ pid, startTicks, name, state }) => ({ pid, startTicks, name, state }));
}

function childrenOf(pid: number): ProcStat[] {
  const threads = namesIn(`/proc/${pid}/task`).map(Number);
  return threads.length === 0 ? [] : procChildren(pid, threads);
}
