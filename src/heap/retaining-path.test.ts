import { describe, expect, it } from 'vitest';
import { seededRandom } from '../core/index.js';
import { EdgeCosts, LAST_RESORT } from './edge-costs.js';
import { type HandMadeNode, handMade } from './hand-made.fixture.js';
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
  it('leads from the root to nodes all over a heap, and nearly always costs what the tree of all paths says', async () => {
    const snapshot = await readSnapshot(snapshotOf(PROGRAM));
    const graph = new HeapGraph(snapshot);
    const tree = new RetainingPaths(snapshot);
    const costs = new EdgeCosts(snapshot);
    const wrong: number[] = [];
    let looked = 0;
    let cheapest = 0;
    for (let node = 0; node < snapshot.nodeCount; node += 97) {
      const path = graph.path(node);
      let cost = 0;
      let isLastResort = false;
      for (let at = 1; at < path.length; at++) {
        const [owner, { edge, node: target }] = [path[at - 1]!.node, path[at]!];
        const { from, to } = snapshot.edgesOf(owner);
        if (edge < from || edge >= to || snapshot.edgeTargets[edge] !== target) wrong.push(node);
        cost += costs.of(owner, edge);
        isLastResort ||= costs.of(owner, edge) === LAST_RESORT;
      }
      const ends = path.length > 0 && path[0]!.node === 0 && path.at(-1)!.node === node;
      if (ends !== tree.pathReachable(node) || (ends && !isLastResort && cost < tree.cost[node]!)) wrong.push(node);
      looked++;
      if (!ends || isLastResort || cost === tree.cost[node]) cheapest++;
    }
    expect(wrong).toEqual([]);
    // The tree also follows edges by which what the program does not own holds what it owns.
    expect(cheapest / looked).toBeGreaterThan(0.95);
  });

  it('costs what the tree says for every node of 200 random heaps', async () => {
    for (let seed = 1; seed <= 200; seed++) {
      let state = seed * 7919;
      const below = (limit: number) => {
        state = (state * 48271) % 0x7fff_ffff;
        return state % limit;
      };
      const count = 2 + below(30);
      const nodes = Array.from({ length: count }, (): HandMadeNode => {
        const edges = Array.from({ length: below(5) }, () => {
          const name = ['plain', 'prototype', '__proto__', 'execution_async_resources'][below(4)]!;
          return [name, below(count)] as const;
        });
        return { edges };
      });
      const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
      const graph = new HeapGraph(snapshot);
      const tree = new RetainingPaths(snapshot);
      const costs = new EdgeCosts(snapshot);
      const found = nodes.map((_, node) => {
        const path = graph.path(node);
        const priced = path.map(({ edge }, at) => (at === 0 ? 0 : costs.of(path[at - 1]!.node, edge)));
        return path.length === 0 ? -1 : priced.reduce((sum, price) => sum + price, 0);
      });
      expect(found, `seed ${seed}`).toEqual([...tree.cost]);
    }
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

  it('takes the edge that holds where a cheaper one beside it does not', async () => {
    const snapshot = await readSnapshot(
      Buffer.from(
        handMade([
          { type: 'synthetic', edges: [['held', 1]] },
          {
            edges: [
              ['beside', 2, 'shortcut'],
              ['prototype', 2],
            ],
          },
          {},
        ]),
      ),
    );
    const path = new HeapGraph(snapshot).path(2);
    expect(path.slice(1).map(({ edge }) => snapshot.edgeName(edge))).toEqual(['held', 'prototype']);
  });

  it('leads to the end of a list of 70,000', async () => {
    const links = Array.from(
      { length: 70_000 },
      (_, n): HandMadeNode => ({ edges: n < 69_999 ? [['next', n + 1]] : [] }),
    );
    const snapshot = await readSnapshot(Buffer.from(handMade(links)));
    const graph = new HeapGraph(snapshot);
    expect(graph.path(69_999).map(({ node }) => node)).toEqual(links.map((_, n) => n));
    expect(graph.path(3).length).toBe(4);
  });

  it('is found through lists of thousands and what thousands share, and costs little more than the cheapest', async () => {
    let [sum, least] = [0, 0];
    for (let seed = 1; seed <= 12; seed++) {
      const random = seededRandom(seed);
      const below = (limit: number) => Math.floor(random() * limit);
      const count = 4_000;
      const nodes = Array.from({ length: count }, (_, node): HandMadeNode => {
        const edges: [string, number][] = Array.from({ length: below(4) }, () => [
          ['plain', 'prototype', '__proto__'][below(3)]!,
          below(count),
        ]);
        // 1 and 2 are lists, 3 and 4 are shared; one list leads to what has the share.
        if (node === 1 || node === 2) for (let n = 0; n < 1_500; n++) edges.push([`n${n}`, below(count)]);
        if (node > 4 && random() < 0.45) edges.push(['shared', 3 + below(2)]);
        return { edges };
      });
      const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
      const graph = new HeapGraph(snapshot);
      const tree = new RetainingPaths(snapshot);
      const costs = new EdgeCosts(snapshot);
      for (let node = 0; node < count; node += node < 10 ? 1 : 37) {
        const path = graph.path(node);
        expect(path.length > 0, `seed ${seed}, node ${node}`).toBe(tree.pathReachable(node));
        if (path.length === 0) continue;
        expect([path[0]!.node, path.at(-1)!.node]).toEqual([0, node]);
        for (let at = 1; at < path.length; at++) {
          const { from, to } = snapshot.edgesOf(path[at - 1]!.node);
          const { edge, node: target } = path[at]!;
          expect(edge >= from && edge < to && snapshot.edgeTargets[edge] === target).toBe(true);
          sum += costs.of(path[at - 1]!.node, edge);
        }
        least += tree.cost[node]!;
      }
    }
    expect(sum / least).toBeGreaterThanOrEqual(1);
    expect(sum / least).toBeLessThan(1.1);
  });

  describe('past what has thousands of edges, where a dearer path was met first', () => {
    const MANY = 2_000;
    const many = Array.from({ length: MANY }, (_, n) => n);
    const names = async (nodes: readonly HandMadeNode[]) => {
      const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
      const target = nodes.findIndex(({ name }) => name === 'target');
      return new HeapGraph(snapshot)
        .path(target)
        .slice(1)
        .map(({ node }) => snapshot.name(node));
    };
    /** Nodes by name; edges by the name of the node they lead to, `^` before it for one that costs ten. */
    const build = (holds: Record<string, readonly string[]>): HandMadeNode[] => {
      const order = Object.keys(holds);
      return order.map((name) => ({
        name,
        edges: holds[name]!.map((to) => [
          to.startsWith('^') ? 'prototype' : 'plain',
          order.indexOf(to.replace('^', '')),
        ]),
      }));
    };

    it('leads through a list', async () => {
      const items = Object.fromEntries(many.map((n) => [`item${n}`, n === 7 ? ['b'] : []]));
      const holds = {
        root: ['list', 'x'],
        list: Object.keys(items),
        x: ['^target'],
        ...items,
        b: ['c'],
        c: ['target'],
        target: [],
      };
      expect(await names(build(holds))).toEqual(['list', 'item7', 'b', 'c', 'target']);
    });

    it('leads through what is shared', async () => {
      const sharers = Object.fromEntries(many.map((n) => [`sharer${n}`, ['shared']]));
      const holds = {
        root: ['a', 'x', '^list'],
        list: Object.keys(sharers),
        a: ['b'],
        b: ['c'],
        c: ['shared'],
        x: ['^target'],
        ...sharers,
        shared: ['target'],
        target: [],
      };
      expect(await names(build(holds))).toEqual(['a', 'b', 'c', 'shared', 'target']);
    });

    it('leads through a list that is shared', async () => {
      const sharers = Object.fromEntries(many.map((n) => [`sharer${n}`, ['list']]));
      const items = Object.fromEntries(many.map((n) => [`item${n}`, []]));
      const holds = {
        root: ['a', 'x', '^sharers'],
        sharers: Object.keys(sharers),
        a: ['list'],
        x: ['^target'],
        ...sharers,
        list: ['target', ...Object.keys(items)],
        ...items,
        target: [],
      };
      expect(await names(build(holds))).toEqual(['a', 'list', 'target']);
    });
  });
});
