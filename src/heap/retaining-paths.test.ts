import { describe, expect, it } from 'vitest';
import { EdgeCosts, NEVER } from './edge-costs.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES } from './meta.js';
import { nodesOf, pathTexts, snapshotOf } from './program-snapshot.fixture.js';
import { readSnapshot } from './read-snapshot.js';
import { RetainingPaths } from './retaining-paths.js';

const WEAK = EDGE_TYPES.indexOf('weak');

const PROGRAM = `
class Alone {} class Value {}
{
const key = {}; const map = new WeakMap(); map.set(key, new Value());
globalThis.map = map; globalThis.key = key; }
globalThis.weak = new WeakRef(new Alone());
takeSnapshot();
`;

/** The model: costs lowered edge by edge until nothing changes (Bellman and Ford). */
function plainCosts(snapshot: HeapSnapshot): Int32Array {
  const costs = new EdgeCosts(snapshot);
  const best = new Int32Array(snapshot.nodeCount).fill(-1);
  best[0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (let node = 0; node < snapshot.nodeCount; node++) {
      if (best[node]! < 0) continue;
      const { from, to } = snapshot.edgesOf(node);
      for (let edge = from; edge < to; edge++) {
        const price = costs.of(node, edge);
        const target = snapshot.edgeTargets[edge]!;
        if (price === NEVER || (best[target]! >= 0 && best[target]! <= best[node]! + price)) continue;
        best[target] = best[node]! + price;
        changed = true;
      }
    }
  }
  return best;
}

describe('RetainingPaths', () => {
  it('has the costs of the plain model on a whole heap, and parents that add up', async () => {
    const snapshot = await readSnapshot(snapshotOf(PROGRAM));
    const paths = new RetainingPaths(snapshot);
    expect(Buffer.compare(Buffer.from(paths.cost.buffer), Buffer.from(plainCosts(snapshot).buffer))).toBe(0);
    const costs = new EdgeCosts(snapshot);
    let wrong = 0;
    for (let node = 1; node < snapshot.nodeCount; node++) {
      if (!paths.pathReachable(node)) continue;
      const parent = paths.parentNode[node]!;
      const edge = paths.parentEdge[node]!;
      const { from, to } = snapshot.edgesOf(parent);
      const leadsHere = edge >= from && edge < to && snapshot.edgeTargets[edge] === node;
      if (!leadsHere || paths.cost[parent]! + costs.of(parent, edge) !== paths.cost[node]) wrong++;
    }
    expect(wrong).toBe(0);
  });

  it('follows an entry of a WeakMap from its key only, and no weak edge', async () => {
    const snapshot = await readSnapshot(snapshotOf(PROGRAM));
    const paths = new RetainingPaths(snapshot);
    const used = [...paths.parentEdge].filter((edge) => edge >= 0).map((edge) => snapshot.edgeTypes[edge]);
    expect(snapshot.edgeTypes).toContain(WEAK);
    expect(used).not.toContain(WEAK);
    expect(nodesOf(snapshot, 'Value')).toHaveLength(1);
    expect(pathTexts(snapshot, 'Value')).toEqual(['globalThis.key → WeakMap value']);
  });

  it('reaches nothing in a snapshot that was read without edges', async () => {
    const snapshot = await readSnapshot(snapshotOf(PROGRAM), { edges: false });
    const paths = new RetainingPaths(snapshot);
    expect(paths.path(1)).toEqual([]);
    expect(paths.pathReachable(1)).toBe(false);
  });
});
