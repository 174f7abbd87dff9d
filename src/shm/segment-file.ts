import type { Stats } from 'node:fs';
import { builtin, WatertightError } from '../core/index.js';
import { leasePath, listLeases, parseLeaseName, place, removeDeadSegments, unlinkIfThere } from '../leases/index.js';
import type { Native } from '../native/index.js';

/** How another thread or process finds a segment; plain data. */
export type SegmentHandle =
  /** By its name; each holder has one of its own, and a segment is found while any of them lives. */
  | { readonly kind: 'named'; readonly file: string; readonly inode: number; readonly bytes: number }
  /** Through a holder's descriptor: the segment has no name. */
  | {
      readonly kind: 'anonymous';
      readonly pid: number;
      readonly fd: number;
      readonly inode: number;
      readonly bytes: number;
    }
  /** Within this process: no native calls. */
  | { readonly kind: 'local'; readonly buffer: SharedArrayBuffer; readonly bytes: number };

/** A segment's file, open. */
export interface SegmentFile {
  /** Kept while it has no other name, as handles lead to it; closed once it is mapped when it has. */
  readonly fd: number;
  readonly inode: number;
  /** Size of the file: whole pages. */
  readonly fileBytes: number;
  /** This holder's own name for it, or undefined. */
  readonly path: string | undefined;
}

const MEMORY_FILE = 'watertight';

/** A new file in memory with all of its pages there. @throws WatertightError WT_SHM_FULL, WT_SHM_SYSTEM */
export function makeFile(calls: Native, bytes: number, name: string | undefined): SegmentFile {
  const fileBytes = Math.ceil(bytes / calls.pageBytes) * calls.pageBytes;
  checkMemory(fileBytes);
  try {
    return makeOnce(calls, fileBytes, name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOSPC' || removeDeadSegments() === 0) throw makeFailure(error, bytes);
  }
  // What dead owners had left is gone now.
  try {
    return makeOnce(calls, fileBytes, name);
  } catch (error) {
    throw makeFailure(error, bytes);
  }
}

/** Smaller ones are not worth the 40 µs of asking: so many of them would run out of descriptors first. */
const ASK_FROM_BYTES = 2 ** 24;

/** The kernel gives out memory that it does not have, and ends some process later: nothing else stops a file without a name. */
function checkMemory(fileBytes: number): void {
  if (fileBytes < ASK_FROM_BYTES) return;
  const available = process.availableMemory?.() ?? builtin.os.freemem();
  // 0: it could not be read, as when no descriptor is left.
  if (available === 0 || fileBytes <= available) return;
  const what = `Cannot make a segment of ${fileBytes} bytes as ${available} bytes of memory are available`;
  throw new WatertightError('WT_SHM_FULL', what, {
    hint: 'make a smaller one, or close others; a container: raise its memory limit',
    details: { bytes: fileBytes, availableBytes: available },
  });
}

function makeOnce(calls: Native, fileBytes: number, name: string | undefined): SegmentFile {
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = builtin.files.constants;
  const path = name === undefined ? undefined : leasePath('segment', name);
  const fd =
    path === undefined
      ? calls.openMemoryFile(MEMORY_FILE)
      : builtin.files.openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    calls.allocateFile(fd, fileBytes);
    if (path === undefined) calls.sealSize(fd);
    if (path === undefined) builtin.diagnostics.channel('watertight:memory-file-opened').publish({ fd });
    return { fd, inode: builtin.files.fstatSync(fd).ino, fileBytes, path };
  } catch (error) {
    builtin.files.closeSync(fd);
    if (path !== undefined) unlinkIfThere(path);
    throw error;
  }
}

/** Opens what a handle leads to. @throws WatertightError WT_SHM_GONE, WT_SHM_CHANGED, WT_SHM_SYSTEM */
export function openFile(calls: Native, handle: Exclude<SegmentHandle, { kind: 'local' }>): SegmentFile {
  const path = pathOf(handle);
  const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = builtin.files.constants;
  let fd: number;
  try {
    // The entries of /proc/<pid>/fd are links, made by the kernel.
    fd = builtin.files.openSync(path, O_RDWR | O_NONBLOCK | (handle.kind === 'named' ? O_NOFOLLOW : 0));
  } catch (cause) {
    throw openFailure(path, cause);
  }
  try {
    const fileBytes = checkFile(calls, path, handle, builtin.files.fstatSync(fd));
    return { fd, inode: handle.inode, fileBytes, path: handle.kind === 'named' ? ownName(path) : undefined };
  } catch (error) {
    builtin.files.closeSync(fd);
    throw error;
  }
}

