// Readers of Linux' /proc. Every one is synchronous, answers "nothing" where the entry is missing (another system, a
// process that ended, an entry that vanished between two reads) and keeps no descriptor open.
import { builtin } from './builtin.js';

// Taken once: a program under watch may wrap `fs`, and our own reads must neither be counted nor altered by that.
const { lstatSync, readdirSync, readFileSync, readlinkSync } = builtin.files;

/** Most entries that one reader returns: 16 times the usual hard limit of descriptors (4,096); 65,536 names ≈ 6 MB. */
export const PROC_ENTRY_LIMIT = 65_536;

/** What `/proc/<pid>/status` says about memory and owner. Bytes. */
export interface ProcStatus {
  readonly rssBytes: number;
  /** Resident anonymous memory, without mapped files and shared memory. */
  readonly anonymousBytes: number;
  /** Effective user: the owner of what the process creates. */
  readonly userId: number;
}

/** What `/proc/<pid>/stat` says about one process. */
export interface ProcStat {
  readonly pid: number;
  /** Command name, at most 15 bytes, control characters replaced by `?`. */
  readonly name: string;
  /** `R` running, `S` sleeping, `Z` zombie, ... (proc(5)). */
  readonly state: string;
  readonly parentPid: number;
  /** Clock ticks between the boot and the start: with the pid, it names a process once and for all. */
  readonly startTicks: number;
}

/** One entry of a folder, not followed if it is a link. */
export interface FolderEntry {
  readonly name: string;
  readonly inode: number;
  readonly userId: number;
  readonly isFolder: boolean;
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Names in a folder in the kernel's order, at most `PROC_ENTRY_LIMIT`; none when it cannot be read. */
export function namesIn(folder: string): string[] {
  try {
    const names = readdirSync(folder);
    return names.length > PROC_ENTRY_LIMIT ? names.slice(0, PROC_ENTRY_LIMIT) : names;
  } catch {
    return [];
  }
}

/** Entries of a folder with their inode and owner, at most `limit`. Cost: one lstat (≈ 4 µs) an entry. */
export function entriesIn(folder: string, limit = PROC_ENTRY_LIMIT): FolderEntry[] {
  const entries: FolderEntry[] = [];
  for (const name of namesIn(folder)) {
    if (entries.length >= limit) break;
    try {
      const stat = lstatSync(`${folder}/${name}`, { throwIfNoEntry: false });
      if (stat) entries.push({ name, inode: stat.ino, userId: stat.uid, isFolder: stat.isDirectory() });
    } catch {
      // Not ours to look at, or its folder just became a file: not an entry.
    }
  }
  return entries;
}

/** Memory and owner of a process; undefined when it is gone. Cost: ≈ 0.05 ms. */
export function procStatus(pid: number): ProcStatus | undefined {
  const text = textOf(`/proc/${pid}/status`);
  if (text === undefined) return undefined;
  const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return {
    rssBytes: kilobytes('VmRSS') * 1024,
    anonymousBytes: kilobytes('RssAnon') * 1024,
    userId: Number(/^Uid:\s*\d+\s+(\d+)/m.exec(text)?.[1] ?? -1),
  };
}

/** Reads one line of `/proc/<pid>/stat`; the name stands in parentheses and may itself hold spaces and parentheses. */
export function parseProcStat(text: string): ProcStat | undefined {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < open) return undefined;
  // Fields after the name start with number 3, the state; the start time is number 22 (proc(5)).
  const fields = text.slice(close + 2).split(' ');
  const startTicks = Number(fields[19]);
  if (!Number.isFinite(startTicks)) return undefined;
  return {
    pid: Number.parseInt(text, 10),
    name: printable(text.slice(open + 1, close)),
    state: fields[0] as string,
    parentPid: Number(fields[1]),
    startTicks,
  };
}

/** State of one process; undefined when it is gone. */
export function procStat(pid: number): ProcStat | undefined {
  const text = textOf(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseProcStat(text);
}

/**
 * Open descriptors of a process and what they lead to. Cost: one readlink (≈ 7 µs) a descriptor.
 * The descriptor that lists the folder is closed before its link is read, so it is never among them.
 */
export function procDescriptors(pid: number): { fd: number; target: string }[] {
  const folder = `/proc/${pid}/fd`;
  const found: { fd: number; target: string }[] = [];
  for (const name of namesIn(folder)) {
    try {
      found.push({ fd: Number(name), target: printable(readlinkSync(`${folder}/${name}`)) });
    } catch {
      // Closed since it was listed.
    }
  }
  return found;
}

/** Threads of a process with their names. */
export function procThreads(pid: number): { threadId: number; name: string }[] {
  const folder = `/proc/${pid}/task`;
  const found: { threadId: number; name: string }[] = [];
  for (const name of namesIn(folder)) {
    const command = textOf(`${folder}/${name}/comm`);
    if (command !== undefined) found.push({ threadId: Number(name), name: printable(command.trimEnd()) });
  }
  return found;
}

/**
 * Direct children of a process, zombies included. The kernel keeps one list a thread, that of the thread which forked;
 * kernels built without such lists are asked for every process instead (≈ 20 µs a process on the machine).
 */
export function procChildren(pid: number, threadIds: readonly number[]): ProcStat[] {
  const pids: number[] = [];
  for (const threadId of threadIds) {
    const text = textOf(`/proc/${pid}/task/${threadId}/children`);
    // A thread that just ended has no list either: only a live main thread without one tells about the kernel.
    if (text === undefined && threadId === pid) return scanChildren(pid);
    for (const child of text?.split(' ') ?? []) if (child !== '' && pids.length < PROC_ENTRY_LIMIT) pids.push(+child);
  }
  return pids.map(procStat).filter((stat) => stat !== undefined);
}

/** Direct children by reading every process of the machine: the way where the kernel keeps no lists. */
export function scanChildren(pid: number): ProcStat[] {
  const found: ProcStat[] = [];
  for (const name of namesIn('/proc')) {
    const first = name.charCodeAt(0);
    if (first < 48 || first > 57) continue;
    const stat = procStat(Number(name));
    if (stat?.parentPid === pid) found.push(stat);
  }
  return found;
}

/** Text from outside with its control characters replaced by `?`: a file name may hold line breaks and escapes. */
function printable(text: string): string {
  // Nearly all text is clean, and the test is ten times cheaper than the replacement.
  return /[\x00-\x1f\x7f]/.test(text) ? text.replace(/[\x00-\x1f\x7f]/g, '?') : text;
}
