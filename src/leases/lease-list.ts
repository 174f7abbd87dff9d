import type { Stats } from 'node:fs';
import { builtin, namesIn } from '../core/index.js';
import { type LeaseKind, type LeaseName, parseLeaseName, parseOwnerUid } from './lease-name.js';
import { type OwnerState, ownerState } from './owner.js';
import { NO_BOOT, place, userId } from './place.js';

/** One lease as it stands now. */
export interface LeaseRow {
  readonly kind: LeaseKind;
  /** The entry: the segment itself, a link for others. */
  readonly path: string;
  /** Path of the folder or the socket; `pid:startTicks` of the child, `-` before it started. */
  readonly target: string;
  readonly label: string;
  readonly ownerUid: string;
  /** Process of the owner, in the owner's PID namespace. */
  readonly pid: number;
  /** `unknown` is never reclaimed. `earlier-boot` is a folder that an earlier boot of the machine left. */
  readonly ownerState: OwnerState | 'earlier-boot';
}

/** Everything leased by processes of this user on this machine, by the entries alone: nothing is held or changed. */
export interface LeaseScan {
  readonly leases: readonly LeaseRow[];
  /** Owners whose file stands there, and their state. */
  readonly owners: ReadonlyMap<string, OwnerState>;
}

/**
 * Every lease of this user on this machine, whoever holds it.
 * Cost: 6 µs an entry of the folder, and 1 to 20 µs an owner.
 */
export function listLeases(): readonly LeaseRow[] {
  return scanLeases('all').leases;
}

/**
 * @param looked `dead`: the entries of live owners are counted by their names alone, unlooked at, which takes a tenth of the time
 */
export function scanLeases(looked: 'all' | 'dead'): LeaseScan {
  const { folder, boot } = place();
  const owners = new Map<string, OwnerState>();
  const leases: LeaseRow[] = [];
  for (const entry of entriesOf(folder)) {
    if (entry.boot !== boot) continue;
    const { ownerUid } = entry;
    if (!owners.has(ownerUid)) {
      // Others' owners may look alive or dead to root; their leases are theirs all the same.
      if (!isOurs(entry)) continue;
      owners.set(ownerUid, ownerState(ownerUid));
    }
    const state = owners.get(ownerUid)!;
    const isLooked = looked === 'all' || state !== 'alive';
    if (isLease(entry) && (!isLooked || isOurs(entry))) leases.push(rowOf(entry, state, isLooked));
  }
  return { leases, owners };
}

/** What one thread leases. */
export function leasesOf(uid: string): LeaseRow[] {
  const own = entriesOf(place().folder).filter((entry) => entry.ownerUid === uid);
  return own.filter(isLease).map((entry) => rowOf(entry, 'alive', true));
}

function rowOf({ kind, path, label, ownerUid }: LeaseEntry, state: OwnerState, isLooked: boolean): LeaseRow {
  const { pid, pidSpace } = parseOwnerUid(ownerUid);
  // Processes of another PID namespace cannot be seen from here, nor told from those that have their numbers.
  const isOutOfSight = kind === 'child' && pidSpace !== place().pidSpace && state === 'dead';
  return {
    kind,
    path,
    target: kind !== 'segment' && isLooked ? linkOf(path) : '',
    label,
    ownerUid,
    pid,
    ownerState: isOutOfSight ? 'unknown' : state,
  };
}

/** Folders that an earlier boot of this machine left: their links were in memory. */
export function foldersOfEarlierBoots(): LeaseRow[] {
  const { tempDir, boot } = place();
  if (boot === NO_BOOT) return [];
  const found = entriesOf(tempDir).filter((entry) => entry.kind === 'folder' && entry.boot !== boot);
  return found.flatMap((entry) => {
    const { path, label, ownerUid } = entry;
    const stat = statOf(path);
    if (entry.boot === NO_BOOT || !stat?.isDirectory() || stat.uid !== userId()) return [];
    const { pid } = parseOwnerUid(ownerUid);
    return [{ kind: 'folder', path, target: path, label, ownerUid, pid, ownerState: 'earlier-boot' }];
  });
}

interface Entry extends LeaseName {
  readonly path: string;
}

type LeaseEntry = Entry & { readonly kind: LeaseKind };

const isLease = (entry: Entry): entry is LeaseEntry => entry.kind !== 'owner';

/** Entries with the name of a lease. */
function entriesOf(directory: string): Entry[] {
  return namesIn(directory).flatMap((fileName) => {
    const name = parseLeaseName(fileName);
    return name ? [{ ...name, path: `${directory}/${fileName}` }] : [];
  });
}

/** This user's, and what its name says; whatever else has such a name is a stranger's, and left alone. */
function isOurs({ path, kind }: Entry): boolean {
  const stat = statOf(path);
  return stat !== undefined && stat.uid === userId() && isOfKind(stat, kind);
}

function isOfKind(stat: Stats, kind: LeaseName['kind']): boolean {
  if (kind === 'segment') return stat.isFile();
  return kind === 'owner' ? stat.isFIFO() : stat.isSymbolicLink();
}

function statOf(path: string): Stats | undefined {
  try {
    return builtin.files.lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function linkOf(path: string): string {
  try {
    return builtin.files.readlinkSync(path);
  } catch {
    // Released since it was listed.
    return '';
  }
}
