import type { HeapSnapshot } from '../heap-snapshot.js';

/** The part of `Retainers` that is needed here; a hand-made one serves in tests. */
export interface RetainerSlots {
  readonly firstRetainer: Uint32Array;
  readonly owners: Uint32Array;
}

export interface RetainingEdge {
  readonly owner: number;
  readonly edge: number;
}

/**
 * The edges that lead to a node, with their owners, from at most `limit` owners.
 * Cost: the edges of those owners.
 */
export function retainingEdges(
  snapshot: HeapSnapshot,
  { firstRetainer, owners }: RetainerSlots,
  node: number,
  limit = Number.POSITIVE_INFINITY,
): RetainingEdge[] {
  const found: RetainingEdge[] = [];
  let seen = 0;
  for (let slot = firstRetainer[node]!; slot < firstRetainer[node + 1]! && seen < limit; slot++) {
    const owner = owners[slot]!;
    // Slots of one owner lie side by side.
    if (slot > firstRetainer[node]! && owners[slot - 1] === owner) continue;
    seen++;
    const { from, to } = snapshot.edgesOf(owner);
    for (let edge = from; edge < to; edge++) if (snapshot.edgeTargets[edge] === node) found.push({ owner, edge });
  }
  return found;
}
