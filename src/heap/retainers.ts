import type { HeapSnapshot } from './heap-snapshot.js';

/**
 * The edges of a snapshot by target: the retainers of node `n` are the slots `firstRetainer[n]` to
 * `firstRetainer[n + 1]`, in order of their owners; an owner with several edges to the node comes once for each.
 *
 * Cost: 4 bytes a node and 4 an edge, in the snapshot's `GraphMemory`; about 12 ns an edge to make.
 *
 * @example
 * const { firstRetainer, owners } = new Retainers(snapshot);
 * for (let slot = firstRetainer[node]; slot < firstRetainer[node + 1]; slot++) console.log(owners[slot]);
 */
export class Retainers {
  /** [nodeCount + 1] */
  readonly firstRetainer: Uint32Array;
  /** Node that an edge comes from [edgeCount]. */
  readonly owners: Uint32Array;
  readonly #snapshot: HeapSnapshot;

  constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot;
    snapshot.graphMemory.findRetainers();
    this.firstRetainer = snapshot.graphMemory.firstRetainer;
    this.owners = snapshot.graphMemory.owners;
  }

  /** Number of edges that lead to a node. */
  count(nodeIndex: number): number {
    return this.firstRetainer[nodeIndex + 1]! - this.firstRetainer[nodeIndex]!;
  }

  /**
   * The edge of a slot of a node.
   * @throws RangeError when the slot is none of the node's.
   * Cost: the edges of the owner up to it; a slot keeps no edge, which halves the memory.
   */
  edgeAt(nodeIndex: number, slot: number): number {
    const { firstRetainer, owners } = this;
    const { firstEdges, edgeTargets } = this.#snapshot;
    const first = firstRetainer[nodeIndex]!;
    if (!(slot >= first && slot < firstRetainer[nodeIndex + 1]!)) {
      throw new RangeError(`slot must be one of the retainers of node ${nodeIndex}, got ${slot}`);
    }
    const owner = owners[slot]!;
    let edge = edgeTargets.indexOf(nodeIndex, firstEdges[owner]!);
    // Slots of one owner lie side by side, in the order of its edges.
    for (let at = slot; at > first && owners[at - 1] === owner; at--) {
      edge = edgeTargets.indexOf(nodeIndex, edge + 1);
    }
    return edge;
  }
}
