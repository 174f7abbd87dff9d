import { builtin, parseProcStat } from '../core/index.js';

/** Where this process is in time and space: read once, as it does not change. */
export interface Place {
  /** The folder with the leases: in memory, seen by every process of the machine, emptied by a new boot. */
  readonly folder: string;
  /** Where leased temporary folders are made. */
  readonly tempDir: string;
  readonly boot: string;
  /** Inode of this PID namespace; 0 where there are none. */
  readonly pidSpace: number;
  /** Effective user; -1 where there are none. What belongs to others is not looked at. */
  readonly userId: number;
}

let known: Place | undefined;

export function place(): Place {
  known ??= {
    folder: leaseFolderPath(),
    tempDir: builtin.os.tmpdir(),
    boot: textOf('/proc/sys/kernel/random/boot_id').slice(0, 8) || '00000000',
    pidSpace: Number(/\d+/.exec(linkOf('/proc/self/ns/pid'))?.[0] ?? 0),
    userId: process.geteuid?.() ?? -1,
  };
  return known;
}

/** `WATERTIGHT_LEASE_DIR`, else `/dev/shm`, else the folder for temporary files: the same for all who shall find each other. */
function leaseFolderPath(): string {
  const chosen = process.env.WATERTIGHT_LEASE_DIR;
  if (chosen) return builtin.path.resolve(chosen);
  return isFolder('/dev/shm') ? '/dev/shm' : builtin.os.tmpdir();
}

function isFolder(path: string): boolean {
  return builtin.files.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Numbers of the calling thread; without `/proc` the process, with an unknown start. */
export function thisThread(): { pid: number; threadId: number; startTicks: number } {
  const task = /^(\d+)\/task\/(\d+)$/.exec(linkOf('/proc/thread-self'));
  if (!task) return { pid: process.pid, threadId: process.pid, startTicks: 0 };
  const pid = Number(task[1]);
  const threadId = Number(task[2]);
  return { pid, threadId, startTicks: startTicksOf(pid, threadId) ?? 0 };
}

/** When a thread started, if it runs; undefined when it has ended, also while nobody has taken leave of it yet (a zombie). */
export function startTicksOf(pid: number, threadId: number): number | undefined {
  const stat = parseProcStat(textOf(`/proc/${pid}/task/${threadId}/stat`));
  return stat && stat.state !== 'Z' && stat.state !== 'X' ? stat.startTicks : undefined;
}

function textOf(path: string): string {
  try {
    return builtin.files.readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function linkOf(path: string): string {
  try {
    return builtin.files.readlinkSync(path);
  } catch {
    return '';
  }
}
