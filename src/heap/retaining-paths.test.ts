import { describe, expect, it } from 'vitest';
import { EdgeCosts, LAST_RESORT } from './edge-costs.js';
import { type HandMadeNode, handMade } from './hand-made.fixture.js';
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

/** The model: costs lowered edge by edge until nothing changes (Bellman and Ford); then once more behind the last resorts. */
function plainCosts(snapshot: HeapSnapshot): Int32Array {
  const costs = new EdgeCosts(snapshot);
  const best = new Int32Array(snapshot.nodeCount).fill(-1);
  best[0] = 0;
  const lower = (isAllowed: (price: number, target: number) => boolean, start = 0) => {
    for (let node = 0; node < snapshot.nodeCount; node++) {
      // From a start on, only what was reached before counts.
      if (best[node]! < 0 || (start > 0 && best[node]! > start)) continue;
      const { from, to } = snapshot.edgesOf(node);
      for (let edge = from; edge < to; edge++) {
        const price = costs.of(node, edge);
        const target = snapshot.edgeTargets[edge]!;
        const through = (start || best[node]!) + price;
        if (!isAllowed(price, target) || (best[target]! >= 0 && best[target]! <= through)) continue;
        best[target] = through;
        changed = true;
      }
    }
  };
  let changed = true;
  const settle = () => {
    do {
      changed = false;
      lower((price) => price < LAST_RESORT);
    } while (changed);
  };
  do {
    settle();
    changed = false;
    const highest = best.reduce((a, b) => Math.max(a, b));
    lower((price, target) => price === LAST_RESORT && best[target]! < 0, highest);
  } while (changed);
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
      const price = costs.of(parent, edge);
      const isPaid = price === LAST_RESORT || paths.cost[parent]! + price === paths.cost[node];
      if (!leadsHere || !isPaid) wrong++;
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

  it('goes through what V8 has in hand just now only to what nothing else holds', async () => {
    const compilers = '7 / IdentityMapBase';
    const chain = Array.from({ length: 300 }, (_, i): HandMadeNode => ({ name: 'Link', edges: [['next', 6 + i]] }));
    const snapshot = await readSnapshot(
      Buffer.from(
        handMade([
          {
            type: 'synthetic',
            name: '',
            edges: [
              ['1', 1, 'element'],
              ['globalThis', 5, 'shortcut'],
            ],
          },
          {
            type: 'synthetic',
            name: '(GC roots)',
            edges: [
              ['0', 2, 'element'],
              ['1', 3, 'element'],
            ],
          },
          {
            type: 'synthetic',
            name: '(Handle scope)',
            edges: [
              ['9', 305, 'internal'],
              ['10', 4, 'internal'],
            ],
          },
          { type: 'synthetic', name: '(Strong roots)', edges: [[compilers, 304, 'internal']] },
          { name: 'OnlyInHand', edges: [['next', 305]] },
          ...chain,
          { name: 'LastLink' },
        ]),
      ),
    );
    const paths = new RetainingPaths(snapshot);
    expect(paths.path(305)).toHaveLength(302);
    expect(paths.path(304)).toHaveLength(301);
    expect(paths.path(4).map(({ node }) => node)).toEqual([0, 1, 2, 4]);
  });

  it('reaches what lies behind two of them', async () => {
    const snapshot = await readSnapshot(
      Buffer.from(
        handMade([
          { type: 'synthetic', edges: [[0, 1]] },
          { type: 'synthetic', name: '(GC roots)', edges: [[0, 2]] },
          { type: 'synthetic', name: '(Handle scope)', edges: [['7 / IdentityMapBase', 3, 'internal']] },
          { name: 'OnlyInHand' },
        ]),
      ),
    );
    const paths = new RetainingPaths(snapshot);
    expect(paths.path(3).map(({ node }) => node)).toEqual([0, 1, 2, 3]);
    expect([...paths.cost]).toEqual([...plainCosts(snapshot)]);
  });

  it('reaches nothing in a snapshot that was read without edges', async () => {
    const snapshot = await readSnapshot(snapshotOf(PROGRAM), { edges: false });
    const paths = new RetainingPaths(snapshot);
    expect(paths.path(1)).toEqual([]);
    expect(paths.pathReachable(1)).toBe(false);
  });
});
