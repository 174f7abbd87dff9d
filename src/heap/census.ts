import type { HeapSnapshot } from './heap-snapshot.js';

export interface ClassTotals {
  count: number;
  /** Shallow bytes of all its nodes. */
  bytes: number;
}

/**
 * Counts nodes and shallow bytes by class.
 *
 * @param bornAfterId only nodes with a larger id: with the largest id of an earlier snapshot of the same process,
 * what was made since. Default: all nodes.
 * Cost: about 80 ns a node; needs no edges.
 *
 * @example
 * const snapshot = await readSnapshot('app.heapsnapshot', { edges: false });
 * console.log(classCensus(snapshot).get('Session')?.count);
 */
export function classCensus(snapshot: HeapSnapshot, bornAfterId = -1): Map<string, ClassTotals> {
  const { nodeCount, nodeTypes, nodeNames, nodeIds, selfSizes } = snapshot;
  const totals = new Map<string, ClassTotals>();
  const byKey = new Map<number, ClassTotals>();
  for (let node = 0; node < nodeCount; node++) {
    if (nodeIds[node]! <= bornAfterId) continue;
    // A class follows from type and name alone, so that its text is made once for each pair.
    const key = nodeNames[node]! * 16 + nodeTypes[node]!;
    let entry = byKey.get(key);
    if (entry === undefined) {
      const name = snapshot.className(node);
      entry = totals.get(name) ?? { count: 0, bytes: 0 };
      totals.set(name, entry);
      byKey.set(key, entry);
    }
    entry.count++;
    entry.bytes += selfSizes[node]!;
  }
  return totals;
}
