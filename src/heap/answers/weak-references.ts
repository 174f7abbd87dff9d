import type { HeapSnapshot } from '../heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from '../meta.js';
import type { RetainingPaths } from '../retaining-paths.js';
import { objectChild } from './object-child.js';

/** WeakRefs by what they point to. An object that something else holds was perhaps expected to be gone. */
export interface WeakTarget {
  readonly className: string;
  readonly count: number;
  /** Targets that a path of strong references keeps alive. */
  readonly held: number;
  /** V8's id of a target, of a held one where there is one. */
  readonly exampleId: number;
}

export interface WeakCollection {
  readonly id: number;
  readonly kind: 'WeakMap' | 'WeakSet';
  readonly entries: number;
  /** Class of the first key. */
  readonly keyClass: string;
}

export interface WeakReferences {
  readonly targets: readonly WeakTarget[];
  /** Keyed weak collections with entries, largest first. */
  readonly collections: readonly WeakCollection[];
  /** WeakRefs whose target is gone. */
  readonly emptyRefs: number;
  readonly finalizationRegistries: number;
}

const OBJECT = NODE_TYPES.indexOf('object');
const INTERNAL = EDGE_TYPES.indexOf('internal');

/**
 * Weak references: what WeakRefs point to and whether it is held by something else as well, and the keyed weak
 * collections with their sizes.
 * Cost: one look at each object; 1 µs a WeakRef, 0.5 µs an entry.
 */
export function weakReferences(snapshot: HeapSnapshot, paths: RetainingPaths): WeakReferences {
  const targets = new Map<string, WeakTarget>();
  const collections: WeakCollection[] = [];
  let emptyRefs = 0;
  let finalizationRegistries = 0;
  for (let node = 0; node < snapshot.nodeCount; node++) {
    if (snapshot.nodeTypes[node] !== OBJECT || !/^(Weak|Finalization)/.test(snapshot.name(node))) continue;
    // Prototypes have the name of their instances.
    if (snapshot.child(node, 'constructor') >= 0) continue;
    const kind = snapshot.name(node);
    if (kind === 'FinalizationRegistry') finalizationRegistries++;
    else if (kind === 'WeakMap' || kind === 'WeakSet') {
      const collection = collectionOf(snapshot, node, kind);
      if (collection.entries > 0) collections.push(collection);
    } else if (kind === 'WeakRef') {
      const target = objectChild(snapshot, node, 'target');
      if (target < 0) emptyRefs++;
      else addTarget(target);
    }
  }
  return {
    targets: [...targets.values()].sort((a, b) => b.held - a.held || b.count - a.count),
    collections: collections.sort((a, b) => b.entries - a.entries),
    emptyRefs,
    finalizationRegistries,
  };

  function addTarget(target: number): void {
    const className = snapshot.className(target);
    const isHeld = paths.pathReachable(target);
    const id = snapshot.nodeIds[target]!;
    const known = targets.get(className) ?? { className, count: 0, held: 0, exampleId: id };
    targets.set(className, {
      className,
      count: known.count + 1,
      held: known.held + (isHeld ? 1 : 0),
      exampleId: isHeld && known.held === 0 ? id : known.exampleId,
    });
  }
}

/** The table has an edge for each entry, named for key and value. */
function collectionOf(snapshot: HeapSnapshot, node: number, kind: WeakCollection['kind']): WeakCollection {
  const table = snapshot.child(node, 'table');
  const { from, to } = table < 0 ? { from: 0, to: 0 } : snapshot.edgesOf(table);
  let entries = 0;
  let keyClass = '';
  for (let edge = from; edge < to; edge++) {
    if (snapshot.edgeTypes[edge] !== INTERNAL) continue;
    const name = snapshot.edgeNames[edge]!;
    if (!snapshot.weakMapEntries.isEntry(name)) continue;
    entries++;
    keyClass ||= /^\d+ \/ part of key \((.*?) @\d+\)/.exec(snapshot.strings.peek(name))?.[1] ?? '';
  }
  return { id: snapshot.nodeIds[node]!, kind, entries, keyClass };
}
