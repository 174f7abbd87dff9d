// What dead owners left is removed in this order, so that a reclaim that is killed at any point leaves something that the
// next one finds: 1. their children, which may use the rest; 2. sockets, folders, segments; 3. the owner's own file, when
// nothing of it is left. Any number may reclaim at once: what is gone already counts as done.
import { builtin, checkOptionNames, errorText, kindOf, monotonicMs } from '../core/index.js';
import { removeFolder, unlinkIfThere } from './entry-file.js';
import { foldersOfEarlierBoots, type LeaseRow, type LeaseScan, leasesOf, scanLeases } from './lease-list.js';
import { giveBackAll, removeFreeLocks } from './lock-file.js';
import { isOurOwnLease, killChildren } from './marked-processes.js';
import { isEnding, leasePath, ownerPath } from './owner.js';
import { place, userId } from './place.js';
import { removeLeftSocket } from './socket-file.js';

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
 * Cost: 50 µs and 0.5 µs an entry of the folder for temporary files when there is nothing to do; 7 µs a segment;
 * synchronous but for sockets and children.
 */
export async function reclaim(options: ReclaimOptions = {}): Promise<ReclaimReport> {
  const where = 'reclaim(options)';
  checkOptionNames(where, options, ['dryRun']);
  const { dryRun = false } = options;
  if (typeof dryRun !== 'boolean') throw new TypeError(`${where}: dryRun must be a boolean, not ${kindOf(dryRun)}`);
  const startedAt = monotonicMs();
  const earlier = foldersOfEarlierBoots().filter(({ path }) => isOfThisMachine(path));
  const reclaimed: LeaseRow[] = [];
  const owners = new Set<string>();
  let pass = await sweep(earlier, dryRun);
  for (let passes = 1; ; passes++) {
    reclaimed.push(...pass.reclaimed);
    for (const uid of pass.deadOwners) owners.add(uid);
    // Children that were killed may have been owners themselves.
    const mayGoOn = pass.reclaimed.some(({ kind }) => kind === 'child') && passes < MOST_PASSES;
    if (dryRun || !mayGoOn) break;
    pass = await sweep([], dryRun);
  }
  // Last: a child that was about to begin its own program has held them too.
  const locks = removeFreeLocks(dryRun);
  const count = (state: LeaseRow['ownerState']) => pass.left.filter(({ ownerState }) => ownerState === state).length;
  return {
    isDryRun: dryRun,
    reclaimed,
    locks,
    deadOwners: owners.size,
    alive: count('alive'),
    unknown: count('unknown'),
    failures: pass.failures,
    durationMs: monotonicMs() - startedAt,
  };
}

/** Programs within programs within programs. */
const MOST_PASSES = 8;

interface Pass {
  readonly reclaimed: readonly LeaseRow[];
  readonly deadOwners: readonly string[];
  readonly left: readonly LeaseRow[];
  readonly failures: readonly ReclaimFailure[];
}

async function sweep(more: readonly LeaseRow[], isDryRun: boolean): Promise<Pass> {
  const { leases, owners } = await scanSettled();
  const dead = [...more, ...leases.filter(({ ownerState }) => ownerState === 'dead')];
  const left = leases.filter(({ ownerState }) => ownerState !== 'dead');
  const deadOwners = [...owners].filter(([, state]) => state === 'dead').map(([uid]) => uid);
  const failures = isDryRun ? [] : await remove(dead, left, deadOwners);
  const kept = new Set(failures.map(({ path }) => path));
  return { reclaimed: dead.filter(({ path }) => !kept.has(path)), deadOwners, left, failures };
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

// statfs(2): ext2 to 4, xfs, btrfs, tmpfs, overlay, f2fs, zfs. On any other (NFS, 9p, virtiofs) another machine may be alive.
const LOCAL_FILE_SYSTEMS = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1];

function isOfThisMachine(path: string): boolean {
  try {
    return LOCAL_FILE_SYSTEMS.includes(builtin.files.statfsSync(path).type);
  } catch {
    return false;
  }
}

async function remove(
  dead: readonly LeaseRow[],
  left: readonly LeaseRow[],
  deadOwners: readonly string[],
): Promise<ReclaimFailure[]> {
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
  const stillThere = [...left, ...dead.filter(({ path }) => unfinished.has(path))];
  for (const uid of deadOwners) {
    const isDone = !stillThere.some(({ ownerUid }) => ownerUid === uid);
    if (isDone) await attempt('owner', ownerPath(uid), () => unlinkIfThere(ownerPath(uid)));
  }
  return failures;
}

async function removeLease({ kind, path, target }: LeaseRow): Promise<void> {
  if (kind === 'folder') removeLeftFolder(path, target);
  else if (kind === 'socket') await removeLeftSocket(leasePath('socket'), path, target);
  else unlinkIfThere(path);
}

/** A lease leads to the folder that has its own name, of this user; to any other place it was forged, and is only removed. */
function removeLeftFolder(path: string, folder: string): void {
  const stat = builtin.files.lstatSync(folder, { throwIfNoEntry: false });
  const isNamed = builtin.path.basename(folder) === builtin.path.basename(path);
  if (isNamed && stat?.isDirectory() && stat.uid === userId()) removeFolder(folder);
  if (path !== folder) unlinkIfThere(path);
}

async function endChildren(children: readonly LeaseRow[], failures: ReclaimFailure[]): Promise<void> {
  const alive = await killChildren(children);
  for (const { path, target } of children) {
    if (isOurOwnLease({ path, target })) {
      failures.push({ kind: 'child', path, reason: 'it is this process, which does not end itself' });
      continue;
    }
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
 * As a thread's process ends: its locks, segments and folders go now. Sockets and children, about which something has to be
 * asked first, are left to the next reclaim, with the owner's own file.
 */
export function endOwner(uid: string): void {
  let isAllGone = true;
  const attempt = (act: () => void) => {
    try {
      act();
    } catch {
      isAllGone = false;
    }
  };
  attempt(giveBackAll);
  attempt(() => {
    for (const { kind, path, target } of leasesOf(uid)) {
      if (kind === 'segment') attempt(() => unlinkIfThere(path));
      else if (kind === 'folder') attempt(() => removeLeftFolder(path, target));
      else isAllGone = false;
    }
  });
  if (isAllGone) attempt(() => unlinkIfThere(ownerPath(uid)));
}
