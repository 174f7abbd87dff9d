import { builtin, namesIn, WatertightError } from '../core/index.js';
import { type Native, native, needNative } from '../native/index.js';
import { entryFailure } from './entry-failure.js';
import { unlinkIfThere } from './entry-file.js';
import { isOwnerUid } from './lease-name.js';
import { ownerState } from './owner.js';
import { place, userId } from './place.js';

/** Descriptors of locks that this thread holds, and their paths. */
const held = new Map<number, string>();

/**
 * @returns the descriptor that holds the lock, or undefined while another holds it
 * @throws WatertightError WT_NATIVE_UNAVAILABLE, WT_LEASES_FOLDER, WT_LEASES_FOREIGN
 */
export function tryTake(path: string, holder: string): number | undefined {
  const calls = needNative('take a lock between processes');
  for (;;) {
    const fd = openLock(path);
    const taken = takeOrClose(calls, fd, path);
    if (taken === 'held') return undefined;
    if (taken === 'stale') continue;
    writeHolder(fd, holder);
    held.set(fd, path);
    return fd;
  }
}

/** The file goes while the lock is still held, so that no two can hold two files of one name. */
export function giveBack(fd: number): void {
  const path = held.get(fd);
  held.delete(fd);
  if (path !== undefined) unlinkIfThere(path);
  builtin.files.closeSync(fd);
}

export function giveBackAll(): void {
  for (const fd of [...held.keys()]) giveBack(fd);
}

function takeOrClose(calls: Native, fd: number, path: string): 'taken' | 'held' | 'stale' {
  let taken: ReturnType<typeof take> = 'stale';
  try {
    checkOurs(fd, path);
    taken = take(calls, fd, path);
    return taken;
  } finally {
    if (taken !== 'taken') builtin.files.closeSync(fd);
  }
}

function checkOurs(fd: number, path: string): void {
  const stat = builtin.files.fstatSync(fd);
  if (stat.isFile() && stat.uid === userId()) return;
  const what = stat.isFile() ? `it belongs to user ${stat.uid}` : 'it is no file';
  throw new WatertightError('WT_LEASES_FOREIGN', `Cannot use ${path} as a lock as ${what}`, {
    hint: 'remove it, or take a lock of another name',
    details: { path, userId: stat.uid },
  });
}

/** Who holds it is for messages: a lock on a full disk is one all the same. */
function writeHolder(fd: number, holder: string): void {
  try {
    builtin.files.ftruncateSync(fd);
    builtin.files.writeSync(fd, holder, 0);
  } catch {
    // Then nobody is named.
  }
}

/** `stale`: whoever held it before has removed this very file, and the lock would be on nothing. */
function take(calls: Native, fd: number, path: string): 'taken' | 'held' | 'stale' {
  if (!calls.tryLock(fd)) return 'held';
  const stat = builtin.files.fstatSync(fd);
  return builtin.files.lstatSync(path, { throwIfNoEntry: false })?.ino === stat.ino ? 'taken' : 'stale';
}

/** Removes the files of locks that nobody holds: their holders were killed. @returns their paths */
export function removeFreeLocks(isDryRun: boolean): string[] {
  const calls = native();
  const prefix = lockPath('');
  if (!calls) return [];
  const left = namesIn(place().folder).map((name) => `${place().folder}/${name}`);
  return left.filter((path) => path.startsWith(prefix) && isLeftBehind(path) && removeIfFree(calls, path, isDryRun));
}

function removeIfFree(calls: Native, path: string, isDryRun: boolean): boolean {
  const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = builtin.files.constants;
  let fd: number | undefined;
  try {
    fd = builtin.files.openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    checkOurs(fd, path);
    const isFree = take(calls, fd, path) === 'taken';
    if (isFree && !isDryRun) unlinkIfThere(path);
    return isFree;
  } catch {
    // Gone since, or another's: none that we left.
    return false;
  } finally {
    if (fd !== undefined) builtin.files.closeSync(fd);
  }
}

export function lockPath(name: string): string {
  return `${place().folder}/wt-lock.${userId()}.${name}`;
}

function openLock(path: string): number {
  // Without waiting: a FIFO may stand there, which anyone may have put into a folder that is open to all.
  const { O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = builtin.files.constants;
  try {
    return builtin.files.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (cause) {
    throw entryFailure(path, cause);
  }
}

/** Its holder is dead, or was killed before it could say who it is; or is about to say so. */
export function isLeftBehind(path: string): boolean {
  const uid = holderUid(path);
  return uid === undefined || ownerState(uid) === 'dead';
}

/** Uid of the owner that took it last. */
export function holderUid(path: string): string | undefined {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = builtin.files.constants;
  let fd: number | undefined;
  try {
    fd = builtin.files.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const text = Buffer.alloc(64);
    const bytes = builtin.files.fstatSync(fd).isFile() ? builtin.files.readSync(fd, text, 0, text.length, 0) : 0;
    const uid = text.toString('latin1', 0, bytes);
    return isOwnerUid(uid) ? uid : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) builtin.files.closeSync(fd);
  }
}
