import { beforeAll, describe, expect, it } from 'vitest';
import { handMade } from './hand-made.fixture.js';
import { HeapGraph } from './heap-graph.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { nodesOf, snapshotOf } from './program-snapshot.fixture.js';
import { readSnapshot } from './read-snapshot.js';

const PROGRAM = `
class Holder { constructor() { this.list = new Array(20_000).fill(1); this.bytes = Buffer.alloc(500_000); } }
class Shared {} class Keyed { constructor() { this.text = 'x'.repeat(8) + process.pid; } }
const shared = new Shared(), key = {}; const weak = new WeakMap([[key, new Keyed()]]);
globalThis.kept = [new Holder(), { shared }, { shared }, weak, key];
takeSnapshot();
`;

describe('HeapGraph', () => {
  let bytes: Buffer;
  let snapshot: HeapSnapshot;
  let graph: HeapGraph;
  beforeAll(async () => {
    bytes = snapshotOf(PROGRAM);
    snapshot = await readSnapshot(bytes);
    graph = new HeapGraph(snapshot);
  });
  const only = (name: string) => {
    const [node, ...more] = nodesOf(snapshot, name);
    expect(more).toEqual([]);
    return node!;
  };

  it('retains with the root all bytes of the snapshot', () => {
    const total = [...snapshot.selfSizes].reduce((sum, size) => sum + size, 0);
    expect(graph.retainedSizes[0]).toBe(total);
  });

  it('knows what an object retains, which its shallow size does not tell', () => {
    const holder = only('Holder');
    const list = snapshot.child(holder, 'list');
    expect(graph.shallowSizes[list]).toBe(snapshot.selfSizes[list]! + 20_000 * 8 + 16);
    expect(graph.retainedSizes[holder]).toBeGreaterThan(660_000);
    expect(graph.retainedSizes[holder]).toBeLessThan(680_000);
    expect(graph.dominators[list]).toBe(holder);
  });

  it('gives what two objects share to the one that holds both', () => {
    const shared = only('Shared');
    const { firstRetainer, owners } = graph.retainers;
    const holders = new Set(owners.slice(firstRetainer[shared]!, firstRetainer[shared + 1]!));
    expect(holders.size).toBeGreaterThan(1);
    expect(holders).not.toContain(graph.dominators[shared]);
  });

  it('gives a value of a WeakMap to its key', () => {
    const keyed = only('Keyed');
    expect(snapshot.className(graph.dominators[keyed]!)).toBe('Object');
    expect(graph.distances[keyed]).toBeGreaterThan(graph.distances[graph.dominators[keyed]!]!);
  });

  it('works each part out once', () => {
    const parts = (of: HeapGraph) => [of.retainers, of.distances, of.shallowSizes, of.dominators, of.retainedSizes];
    const first = parts(graph);
    parts(graph).forEach((part, at) => {
      expect(part).toBe(first[at]);
    });
  });

  it('gives the same, whatever is asked first and by however many graphs', async () => {
    const names = ['retainers', 'distances', 'shallowSizes', 'dominators', 'retainedSizes'] as const;
    const numbers = (of: HeapGraph, name: (typeof names)[number]) =>
      name === 'retainers' ? [...of.retainers.firstRetainer, ...of.retainers.owners] : [...of[name]];
    const wanted = new Map(names.map((name) => [name, numbers(graph, name)]));
    const path = graph.path(only('Shared'));
    for (let first = 0; first < names.length; first++) {
      for (const order of [names, [...names].reverse()]) {
        const other = await readSnapshot(bytes);
        const graphs = [new HeapGraph(other), new HeapGraph(other)];
        for (let at = 0; at < names.length; at++) {
          const name = order[(first + at) % names.length]!;
          for (const one of graphs) expect(numbers(one, name), `${name}, ${first}`).toEqual(wanted.get(name));
        }
        for (const one of graphs) expect(one.path(only('Shared'))).toEqual(path);
      }
    }
  });

  it('lists every node after its dominator', () => {
    const place = new Uint32Array(snapshot.nodeCount);
    graph.dominatorOrder.forEach((node, at) => {
      place[node] = at;
    });
    const wrong = graph.dominators.findIndex((dominator, node) => node > 0 && place[dominator]! >= place[node]!);
    expect(wrong).toBe(-1);
  });

  it('refuses a snapshot that was read without edges', async () => {
    const nodesOnly = await readSnapshot(bytes, { edges: false });
    expect(() => new HeapGraph(nodesOnly)).toThrow(TypeError);
  });

  it('handles a heap of a root alone', async () => {
    const lone = new HeapGraph(await readSnapshot(Buffer.from(handMade([{ type: 'synthetic', size: 3 }]))));
    expect([...lone.retainers.firstRetainer, ...lone.retainers.owners]).toEqual([0, 0]);
    expect([...lone.distances, ...lone.dominators, ...lone.shallowSizes, ...lone.retainedSizes]).toEqual([0, 0, 3, 3]);
  });
});