/** Gives up what leads to the file: this holder's name, or its descriptor. What is mapped stays mapped. */
export function releaseFile({ fd, path }: SegmentFile): void {
  if (path !== undefined) unlinkIfThere(path);
  else builtin.files.closeSync(fd);
}

/** The handle of a live segment with this name. @throws WatertightError WT_SHM_GONE, WT_SHM_AMBIGUOUS */
export function findHandle(name: string): SegmentHandle {
  const found = new Map<number, SegmentHandle>();
  for (const lease of listLeases()) {
    if (lease.kind !== 'segment' || lease.label !== name || lease.ownerState === 'dead') continue;
    const stat = builtin.files.lstatSync(lease.path, { throwIfNoEntry: false });
    // Size 0: its maker is between its first two steps.
    if (!stat || stat.size === 0) continue;
    const file = builtin.path.basename(lease.path);
    found.set(stat.ino, { kind: 'named', file, inode: stat.ino, bytes: stat.size });
  }
  const [handle, ...others] = found.values();
  if (!handle) throw goneFailure(`the segment ${name}`, 'no live process holds one of this name');
  if (others.length === 0) return handle;
  throw new WatertightError(
    'WT_SHM_AMBIGUOUS',
    `Cannot open the segment ${name} as ${found.size} live ones have this name`,
    {
      hint: 'open one by its handle, or give each its own name',
      details: { name, found: found.size },
    },
  );
}

function pathOf(handle: Exclude<SegmentHandle, { kind: 'local' }>): string {
  if (handle.kind === 'anonymous') return `/proc/${handle.pid}/fd/${handle.fd}`;
  return `${place().folder}/${handle.file}`;
}

/** Every holder links the file under a name of its own, so that it stays to be found while any of them lives. */
function ownName(path: string): string {
  const own = leasePath('segment', parseLeaseName(builtin.path.basename(path))?.label);
  try {
    builtin.files.linkSync(path, own);
  } catch (cause) {
    throw openFailure(path, cause);
  }
  return own;
}

function checkFile(calls: Native, path: string, handle: SegmentHandle & { inode: number }, stat: Stats): number {
  const fileBytes = Math.ceil(handle.bytes / calls.pageBytes) * calls.pageBytes;
  if (!stat.isFile() || stat.ino !== handle.inode) {
    throw goneFailure(path, 'another file is there now');
  }
  if (stat.uid !== place().userId) throw changedFailure(path, `it belongs to user ${stat.uid}`);
  if (stat.size === fileBytes) return fileBytes;
  throw changedFailure(path, `it has ${stat.size} bytes where ${fileBytes} were made`);
}

function goneFailure(what: string, why: string, cause?: unknown): WatertightError {
  return new WatertightError('WT_SHM_GONE', `Cannot open ${what} as ${why}`, {
    hint: 'its last holder closed it or ended; make a new one',
    cause,
  });
}

function changedFailure(path: string, why: string): WatertightError {
  return new WatertightError('WT_SHM_CHANGED', `Cannot open ${path} as ${why}`, {
    hint: 'somebody else changed it; make a new segment, without a name: nobody can change the size of such a one',
    details: { path },
  });
}

function openFailure(path: string, cause: unknown): WatertightError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  if (code === 'ENOENT' || code === 'ESRCH') return goneFailure(path, 'it is gone', cause);
  return systemFailure(`open ${path}`, code, cause);
}

function makeFailure(cause: unknown, bytes: number): WatertightError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  if (code !== 'ENOSPC') return systemFailure(`make a segment of ${bytes} bytes`, code, cause);
  return new WatertightError('WT_SHM_FULL', `Cannot make a segment of ${bytes} bytes as ${place().folder} is full`, {
    hint: 'close segments, or give it more space (a container: --shm-size)',
    details: { bytes, folder: place().folder },
    cause,
  });
}

const HINTS: Record<string, string> = {
  EMFILE: 'no descriptor is left in this process: close some, or raise `ulimit -n`',
  ENFILE: 'no descriptor is left on this machine',
  EROFS:
    'the folder is read-only: set WATERTIGHT_LEASE_DIR to one in memory that can be written, or leave the name out',
  EACCES: 'it is not ours: processes that share memory run as one user',
  ENOMEM: 'memory is short, or limited (ulimit -v, cgroup)',
};

export function systemFailure(what: string, code: string, cause: unknown): WatertightError {
  return new WatertightError('WT_SHM_SYSTEM', `Cannot ${what} as the system refuses it (${code})`, {
    hint: HINTS[code] ?? 'see the cause',
    details: { code },
    cause,
  });
}
