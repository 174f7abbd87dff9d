import { builtin, namesIn } from '../core/index.js';
import { type Native, native, needNative } from '../native/index.js';
import { entryFailure } from './entry-failure.js';
import { unlinkIfThere } from './entry-file.js';
import { isOwnerUid } from './lease-name.js';
import { ownerState } from './owner.js';
import { place } from './place.js';

/** @returns the descriptor that holds the lock, or undefined while another holds it */
export function tryTake(path: string, holder: string): number | undefined {
  const calls = needNative('take a lock between processes');
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = builtin.files.constants;
  for (;;) {
    const fd = openLock(path, O_RDWR | O_CREAT | O_NOFOLLOW);
    const taken = take(calls, fd, path);
    if (taken === 'taken') {
      builtin.files.ftruncateSync(fd);
      builtin.files.writeSync(fd, holder, 0);
      return fd;
    }
    builtin.files.closeSync(fd);
    if (taken === 'held') return undefined;
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
  const { O_RDWR, O_NOFOLLOW } = builtin.files.constants;
  let fd: number;
  try {
    fd = builtin.files.openSync(path, O_RDWR | O_NOFOLLOW);
  } catch {
    return false;
  }
  try {
    const isFree = take(calls, fd, path) === 'taken';
    if (isFree && !isDryRun) unlinkIfThere(path);
    return isFree;
  } finally {
    builtin.files.closeSync(fd);
  }
}

export function lockPath(name: string): string {
  return `${place().folder}/wt-lock.${place().userId}.${name}`;
}

function openLock(path: string, flags: number): number {
  try {
    return builtin.files.openSync(path, flags, 0o600);
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
  try {
    const text = builtin.files.readFileSync(path, 'latin1');
    return isOwnerUid(text) ? text : undefined;
  } catch {
    return undefined;
  }
}
