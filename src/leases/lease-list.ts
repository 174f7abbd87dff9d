import type { Stats } from 'node:fs';
import { builtin, namesIn } from '../core/index.js';
import { type LeaseKind, type LeaseName, parseLeaseName, parseOwnerUid } from './lease-name.js';
import { type OwnerState, ownerState } from './owner.js';
import { place } from './place.js';

/** One lease as it stands now. */
export interface LeaseRow {
  readonly kind: LeaseKind;
  /** The entry: the segment or the folder itself, a link for a socket or a child. */
  readonly path: string;
  /** Path of the socket; `pid:startTicks` of the child, empty before it started. Only for these two. */
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
  const { folder, tempDir, boot } = place();
  const owners = new Map<string, OwnerState>();
  const leases: LeaseRow[] = [];
  for (const entry of [...entriesOf(folder, (kind) => kind !== 'folder'), ...entriesOf(tempDir, isFolderKind)]) {
    const { ownerUid, kind } = entry;
    if (entry.boot === boot && !owners.has(ownerUid)) owners.set(ownerUid, ownerState(ownerUid));
    const isLooked = looked === 'all' || owners.get(ownerUid) !== 'alive';
    if (kind === 'owner' || (isLooked && !isOurs(entry))) continue;
    leases.push({
      kind,
      path: entry.path,
      target: isLooked && (kind === 'socket' || kind === 'child') ? linkOf(entry.path) : '',
      label: entry.label,
      ownerUid,
      pid: parseOwnerUid(ownerUid).pid,
      ownerState: owners.get(ownerUid) ?? 'earlier-boot',
    });
  }
  return { leases, owners };
}

interface Entry extends LeaseName {
  readonly path: string;
}

const isFolderKind = (kind: LeaseName['kind']) => kind === 'folder';

/** Entries with the name of a lease. */
function entriesOf(directory: string, isWanted: (kind: LeaseName['kind']) => boolean): Entry[] {
  const { boot } = place();
  return namesIn(directory).flatMap((fileName) => {
    const name = parseLeaseName(fileName);
    if (!name || !isWanted(name.kind) || (name.boot !== boot && name.kind !== 'folder')) return [];
    return [{ ...name, path: `${directory}/${fileName}` }];
  });
}

/** This user's, and what its name says; whatever else has such a name is a stranger's, and left alone. */
function isOurs({ path, kind }: Entry): boolean {
  const stat = statOf(path);
  return stat !== undefined && stat.uid === place().userId && isOfKind(stat, kind);
}

function isOfKind(stat: Stats, kind: LeaseName['kind']): boolean {
  if (kind === 'segment') return stat.isFile();
  if (kind === 'folder') return stat.isDirectory();
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
