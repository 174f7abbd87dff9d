import { describe, expect, it } from 'vitest';
import { findDominators } from './dominators.js';
import { type HandMadeNode, handMade } from './hand-made.fixture.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { readSnapshot } from './read-snapshot.js';

const GRAPHS = 400;

/** A snapshot with one row of targets for each node, joined by properties; node 0 is the root. */
function graphOf(targets: readonly (readonly number[])[]): Promise<HeapSnapshot> {
  const nodes = targets.map((list, node): HandMadeNode => {
    return { size: node + 1, edges: list.map((to, at) => [`p${at}`, to, 'property']) };
  });
  return readSnapshot(Buffer.from(handMade(nodes)));
}

const dominatorsOf = async (targets: readonly (readonly number[])[]) => {
  const snapshot = await graphOf(targets);
  return findDominators(snapshot);
};

/** Retained sizes of a snapshot whose dominators were found. */
function retainedSizes({ graphMemory, selfSizes }: HeapSnapshot): Float64Array {
  graphMemory.retained.set(selfSizes);
  return graphMemory.retainSizes();
}

/** The same numbers for the same seed (Lehmer, multiplier 48271). */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 48271) % 0x7fff_ffff;
    return state % limit;
  };
}

function randomGraph(seed: number): number[][] {
  const below = random(seed * 7919);
  const count = 2 + below(24);
  const edges = below(3 * count);
  const targets: number[][] = Array.from({ length: count }, () => []);
  for (let edge = 0; edge < edges; edge++) targets[below(count)]!.push(below(count));
  return targets;
}

function reachable(targets: readonly (readonly number[])[], without: number): Set<number> {
  const seen = new Set(without === 0 ? [] : [0]);
  for (const node of seen) for (const next of targets[node]!) if (next !== without) seen.add(next);
  return seen;
}

/**
 * The model: a node dominates what is unreachable without it. What the root does not reach becomes its child where
 * nothing else leads to it; circles that are still out of reach then are dominated by the root alone.
 */
function plainDominators(graph: readonly (readonly number[])[]): number[] {
  const targets = graph.map((list, node) => list.filter((to) => to !== node));
  const first = reachable(targets, -1);
  const held = new Set(targets.flat());
  for (let node = 1; node < targets.length; node++) if (!first.has(node) && !held.has(node)) targets[0]!.push(node);
  const all = reachable(targets, -1);
  const without = targets.map((_, node) => reachable(targets, node));
  return targets.map((_, node) => {
    if (!all.has(node)) return 0;
    const strict = targets.map((_, other) => other).filter((other) => other !== node && !without[other]!.has(node));
    // Dominators of a node form a chain: the nearest is the one that most others dominate.
    const rank = (other: number) => strict.filter((above) => !without[above]!.has(other)).length;
    return strict.sort((a, b) => rank(b) - rank(a))[0] ?? 0;
  });
}

describe('findDominators()', () => {
  it(`equals the removal of each node on ${GRAPHS} random graphs`, async () => {
    const deep = { proper: 0, unreached: 0 };
    for (let seed = 1; seed <= GRAPHS; seed++) {
      const graph = randomGraph(seed);
      const { immediate } = await dominatorsOf(graph);
      expect([...immediate], `seed ${seed}: ${JSON.stringify(graph)}`).toEqual(plainDominators(graph));
      deep.proper += immediate.filter((dominator) => dominator !== 0).length;
      deep.unreached += graph.length - reachable(graph, -1).size;
    }
    expect(deep.proper).toBeGreaterThan(GRAPHS);
    expect(deep.unreached).toBeGreaterThan(GRAPHS);
  });

  it('gives every node after its dominator, the root first', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const graph = randomGraph(seed);
      const { immediate, order } = await dominatorsOf(graph);
      const places = new Map([...order].map((node, place) => [node, place]));
      expect(places.size).toBe(graph.length);
      expect(order[0]).toBe(0);
      for (let node = 1; node < graph.length; node++) {
        expect(places.get(immediate[node]!)).toBeLessThan(places.get(node)!);
      }
    }
  });

  it('walks a list 100 000 deep, whose last node leads back to the first', async () => {
    const length = 100_000;
    const graph = Array.from({ length }, (_, node) => [node === length - 1 ? 1 : node + 1]);
    const snapshot = await graphOf(graph);
    const tree = findDominators(snapshot);
    expect(tree.immediate.every((dominator, node) => dominator === Math.max(0, node - 1))).toBe(true);
    const retained = retainedSizes(snapshot);
    expect([retained[0], retained[length - 1]]).toEqual([(length * (length + 1)) / 2, length]);
  });

  it('walks a list 100 000 deep whose every node is also reached from the end', async () => {
    const length = 100_000;
    const graph: number[][] = Array.from({ length }, (_, node) => (node < length - 1 ? [node + 1] : []));
    for (let node = 2; node < length; node++) graph[length - 1]!.push(node);
    graph[0]!.push(length - 1);
    const { immediate } = await dominatorsOf(graph);
    expect(immediate.slice(2).every((dominator) => dominator === 0)).toBe(true);
  });

  it.each<[string, number[][], number[]]>([
    ['a root alone', [[]], [0]],
    ['a root that holds itself', [[0]], [0]],
    ['nodes that nothing holds', [[], [], [1]], [0, 2, 0]],
    ['a circle out of reach and what it holds', [[], [2], [1, 3], []], [0, 0, 0, 0]],
    ['a circle out of reach that leads to what is reached', [[3], [2], [1, 4], [4], []], [0, 0, 0, 0, 3]],
    ['edges to themselves', [[1], [1, 2], [2]], [0, 0, 1]],
    ['several edges between two nodes', [[1, 1], [2, 2, 2], [1]], [0, 0, 1]],
    ['two ways to one node', [[1, 2], [3], [3], [4], []], [0, 0, 0, 0, 3]],
  ])('handles %s', async (_, graph, dominators) => {
    expect([...(await dominatorsOf(graph)).immediate]).toEqual(dominators);
  });
});

describe('retained sizes', () => {
  it('adds up what each node dominates', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const snapshot = await graphOf(randomGraph(seed));
      const tree = findDominators(snapshot);
      const sums = new Array<number>(snapshot.nodeCount).fill(0);
      for (let node = 0; node < snapshot.nodeCount; node++) {
        for (let above = node; ; above = tree.immediate[above]!) {
          sums[above]! += snapshot.selfSizes[node]!;
          if (above === 0) break;
        }
      }
      expect([...retainedSizes(snapshot)]).toEqual(sums);
    }
  });

  it('keeps sums above 4 GiB whole', async () => {
    const nodes = [{ size: 1, edges: [[0, 1]] }, { size: 4e9, edges: [[0, 2]] }, { size: 4e9 }] as const;
    const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
    findDominators(snapshot);
    expect([...retainedSizes(snapshot)]).toEqual([8e9 + 1, 8e9, 4e9]);
  });
});
