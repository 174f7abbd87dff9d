// What dead owners left is removed in this order, so that a reclaim that is killed at any point leaves something that the
// next one finds: 1. their children, which may use the rest; 2. sockets, folders, segments; 3. the owner's own file, when
// nothing of it is left. Any number may reclaim at once: what is gone already counts as done.
import { builtin, checkOptionNames, errorText, kindOf, monotonicMs } from '../core/index.js';
import { removeFolder, unlinkIfThere } from './entry-file.js';
import { type LeaseRow, type LeaseScan, scanLeases } from './lease-list.js';
import { removeFreeLocks } from './lock-file.js';
import { killChildren } from './marked-processes.js';
import { isEnding, ownerPath } from './owner.js';
import { place } from './place.js';
import { removeSocket } from './socket-file.js';

export interface ReclaimOptions {
  /** Only says what would be removed. */
  readonly dryRun?: boolean;
}

export interface ReclaimFailure {
  readonly kind: LeaseRow['kind'] | 'owner';
  readonly path: string;
  /** Why it is still there; the next reclaim tries again. */
  readonly reason: string;
}

/** What one reclaim found and did. */
export interface ReclaimReport {
  readonly isDryRun: boolean;
  /** Removed, or with `dryRun` to be removed. */
  readonly reclaimed: readonly LeaseRow[];
  /** Files of locks whose holders had ended; the locks themselves ended with them. */
  readonly locks: readonly string[];
  /** Owners that had ended. */
  readonly deadOwners: number;
  /** Leases of owners that live, untouched. */
  readonly alive: number;
  /** Leases of owners of whom nothing can be known from here (another PID namespace, and no owner's file): untouched. */
  readonly unknown: number;
  readonly failures: readonly ReclaimFailure[];
  readonly durationMs: number;
}

/**
 * Removes what owners left that ended without releasing it: segments, folders, sockets, children. What belongs to a live
 * owner, to another user, or to somebody of whom nothing is known, is not touched. Runs by itself, once, when a thread makes
 * its first lease.
 *
 * Cost: 25 µs when there is nothing to do; 7 µs a segment; synchronous but for sockets and children.
 */
export async function reclaim(options: ReclaimOptions = {}): Promise<ReclaimReport> {
  const where = 'reclaim(options)';
  checkOptionNames(where, options, ['dryRun']);
  const { dryRun = false } = options;
  if (typeof dryRun !== 'boolean') throw new TypeError(`${where}: dryRun must be a boolean, not ${kindOf(dryRun)}`);
  const startedAt = monotonicMs();
  const { leases, owners } = await scanSettled();
  const dead = leases.filter(isLeftBehind);
  const locks = removeFreeLocks(dryRun);
  const deadOwners = [...owners].filter(([, state]) => state === 'dead').map(([uid]) => uid);
  const failures: ReclaimFailure[] = dryRun ? [] : await remove(dead, deadOwners);
  const kept = new Set(failures.map(({ path }) => path));
  return {
    isDryRun: dryRun,
    reclaimed: dead.filter(({ path }) => !kept.has(path)),
    locks,
    deadOwners: deadOwners.length,
    alive: leases.filter((lease) => lease.ownerState === 'alive').length,
    unknown: leases.filter((lease) => lease.ownerState === 'unknown').length,
    failures,
    durationMs: monotonicMs() - startedAt,
  };
}

/** How often and how long an owner that is ending is waited for: an exec takes 1 ms, on a busy machine 10. */
const ENDING_CHECK_MS = 2;
const ENDING_LIMIT_MS = 500;

async function scanSettled(): Promise<LeaseScan> {
  for (const startedAt = monotonicMs(); ; ) {
    const scan = scanLeases('dead');
    const isSettled = ![...scan.owners].some(([uid, state]) => state === 'alive' && isEnding(uid));
    if (isSettled || monotonicMs() - startedAt > ENDING_LIMIT_MS) return scan;
    await new Promise((resolve) => setTimeout(resolve, ENDING_CHECK_MS));
  }
}

function isLeftBehind(lease: LeaseRow): boolean {
  return lease.ownerState === 'dead' || (lease.ownerState === 'earlier-boot' && isOfThisMachine(lease.path));
}

// statfs(2): ext2 to 4, xfs, btrfs, tmpfs, overlay, f2fs, zfs. On any other (NFS, 9p, virtiofs) another machine may be alive.
const LOCAL_FILE_SYSTEMS = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1];

function isOfThisMachine(path: string): boolean {
  try {
    return LOCAL_FILE_SYSTEMS.includes(builtin.files.statfsSync(path).type);
  } catch {
    return false;
  }
}

async function remove(dead: readonly LeaseRow[], deadOwners: readonly string[]): Promise<ReclaimFailure[]> {
  const failures: ReclaimFailure[] = [];
  const attempt = async (kind: ReclaimFailure['kind'], path: string, act: () => void | Promise<void>) => {
    try {
      await act();
    } catch (error) {
      failures.push({ kind, path, reason: errorText(error) });
    }
  };
  const children = dead.filter(({ kind }) => kind === 'child');
  if (children.length > 0) await attempt('child', place().folder, () => endChildren(children, failures));
  for (const lease of dead) {
    if (lease.kind !== 'child') await attempt(lease.kind, lease.path, () => removeLease(lease));
  }
  const unfinished = new Set(failures.map(({ path }) => path));
  const isUnfinished = (uid: string) => dead.some(({ ownerUid, path }) => ownerUid === uid && unfinished.has(path));
  for (const uid of deadOwners) {
    if (!isUnfinished(uid)) await attempt('owner', ownerPath(uid), () => unlinkIfThere(ownerPath(uid)));
  }
  return failures;
}

function removeLease(lease: LeaseRow): void | Promise<void> {
  if (lease.kind === 'folder') return removeFolder(lease.path);
  if (lease.kind === 'socket') return removeSocket(lease.path, lease.target);
  return unlinkIfThere(lease.path);
}

async function endChildren(children: readonly LeaseRow[], failures: ReclaimFailure[]): Promise<void> {
  const alive = await killChildren(children);
  for (const { path, target } of children) {
    const left = alive.find(({ pid, startTicks }) => target === `${pid}:${startTicks}`) ?? alive[0];
    if (left) failures.push({ kind: 'child', path, reason: `process ${left.pid} does not end though it was killed` });
    else unlinkIfThere(path);
  }
}

/** Segments of dead owners, at once: what is full may have room then. @returns how many there were */
export function removeDeadSegments(): number {
  const dead = scanLeases('dead').leases.filter(({ kind, ownerState }) => kind === 'segment' && ownerState === 'dead');
  for (const { path } of dead) unlinkIfThere(path);
  return dead.length;
}

/**
 * What this thread still leases as its process ends: synchronous, and without asking who listens on its sockets. Children
 * are left to whoever reclaims next.
 */
export function removeOwn(uid: string): void {
  for (const lease of scanLeases('all').leases) {
    if (lease.ownerUid !== uid || lease.kind === 'child') continue;
    try {
      if (lease.kind === 'folder') removeFolder(lease.path);
      else unlinkIfThere(lease.path);
      if (lease.kind === 'socket' && isSocket(lease.target)) unlinkIfThere(lease.target);
    } catch {
      // The next reclaim says why.
    }
  }
}

function isSocket(path: string): boolean {
  return builtin.files.lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}
