import { nodeDistances } from './distances.js';
import { type Dominators, findDominators } from './dominators.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { retainSizes } from './retained-sizes.js';
import { Retainers } from './retainers.js';
import { retainingPath } from './retaining-path.js';
import type { PathIndex } from './retaining-paths.js';
import { shallowSizes } from './shallow-sizes.js';

/**
 * What a snapshot says about who holds whom and how much, with the numbers that Chrome DevTools shows. Sizes above
 * 4 GiB are whole, which theirs are not. Every part is worked out when first asked for, and kept.
 *
 * Cost: kept are 4 bytes a node for distances, 4 for shallow sizes, 8 for dominators, 8 for retained sizes; 4 a node
 * and 4 an edge for retainers. Dominators take 16 a node and 4 an edge more while they are worked out.
 *
 * @throws TypeError when the snapshot was read with `edges: false`.
 *
 * @example
 * const graph = new HeapGraph(await readSnapshot('app.heapsnapshot'));
 * console.log(graph.retainedSizes[0], 'bytes in all');
 */
export class HeapGraph {
  readonly snapshot: HeapSnapshot;
  #retainers: Retainers | null = null;
  #distances: Int32Array | null = null;
  #shallowSizes: Uint32Array | Float64Array | null = null;
  #dominators: Dominators | null = null;
  #retainedSizes: Float64Array | null = null;

  constructor(snapshot: HeapSnapshot) {
    // Throws when there are no edges.
    snapshot.graphMemory.edgeCount;
    this.snapshot = snapshot;
  }

  get retainers(): Retainers {
    this.#retainers ??= new Retainers(this.snapshot);
    return this.#retainers;
  }

  /** Steps from the nearest user root, see `nodeDistances` [nodeCount]. */
  get distances(): Int32Array {
    this.#distances ??= nodeDistances(this.snapshot);
    return this.#distances;
  }

  /** Bytes of each node with those of its hidden parts, see `shallowSizes` [nodeCount]. */
  get shallowSizes(): Uint32Array | Float64Array {
    this.#shallowSizes ??= shallowSizes(this.snapshot);
    return this.#shallowSizes;
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
    if (this.#retainedSizes !== null) return this.#retainedSizes;
    const tree = this.#tree();
    // Dominators are found where retained sizes go. Shallow sizes are kept only when they are asked for themselves.
    const { wide } = this.snapshot.graphMemory;
    if (this.#shallowSizes === null) shallowSizes(this.snapshot, wide);
    else wide.set(this.#shallowSizes);
    this.#retainedSizes = retainSizes(wide, tree);
    return this.#retainedSizes;
  }

  /** A cheapest path of edges that hold, root first; empty when there is none. See `retainingPath`. */
  path(nodeIndex: number): PathIndex[] {
    return retainingPath(this.snapshot, this.#tree(), nodeIndex);
  }

  #tree(): Dominators {
    this.#dominators ??= findDominators(this.snapshot);
    return this.#dominators;
  }
}
