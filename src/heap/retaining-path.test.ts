import { describe, expect, it } from 'vitest';
import { EdgeCosts } from './edge-costs.js';
import { handMade } from './hand-made.fixture.js';
import { HeapGraph } from './heap-graph.js';
import { snapshotOf } from './program-snapshot.fixture.js';
import { readSnapshot } from './read-snapshot.js';
import { RetainingPaths } from './retaining-paths.js';

const PROGRAM = `
class Held {}
globalThis.kept = new Map(Array.from({ length: 300 }, (_, n) => ['key' + n, { held: new Held(), n }]));
globalThis.weak = new WeakMap([[globalThis.kept, new Held()]]);
takeSnapshot();
`;

describe('HeapGraph.path()', () => {
  it('costs what the path of the whole tree costs, for nodes all over a heap', async () => {
    const snapshot = await readSnapshot(snapshotOf(PROGRAM));
    const graph = new HeapGraph(snapshot);
    const tree = new RetainingPaths(snapshot);
    const costs = new EdgeCosts(snapshot);
    const wrong: number[] = [];
    for (let node = 0; node < snapshot.nodeCount; node += 97) {
      const path = graph.path(node);
      let cost = 0;
      for (let at = 1; at < path.length; at++) cost += costs.of(path[at - 1]!.node, path[at]!.edge);
      const isLast = tree.path(node).some(({ edge }, at, steps) => at > 0 && costs.of(steps[at - 1]!.node, edge) > 60);
      const isWhole = path.every(({ node: to, edge }, at) => (at === 0 ? to === 0 : snapshot.edgeTargets[edge] === to));
      const isRight = tree.pathReachable(node) ? path.at(-1)?.node === node && isWhole : path.length === 0;
      if (!isRight || (!isLast && path.length > 0 && cost !== tree.cost[node])) wrong.push(node);
    }
    expect(wrong).toEqual([]);
  });

  it('is the root alone for the root, and empty for what nothing holds', async () => {
    const snapshot = await readSnapshot(
      Buffer.from(handMade([{ edges: [['weak', 1, 'weak']] }, { edges: [['a', 1]] }])),
    );
    const graph = new HeapGraph(snapshot);
    expect(graph.path(0)).toEqual([{ node: 0, edge: -1 }]);
    expect(graph.path(1)).toEqual([]);
  });

  it('is found where thousands of holders share one large array', async () => {
    const count = 3_000;
    const all = Array.from({ length: count }, (_, n) => 2 + n);
    const snapshot = await readSnapshot(
      Buffer.from(
        handMade([
          { type: 'synthetic', edges: [['held', 1]] },
          { name: 'Array', edges: all.map((to, n) => [n, to] as const) },
          ...all.map(() => ({ name: 'Holder', edges: [['constructor', 2 + count]] as const })),
          { name: 'Target', edges: all.map((to) => ['constructor', to] as const) },
        ]),
      ),
    );
    expect(new HeapGraph(snapshot).path(2 + count).map(({ node }) => node)).toEqual([
      0,
      1,
      expect.any(Number),
      2 + count,
    ]);
  });
});
