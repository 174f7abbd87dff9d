import { nodeDistances } from './distances.js';
import { type Dominators, findDominators } from './dominators.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { Retainers } from './retainers.js';
import { PathSearch } from './retaining-path.js';
import type { PathIndex } from './retaining-paths.js';
import { shallowSizes } from './shallow-sizes.js';

/** What was worked out. It lies in the snapshot's memory, so that all graphs of a snapshot share it. */
interface Parts {
  retainers?: Retainers;
  distances?: Int32Array;
  shallowSizes?: Uint32Array | Float64Array;
  dominators?: Dominators;
  retainedSizes?: Float64Array;
  pathSearch?: PathSearch;
}

const partsOf = new WeakMap<HeapSnapshot, Parts>();

/**
 * What a snapshot says about who holds whom and how much, with the numbers that Chrome DevTools shows. Sizes above
 * 4 GiB are whole, which theirs are not. Every part is worked out when first asked for, and kept with the snapshot:
 * arrays are to be read, never written.
 *
 * Cost: 4 bytes a node for distances, and 4 for shallow sizes. Dominators, retained sizes and paths take 24 bytes a node
 * and 4 for each of most edges; retainers 4 a node and 4 an edge.
 *
 * @throws TypeError when the snapshot was read with `edges: false`.
 *
 * @example
 * const graph = new HeapGraph(await readSnapshot('app.heapsnapshot'));
 * console.log(graph.retainedSizes[0], 'bytes in all');
 */
export class HeapGraph {
  readonly snapshot: HeapSnapshot;
  readonly #parts: Parts;

  constructor(snapshot: HeapSnapshot) {
    snapshot.requireEdges();
    this.snapshot = snapshot;
    this.#parts = partsOf.get(snapshot) ?? {};
    partsOf.set(snapshot, this.#parts);
  }

  get retainers(): Retainers {
    this.#parts.retainers ??= new Retainers(this.snapshot);
    return this.#parts.retainers;
  }

  /** Steps from the nearest user root, see `nodeDistances` [nodeCount]. */
  get distances(): Int32Array {
    this.#parts.distances ??= nodeDistances(this.snapshot);
    return this.#parts.distances;
  }

  /** Bytes of each node with those of its hidden parts, see `shallowSizes` [nodeCount]. */
  get shallowSizes(): Uint32Array | Float64Array {
    this.#parts.shallowSizes ??= shallowSizes(this.snapshot);
    return this.#parts.shallowSizes;
  }

  /** Immediate dominator of each node; the root has itself [nodeCount]. */
  get dominators(): Uint32Array {
    return this.#tree().immediate;
  }

  /** All nodes, each after its dominator, the root first [nodeCount]. */
  get dominatorOrder(): Uint32Array {
    return this.#tree().order;
  }

  /** Bytes that would be freed with each node [nodeCount]. */
  get retainedSizes(): Float64Array {
    this.#parts.retainedSizes ??= this.#retain();
    return this.#parts.retainedSizes;
  }

  /**
   * A cheapest path of edges that hold their target, root first; empty when there is none: what only a weak edge or a
   * shortcut leads to has none. See `PathSearch`.
   */
  path(nodeIndex: number): PathIndex[] {
    this.#parts.pathSearch ??= new PathSearch(this.snapshot, this.#tree());
    return this.#parts.pathSearch.path(nodeIndex);
  }

  #retain(): Float64Array {
    this.#tree();
    // Dominators are found where retained sizes go. Shallow sizes are kept only when they are asked for themselves.
    const { graphMemory } = this.snapshot;
    if (this.#parts.shallowSizes === undefined) shallowSizes(this.snapshot, graphMemory.retained);
    else graphMemory.retained.set(this.#parts.shallowSizes);
    return graphMemory.retainSizes();
  }

  #tree(): Dominators {
    this.#parts.dominators ??= findDominators(this.snapshot);
    return this.#parts.dominators;
  }
}
