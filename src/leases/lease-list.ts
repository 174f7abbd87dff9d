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
  return scanLeases().leases;
}

export function scanLeases(): LeaseScan {
  const { folder, tempDir, boot } = place();
  const owners = new Map<string, OwnerState>();
  const leases: LeaseRow[] = [];
  for (const entry of [...entriesOf(folder, (kind) => kind !== 'folder'), ...entriesOf(tempDir, isFolderKind)]) {
    const { ownerUid, kind } = entry;
    if (entry.boot === boot && !owners.has(ownerUid)) owners.set(ownerUid, ownerState(ownerUid));
    if (kind === 'owner') continue;
    leases.push({
      kind,
      path: entry.path,
      target: kind === 'socket' || kind === 'child' ? linkOf(entry.path) : '',
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

/** Entries of this user that are what their names say; whatever else has such a name is a stranger's, and left alone. */
function entriesOf(directory: string, isWanted: (kind: LeaseName['kind']) => boolean): Entry[] {
  const { boot, userId } = place();
  return namesIn(directory).flatMap((fileName) => {
    const name = parseLeaseName(fileName);
    if (!name || !isWanted(name.kind) || (name.boot !== boot && name.kind !== 'folder')) return [];
    const path = `${directory}/${fileName}`;
    const stat = statOf(path);
    return stat && stat.uid === userId && isOfKind(stat, name.kind) ? [{ ...name, path }] : [];
  });
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
