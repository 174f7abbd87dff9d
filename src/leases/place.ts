import { builtin, parseProcStat, WatertightError } from '../core/index.js';

/** Where this process is in time and space: read once, as it does not change. */
export interface Place {
  /** The folder with the leases: in memory, seen by every process of the machine, emptied by a new boot. */
  readonly folder: string;
  /** Where leased temporary folders are made. */
  readonly tempDir: string;
  readonly boot: string;
  /** Inode of this PID namespace; 0 where there are none. */
  readonly pidSpace: number;
}

/** Where no boot can be read (a `/proc` of processes alone): nothing is then known of other boots. */
export const NO_BOOT = '00000000';

let known: Place | undefined;

/** @throws WatertightError WT_LEASES_FOLDER when WATERTIGHT_LEASE_DIR is no folder */
export function place(): Place {
  known ??= {
    folder: leaseFolderPath(),
    tempDir: builtin.path.resolve(builtin.os.tmpdir()),
    boot: textOf('/proc/sys/kernel/random/boot_id').slice(0, 8) || NO_BOOT,
    pidSpace: Number(/\d+/.exec(linkOf('/proc/self/ns/pid'))?.[0] ?? 0),
  };
  return known;
}

/** Effective user, who may change; -1 where there are none. What belongs to others is not looked at. */
export function userId(): number {
  return process.geteuid?.() ?? -1;
}

/** `WATERTIGHT_LEASE_DIR`, else `/dev/shm`, else the folder for temporary files: the same for all who shall find each other. */
function leaseFolderPath(): string {
  const chosen = process.env.WATERTIGHT_LEASE_DIR;
  if (chosen && !isFolder(chosen)) {
    throw new WatertightError('WT_LEASES_FOLDER', `Cannot look for leases in ${chosen} as it is no folder`, {
      hint: 'make it, or set WATERTIGHT_LEASE_DIR to one that is there, the same for all processes that share',
      details: { path: chosen },
    });
  }
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
