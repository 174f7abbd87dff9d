import type { SourceLocation } from '../source-locations.js';
import type { HeapInventory } from './heap-inventory.js';

export interface ClassChange {
  readonly className: string;
  readonly location: SourceLocation | null;
  readonly before: number;
  readonly after: number;
  /** Objects of the later snapshot that the earlier did not have. */
  readonly born: number;
  /** Objects of the earlier snapshot that are gone. */
  readonly gone: number;
  readonly deltaBytes: number;
  readonly bornBytes: number;
  /** V8's id of one that was born; 0 without any. */
  readonly exampleId: number;
}

export interface ContainerChange {
  readonly id: number;
  readonly kind: string;
  readonly before: number;
  readonly after: number;
  readonly deltaStoreBytes: number;
}

export interface HeapDiff {
  /** Classes with a change, most bytes gained first. */
  readonly classes: readonly ClassChange[];
  /** Containers of both snapshots that hold more than before or whose store grew, most first. */
  readonly containers: readonly ContainerChange[];
  readonly deltaBytes: number;
  readonly deltaObjects: number;
  /** Share of the earlier objects that are still there; near 0 when the files are of two processes. */
  readonly survivors: number;
}

/** Ids of native memory are given anew in each snapshot: such nodes are counted, not followed. */
const isFollowed = (id: number): boolean => id % 2 === 1;

/**
 * What changed between two snapshots of one process: V8 keeps the id of an object, so born and gone are exact.
 * Cost: one look-up a node of each.
 */
export function heapDiff(before: HeapInventory, after: HeapInventory): HeapDiff {
  const born = missingIn(after, before);
  const gone = missingIn(before, after);
  const keys = new Set([...before.classes.keys(), ...after.classes.keys()]);
  const classes: ClassChange[] = [];
  for (const key of keys) {
    const [was, is] = [before.classes.get(key), after.classes.get(key)];
    const { className, location } = (is ?? was)!;
    const more = born.byClass.get(key);
    const less = gone.byClass.get(key)?.count ?? 0;
    const deltaBytes = (is?.bytes ?? 0) - (was?.bytes ?? 0);
    const change = { before: was?.count ?? 0, after: is?.count ?? 0, born: more?.count ?? 0, gone: less, deltaBytes };
    if (deltaBytes === 0 && change.born === 0 && less === 0) continue;
    classes.push({ className, location, ...change, bornBytes: more?.bytes ?? 0, exampleId: more?.exampleId ?? 0 });
  }
  const total = (inventory: HeapInventory, field: 'bytes' | 'count'): number =>
    [...inventory.classes.values()].reduce((sum, row) => sum + row[field], 0);
  return {
    classes: classes.sort((a, b) => b.deltaBytes - a.deltaBytes || b.born - a.born),
    containers: containerChanges(before, after),
    deltaBytes: total(after, 'bytes') - total(before, 'bytes'),
    deltaObjects: total(after, 'count') - total(before, 'count'),
    survivors: gone.followed === 0 ? 0 : 1 - gone.missing / gone.followed,
  };
}

interface Missing {
  readonly byClass: Map<string, { count: number; bytes: number; exampleId: number }>;
  followed: number;
  missing: number;
}

/** The objects of one inventory that the other does not have, by class. */
function missingIn(inventory: HeapInventory, other: HeapInventory): Missing {
  const found: Missing = { byClass: new Map(), followed: 0, missing: 0 };
  for (let index = 0; index < inventory.ids.length; index++) {
    const id = inventory.ids[index]!;
    const bytes = inventory.bytesOf[index]!;
    if (!isFollowed(id) || bytes === 0) continue;
    found.followed++;
    if (other.indexOf(id) >= 0) continue;
    found.missing++;
    const key = inventory.classKeys[inventory.classOf[index]!]!;
    const known = found.byClass.get(key);
    if (known) {
      known.count++;
      known.bytes += bytes;
    } else found.byClass.set(key, { count: 1, bytes, exampleId: id });
  }
  return found;
}

function containerChanges(before: HeapInventory, after: HeapInventory): ContainerChange[] {
  const changes: ContainerChange[] = [];
  for (const [id, is] of after.containers) {
    const was = before.containers.get(id);
    if (!was || (is.held <= was.held && is.storeBytes <= was.storeBytes)) continue;
    const deltaStoreBytes = is.storeBytes - was.storeBytes;
    changes.push({ id, kind: is.kind, before: was.held, after: is.held, deltaStoreBytes });
  }
  return changes.sort((a, b) => b.after - b.before - (a.after - a.before) || b.deltaStoreBytes - a.deltaStoreBytes);
}
