import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { namesIn, type ProcStat, procChildren, procStat } from '../core/index.js';

/*
 * How descendants are found, also those whose parent has ended: each child gets a mark in its environment, which all that it
 * starts inherit. The mark holds the marks of the families around it too, so that an outer family finds what belongs to
 * an inner one, and a number that nobody else has: no stranger can carry it by chance.
 *
 *   WATERTIGHT_FAMILY=<family>.<child>[,<inner family>.<child>…]
 */
export const FAMILY_VARIABLE = 'WATERTIGHT_FAMILY';
export const LEASE_VARIABLE = 'WATERTIGHT_LEASE';

/** Families within one another that are told apart; the outermost are forgotten first. */
const MOST_NESTED = 16;
/** More than any program has; a fork bomb is not followed further. */
const MOST_RELATIVES = 10_000;
/** Lists of processes in one look: the second is nearly always the same as the first. */
const MOST_LISTS = 10;
/** Read from an environment at a time. Most are 2 to 4 kB. */
const READ_BYTES = 64 * 1024;
/** The kernel's limit of one argument or variable is 128 kB, of all 2 MB by default (execve(2)). */
const MOST_READ_BYTES = 4 * 2 ** 20;

/** One process, named once and for all by pid and start. */
export interface Relative {
  readonly pid: number;
  /** Clock ticks since the boot; 0 where there is no /proc. */
  readonly startTicks: number;
  /** Command name, at most 15 bytes, without control characters. The program's own choice: untrusted. */
  readonly name: string;
  /** `R`, `S`, `D`, `T` …, as in proc(5). */
  readonly state: string;
}

/** Whose descendants are looked for. */
export interface FamilyHead {
  readonly pid: number;
  readonly startTicks: number;
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
  return { ...env, [LEASE_VARIABLE]: lease, [FAMILY_VARIABLE]: [...outer, mark].join(',') };
}

export const identityOf = ({ pid, startTicks }: { pid: number; startTicks: number }): string => `${pid}:${startTicks}`;

/**
 * One look at all processes of the machine: who carries which mark of this thread's family. None elsewhere than on Linux.
 * @param onFound called with each at once: by the end of the look it may have gone on to a process with another number
 * Cost: 9 µs a process on the machine.
 */
export function markedProcesses(onFound?: (mark: string, stat: ProcStat) => void): Map<string, ProcStat[]> {
  const byMark = new Map<string, ProcStat[]>();
  if (!isLinux) return byMark;
  const needle = Buffer.from(`${FAMILY_VARIABLE}=`);
  const own = `${familyId()}.`;
  const visit = (name: string) => {
    const first = name.charCodeAt(0);
    if (first < 48 || first > 57) return;
    const marks = marksIn(environmentOf(name), needle).filter((mark) => mark.startsWith(own));
    if (marks.length === 0 || Number(name) === process.pid) return;
    const stat = procStat(Number(name));
    if (stat === undefined || !isThere(stat)) return;
    for (const mark of marks) {
      onFound?.(mark, stat);
      byMark.set(mark, [...(byMark.get(mark) ?? []), stat]);
    }
  };
  // Newest first, and again for those that came meanwhile: what hops from process to process is in the latest.
  const seen = new Set<string>();
  for (let lists = 0; lists < MOST_LISTS; lists++) {
    const fresh = namesIn('/proc').filter((name) => !seen.has(name));
    if (fresh.length === 0) break;
    for (const name of fresh.reverse()) {
      seen.add(name);
      visit(name);
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
    if (next.pid === head.pid || next.pid === process.pid || !isThere(next)) continue;
    if (isNew) found.set(next.pid, next);
    pending.push(...childrenOf(next.pid).filter(({ pid }) => !found.has(pid)));
  }
  return [...found.values()].map(({ pid, startTicks, name, state }) => ({ pid, startTicks, name, state }));
}

/** What a process is doing; undefined when it has ended, reaped or not, and its number may be another's. */
export function look({ pid, startTicks }: { pid: number; startTicks: number }): ProcStat | undefined {
  const stat = procStat(pid);
  return stat?.startTicks === startTicks && isThere(stat) ? stat : undefined;
}

/** Sends a signal to the process that is meant, and to no other that has its number by now. True when it was there. */
export function signalTo(relative: { pid: number; startTicks: number }, signal: NodeJS.Signals): boolean {
  if (isLinux && look(relative) === undefined) return false;
  try {
    return process.kill(relative.pid, signal);
  } catch {
    // Gone since, or not ours to signal: the wait for its end tells which.
    return false;
  }
}

/** Zombies and the dead are no more. */
function isThere({ state }: ProcStat): boolean {
  return state !== 'Z' && state !== 'X';
}

function childrenOf(pid: number): ProcStat[] {
  const threads = namesIn(`/proc/${pid}/task`).map(Number);
  return threads.length === 0 ? [] : procChildren(pid, threads);
}

function marksIn(environment: Buffer, needle: Buffer): string[] {
  for (let at = environment.indexOf(needle); at >= 0; at = environment.indexOf(needle, at + 1)) {
    if (at > 0 && environment[at - 1] !== 0) continue;
    const end = environment.indexOf(0, at);
    return environment.toString('latin1', at + needle.length, end < 0 ? environment.length : end).split(',');
  }
  return [];
}

const page = Buffer.allocUnsafeSlow(READ_BYTES);

/** The environment with which a process was started; empty when it is gone or another user's. Valid until the next call. */
function environmentOf(pid: string): Buffer {
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
