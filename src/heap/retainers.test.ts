import { describe, expect, it } from 'vitest';
import { type HandMadeNode, handMade } from './hand-made.fixture.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { snapshotOf } from './program-snapshot.fixture.js';
import { readSnapshot } from './read-snapshot.js';
import { Retainers } from './retainers.js';

const NODES: HandMadeNode[] = [
  {
    edges: [
      ['a', 1],
      ['b', 2],
    ],
  },
  {
    edges: [
      ['first', 2],
      ['other', 3],
      ['second', 2],
      ['self', 1],
    ],
  },
  { edges: [['back', 1, 'weak']] },
  {},
  {},
];

/** The model: owners and edges in the order of the file, by target. */
function plainRetainers(snapshot: HeapSnapshot): [owner: number, edge: number][][] {
  const found: [number, number][][] = Array.from({ length: snapshot.nodeCount }, () => []);
  for (let node = 0; node < snapshot.nodeCount; node++) {
    const { from, to } = snapshot.edgesOf(node);
    for (let edge = from; edge < to; edge++) found[snapshot.edgeTargets[edge]!]!.push([node, edge]);
  }
  return found;
}

function retainersOf(retainers: Retainers, node: number): [owner: number, edge: number][] {
  const first = retainers.firstRetainer[node]!;
  return Array.from({ length: retainers.count(node) }, (_, at) => {
    return [retainers.owners[first + at]!, retainers.edgeAt(node, first + at)];
  });
}

describe('Retainers', () => {
  it('names owner and edge of each edge that leads to a node, weak ones and several of one owner too', async () => {
    const snapshot = await readSnapshot(Buffer.from(handMade(NODES)));
    const retainers = new Retainers(snapshot);
    const names = (node: number) => {
      return retainersOf(retainers, node).map(([owner, edge]) => `${owner}.${snapshot.edgeName(edge)}`);
    };
    expect(NODES.map((_, node) => names(node))).toEqual([
      [],
      ['0.a', '1.self', '2.back'],
      ['0.b', '1.first', '1.second'],
      ['1.other'],
      [],
    ]);
  });

  it('equals the plain model on a whole heap', async () => {
    const snapshot = await readSnapshot(snapshotOf('globalThis.kept = { list: [{}, {}] }; takeSnapshot();'));
    const retainers = new Retainers(snapshot);
    const model = plainRetainers(snapshot);
    expect(retainers.owners.length).toBe(snapshot.edgeCount);
    let wrong = 0;
    for (let node = 0; node < snapshot.nodeCount; node++) {
      // The edge of a node with thousands of retainers costs a look at as many edges each time.
      if (retainers.count(node) !== model[node]!.length) wrong++;
      if (model[node]!.length > 50) continue;
      if (String(retainersOf(retainers, node)) !== String(model[node])) wrong++;
    }
    expect(wrong).toBe(0);
  });

  it('refuses a slot of another node', async () => {
    const retainers = new Retainers(await readSnapshot(Buffer.from(handMade(NODES))));
    expect(() => retainers.edgeAt(4, 0)).toThrow(RangeError);
    expect(() => retainers.edgeAt(1, retainers.firstRetainer[2]!)).toThrow(RangeError);
  });
});
