import { type Bits, hasBit, newBits, setBit } from './bits.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from './meta.js';
import { userRoots } from './user-roots.js';
import type { WeakMapEntries } from './weak-map-entries.js';

/** Distance of the root where there are user roots; what only the system holds lies beyond it. */
export const SYSTEM_DISTANCE = 100_000_000;
/** Distance of what no strong edge reaches. */
export const NO_DISTANCE = -5;

const INTERNAL = EDGE_TYPES.indexOf('internal');
const ELEMENT = EDGE_TYPES.indexOf('element');
const HIDDEN_EDGE = EDGE_TYPES.indexOf('hidden');
const WEAK = EDGE_TYPES.indexOf('weak');
const HIDDEN = NODE_TYPES.indexOf('hidden');
const ARRAY = NODE_TYPES.indexOf('array');

/**
 * Distance of each node as Chrome DevTools shows it [nodeCount]: 1 for user roots, one more for each strong edge;
 * `SYSTEM_DISTANCE` and up for what only the root leads to; else `NO_DISTANCE`. Breadth-first, with `EdgeFilter`.
 *
 * Cost: about 16 ns an edge; 4 bytes a node kept, 4.3 more while it runs.
 */
export function nodeDistances(snapshot: HeapSnapshot): Int32Array {
  const walk = new Walk(snapshot);
  const roots = userRoots(snapshot);
  walk.from(roots, 1);
  walk.from([snapshot.rootIndex], roots.length > 0 ? SYSTEM_DISTANCE : 0);
  return walk.distances;
}

class Walk {
  readonly distances: Int32Array;
  readonly #snapshot: HeapSnapshot;
  readonly #seen: Bits;
  readonly #queue: Uint32Array;
  readonly #filter: EdgeFilter;

  constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot;
    this.distances = new Int32Array(snapshot.nodeCount).fill(NO_DISTANCE);
    this.#seen = newBits(snapshot.nodeCount);
    const { from, to } = snapshot.edgesOf(snapshot.rootIndex);
    // A user root comes once for each edge of the root: looked at twice, it completes pairs of its own entries.
    this.#queue = new Uint32Array(snapshot.nodeCount + to - from);
    this.#filter = new EdgeFilter(snapshot);
  }

  from(starts: readonly number[], distance: number): void {
    const { distances } = this;
    const { firstEdges, edgeTypes, edgeTargets } = this.#snapshot;
    const seen = this.#seen;
    const queue = this.#queue;
    const filter = this.#filter;
    for (const start of starts) {
      distances[start] = distance;
      setBit(seen, start);
    }
    queue.set(starts);
    let length = starts.length;
    // The queue holds one distance after the other.
    for (let at = 0, next = distance + 1; at < length; next++) {
      const levelEnd = length;
      for (; at < levelEnd; at++) {
        const node = queue[at]!;
        const isSpecial = filter.isSpecial(node);
        const end = firstEdges[node + 1]!;
        for (let edge = firstEdges[node]!; edge < end; edge++) {
          const target = edgeTargets[edge]!;
          const type = edgeTypes[edge]!;
          if (type === WEAK || hasBit(seen, target)) continue;
          if ((isSpecial || type === INTERNAL) && !filter.allows(node, edge)) continue;
          setBit(seen, target);
          distances[target] = next;
          queue[length++] = target;
        }
      }
    }
  }
}

/** Strong edges that DevTools does not follow for distances. Asked once for each edge to a node not yet seen. */
class EdgeFilter {
  readonly #snapshot: HeapSnapshot;
  readonly #entries: WeakMapEntries;
  /** Ids of keys, by id of the table: entries of WeakMaps of which one half was seen. */
  readonly #halves = new Map<number, Set<number>>();
  readonly #descriptors: number;
  readonly #sloppyMap: number;
  /** Descriptor arrays and native contexts [bits, nodeCount]. */
  readonly #special: Bits;

  constructor(snapshot: HeapSnapshot) {
    const { nodeTypes, nodeNames, nodeCount, strings } = snapshot;
    this.#snapshot = snapshot;
    this.#entries = snapshot.weakMapEntries;
    this.#descriptors = strings.indexOf('(map descriptors)');
    this.#sloppyMap = strings.indexOf('sloppy_function_map');
    this.#special = newBits(nodeCount);
    const nativeContext = strings.indexOf('system / NativeContext');
    for (let node = 0; node < nodeCount; node++) {
      const name = nodeNames[node]!;
      if (name !== this.#descriptors && name !== nativeContext) continue;
      if (nodeTypes[node] === (name === nativeContext ? HIDDEN : ARRAY)) setBit(this.#special, node);
    }
  }

  /** True when not only the internal edges of the node need a look. */
  isSpecial(node: number): boolean {
    return hasBit(this.#special, node);
  }

  allows(node: number, edge: number): boolean {
    const { edgeTypes, edgeNames, nodeNames } = this.#snapshot;
    const type = edgeTypes[edge]!;
    const name = edgeNames[edge]!;
    if (this.isSpecial(node)) {
      if (nodeNames[node] === this.#descriptors) return this.#allowsDescriptor(edge);
      if (type !== ELEMENT && type !== HIDDEN_EDGE && name === this.#sloppyMap) return false;
    }
    return type !== INTERNAL || !this.#entries.isEntry(name) || this.#completesPair(name);
  }

  /** Every third slot of a descriptor array belongs to one of the maps that share it, it is not known to which. */
  #allowsDescriptor(edge: number): boolean {
    const index = Number.parseInt(this.#snapshot.edgeName(edge), 10);
    return index < 2 || index % 3 !== 1;
  }

  /** A value is as far as the farther one of its key and its table: the edge that is met second counts. */
  #completesPair(name: number): boolean {
    const tableId = this.#entries.tableId(name);
    const keyId = this.#entries.keyId(name);
    let keys = this.#halves.get(tableId);
    if (keys === undefined) {
      keys = new Set();
      this.#halves.set(tableId, keys);
    }
    if (keys.delete(keyId)) return true;
    keys.add(keyId);
    return false;
  }
}
