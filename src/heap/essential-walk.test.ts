import { describe, expect, it } from 'vitest';
import { hasBit } from './bits.js';
import { walkEssentialEdges } from './essential-walk.js';
import { type HandMadeNode, handMade } from './hand-made.fixture.js';
import { readSnapshot } from './read-snapshot.js';

/** `owner → target` of the essential edges, as often as there are such. */
async function essential(nodes: readonly HandMadeNode[]): Promise<string[]> {
  const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
  const reached = walkEssentialEdges(snapshot);
  const { outside, order, parents } = snapshot.graphMemory;
  expect(reached).toBe(snapshot.nodeCount);
  const texts: string[] = [];
  for (let number = 1; number < reached; number++) texts.push(`${order[parents[number]!]} → ${order[number]}`);
  for (let node = 0; node < snapshot.nodeCount; node++) {
    const { from, to } = snapshot.edgesOf(node);
    for (let edge = from; edge < to; edge++) {
      if (hasBit(outside, edge)) texts.push(`${node} → ${snapshot.edgeTargets[edge]}`);
    }
  }
  return texts.sort();
}

const pair = (key: number, value: number, table: number) =>
  `part of key (Key @${key}) -> value (Value @${value}) pair in WeakMap (table @${table})`;

describe('walkEssentialEdges()', () => {
  it('leaves out weak edges and edges of a node to itself', async () => {
    const nodes: HandMadeNode[] = [
      { edges: [[0, 1]] },
      {
        edges: [
          ['weak', 0, 'weak'],
          ['strong', 2],
          ['self', 1],
          [3, 1],
        ],
      },
      {
        edges: [
          ['hidden', 1, 'hidden'],
          ['context', 0, 'context'],
        ],
      },
    ];
    expect(await essential(nodes)).toEqual(['0 → 1', '1 → 2', '2 → 0', '2 → 1']);
  });

  it("leaves out the table's half of an entry of a WeakMap, and no other internal edge", async () => {
    const entry = pair(5, 7, 3);
    const nodes: HandMadeNode[] = [
      {
        type: 'synthetic',
        edges: [
          [0, 1],
          [1, 2],
        ],
      },
      {
        id: 3,
        edges: [
          [`2 / ${entry}`, 3, 'internal'],
          [entry, 3, 'internal'],
          [`2 / ${entry} `, 3, 'internal'],
        ],
      },
      {
        id: 5,
        edges: [
          [`1 / ${entry}`, 3, 'internal'],
          [`2 / ${entry}`, 3, 'property'],
        ],
      },
      {
        id: 7,
        name: 'Value',
        edges: [
          [`9 / ${pair(7, 5, 7)}`, 2, 'internal'],
          [`9 / ${pair(7, 5, 7)}`, 2, 'property'],
        ],
      },
    ];
    expect(await essential(nodes)).toEqual(['0 → 1', '0 → 2', '1 → 3', '1 → 3', '2 → 3', '2 → 3', '3 → 2']);
  });

  it('keeps shortcuts of the root alone', async () => {
    const nodes: HandMadeNode[] = [
      { edges: [['a', 1, 'shortcut']] },
      {
        edges: [
          ['b', 2, 'shortcut'],
          ['c', 2],
        ],
      },
      { edges: [['d', 0, 'shortcut']] },
    ];
    expect(await essential(nodes)).toEqual(['0 → 1', '1 → 2']);
  });

  it('leaves out what holds a node of the program from outside, but for the root', async () => {
    const nodes: HandMadeNode[] = [
      {
        type: 'synthetic',
        edges: [
          ['user', 1, 'shortcut'],
          [1, 2],
          [2, 3],
          [3, 4],
        ],
      },
      {
        edges: [
          ['mine', 3],
          ['weak', 4, 'weak'],
        ],
      },
      {
        name: 'debugger',
        edges: [
          ['a', 1],
          ['b', 3],
          ['c', 4],
        ],
      },
      { name: 'owned by the program' },
      {
        name: 'not owned',
        edges: [
          ['d', 3],
          ['e', 2],
        ],
      },
    ];
    expect(await essential(nodes)).toEqual(['0 → 1', '0 → 2', '0 → 3', '0 → 4', '1 → 3', '2 → 4', '4 → 2']);
  });

  it('owns what only edges that repeat others lead to, and all behind it', async () => {
    const entry = pair(9, 7, 3);
    const nodes: HandMadeNode[] = [
      {
        type: 'synthetic',
        edges: [
          ['user', 1, 'shortcut'],
          [1, 2],
          [2, 3],
          [3, 4],
          [4, 5],
        ],
      },
      {
        id: 3,
        name: 'table',
        edges: [
          [`1 / ${entry}`, 3, 'internal'],
          ['short', 5, 'shortcut'],
        ],
      },
      {
        id: 5,
        name: 'debugger',
        edges: [
          ['a', 3],
          ['b', 4],
          ['c', 5],
        ],
      },
      { id: 7, name: 'value', edges: [['behind', 4]] },
      { id: 9, name: 'behind the value' },
      { id: 11, name: 'behind a shortcut' },
    ];
    expect(await essential(nodes)).toEqual(['0 → 1', '0 → 2', '0 → 3', '0 → 4', '0 → 5', '3 → 4']);
  });

  it('owns the root when it is led to, and all that it holds', async () => {
    const heap = (type: 'property' | 'weak'): HandMadeNode[] => [
      {
        type: 'synthetic',
        edges: [
          ['user', 1, 'shortcut'],
          [1, 2],
          [2, 3],
        ],
      },
      { name: 'user', edges: [['root', 0, type]] },
      {
        name: 'debugger',
        edges: [
          ['a', 1],
          ['b', 3],
        ],
      },
      { name: 'held by the root' },
    ];
    expect(await essential(heap('weak'))).toEqual(['0 → 1', '0 → 2', '0 → 3', '2 → 3']);
    expect(await essential(heap('property'))).toEqual(['0 → 1', '0 → 2', '0 → 3', '1 → 0', '2 → 1', '2 → 3']);
  });

  it('walks to what nothing holds by the same rules', async () => {
    const nodes: HandMadeNode[] = [
      {
        type: 'synthetic',
        edges: [
          ['user', 1, 'shortcut'],
          ['weak', 2, 'weak'],
        ],
      },
      { name: 'user' },
      {
        name: 'orphan',
        edges: [
          ['a', 1],
          ['b', 3],
          ['c', 3],
        ],
      },
      { name: 'of the orphan' },
    ];
    expect(await essential(nodes)).toEqual(['0 → 1', '0 → 2', '2 → 3', '2 → 3']);
  });

  it('begins anew at what only such an edge leads to, and keeps what it holds below it', async () => {
    const nodes: HandMadeNode[] = [
      {
        type: 'synthetic',
        edges: [
          ['user', 1, 'shortcut'],
          ['weak', 4, 'weak'],
        ],
      },
      { name: 'user', edges: [['short', 2, 'shortcut']] },
      { name: 'owned', edges: [['part', 3]] },
      { name: 'part' },
      { name: 'debugger', edges: [['a', 2]] },
    ];
    expect(await essential(nodes)).toEqual(['0 → 1', '0 → 2', '0 → 4', '2 → 3']);
  });

  it('counts trees of the DOM as the program, when the root has them as an element', async () => {
    const heap = (name: string, edge: 'element' | 'property'): HandMadeNode[] => [
      {
        type: 'synthetic',
        edges: [
          [edge === 'element' ? 0 : 'trees', 1, edge],
          [1, 2],
        ],
      },
      { type: 'synthetic', name, edges: [['div', 3]] },
      { name: 'debugger', edges: [['div', 3]] },
      { type: 'native', name: '<div>' },
    ];
    expect(await essential(heap('(Document DOM trees)', 'element'))).toEqual(['0 → 1', '0 → 2', '1 → 3']);
    expect(await essential(heap('(Document DOM trees)', 'property'))).toContain('2 → 3');
    expect(await essential(heap('(GC roots)', 'element'))).toContain('2 → 3');
  });

  it('sets the bits of every word, the last one too', async () => {
    const wide: HandMadeNode[] = [{ edges: Array.from({ length: 70 }, (_, at) => [at, at % 2] as const) }, {}];
    expect(await essential(wide)).toHaveLength(35);
  });
});
