import { describe, expect, it } from 'vitest';
import { NO_DISTANCE, nodeDistances, SYSTEM_DISTANCE } from './distances.js';
import { type HandMadeNode, handMade } from './hand-made.fixture.js';
import { readSnapshot } from './read-snapshot.js';

async function distances(nodes: readonly HandMadeNode[]): Promise<number[]> {
  return [...nodeDistances(await readSnapshot(Buffer.from(handMade(nodes))))];
}

describe('nodeDistances()', () => {
  it('counts from user roots, then from the root for what only the system holds', async () => {
    const nodes: HandMadeNode[] = [
      {
        type: 'synthetic',
        edges: [
          [0, 1],
          ['global', 2, 'shortcut'],
        ],
      },
      {
        type: 'synthetic',
        name: '(GC roots)',
        edges: [
          [0, 3],
          [1, 4],
        ],
      },
      {
        name: 'global',
        edges: [
          ['a', 3],
          ['b', 5, 'weak'],
        ],
      },
      {},
      {},
      { name: 'weakly held' },
    ];
    expect(await distances(nodes)).toEqual([
      SYSTEM_DISTANCE,
      SYSTEM_DISTANCE + 1,
      1,
      2,
      SYSTEM_DISTANCE + 2,
      NO_DISTANCE,
    ]);
  });

  it('counts from the root at 0 when there are no user roots', async () => {
    const nodes: HandMadeNode[] = [{ type: 'synthetic', edges: [[0, 1]] }, { type: 'synthetic', edges: [[0, 2]] }, {}];
    expect(await distances(nodes)).toEqual([0, 1, 2]);
  });

  it('starts at the trees of the DOM', async () => {
    const nodes: HandMadeNode[] = [
      { type: 'synthetic', edges: [[0, 1]] },
      { type: 'synthetic', name: '(Document DOM trees)', edges: [[0, 2]] },
      {},
    ];
    expect(await distances(nodes)).toEqual([SYSTEM_DISTANCE, 1, 2]);
  });

  it('puts a value of a WeakMap behind the farther one of key and table', async () => {
    const heap = (path: number): HandMadeNode[] => {
      const pair = 'part of key (Key @7) -> value (Value @9) pair in WeakMap (table @5)';
      return [
        { type: 'synthetic', edges: [['global', 1, 'shortcut']] },
        {
          edges: [
            ['table', 2],
            ['far', 5],
          ],
        },
        { id: 5, edges: [[`4 / ${pair}`, 4, 'internal']] },
        { id: 7, name: 'Key', edges: [[`1 / ${pair}`, 4, 'internal']] },
        { id: 9, name: 'Value' },
        ...Array.from({ length: path }, (_, at) => ({ edges: [['next', at + 1 < path ? 6 + at : 3] as const] })),
      ];
    };
    expect((await distances(heap(1)))[4]).toBe(4);
    expect((await distances(heap(3)))[4]).toBe(6);
    const noKey = heap(1).map((node, at) => (at === 5 ? {} : node));
    expect((await distances(noKey))[4]).toBe(NO_DISTANCE);
  });

  it('tells the entries of a table and of a key apart', async () => {
    const name = (serial: number, key: number, value: number, table: number) =>
      `${serial} / part of key (Key @${key}) -> value (Value @${value}) pair in WeakMap (table @${table})`;
    const nodes: HandMadeNode[] = [
      { type: 'synthetic', edges: [['global', 1, 'shortcut']] },
      {
        id: 3,
        edges: [
          ['table', 2],
          ['other table', 3],
          ['key', 4],
        ],
      },
      {
        id: 5,
        edges: [
          [name(1, 9, 13, 5), 6, 'internal'],
          [name(2, 11, 15, 5), 7, 'internal'],
        ],
      },
      { id: 7, edges: [[name(3, 9, 17, 7), 8, 'internal']] },
      { id: 9, name: 'Key', edges: [[name(4, 9, 13, 5), 6, 'internal']] },
      {
        id: 11,
        name: 'Key out of reach',
        edges: [
          [name(5, 11, 15, 5), 7, 'internal'],
          [name(6, 9, 17, 7), 8, 'internal'],
        ],
      },
      { id: 13 },
      { id: 15 },
      { id: 17 },
    ];
    expect((await distances(nodes)).slice(6)).toEqual([3, NO_DISTANCE, NO_DISTANCE]);
  });

  it('passes by the slots of descriptor arrays that belong to one map', async () => {
    const names = [0, 1, 2, 3, 4, 7, '4', '7th', 'other'] as const;
    const nodes: HandMadeNode[] = [
      { type: 'synthetic', edges: [['global', 1, 'shortcut']] },
      {
        type: 'array',
        name: '(map descriptors)',
        edges: names.map((name, at) => [name, 2 + at, typeof name === 'number' ? 'hidden' : 'internal'] as const),
      },
      ...names.map(() => ({})),
    ];
    const skipped = NO_DISTANCE;
    expect((await distances(nodes)).slice(2)).toEqual([2, 2, 2, 2, skipped, skipped, skipped, skipped, 2]);
    const ordinary = nodes.map((node, at) => (at === 1 ? { ...node, name: '(object elements)' } : node));
    expect((await distances(ordinary)).slice(2)).toEqual(names.map(() => 2));
  });

  it('passes by the sloppy function map of a native context', async () => {
    const heap = (type: 'hidden' | 'object'): HandMadeNode[] => [
      { type: 'synthetic', edges: [['global', 1, 'shortcut']] },
      {
        type,
        name: 'system / NativeContext',
        edges: [
          ['sloppy_function_map', 2, 'internal'],
          ['other', 3, 'internal'],
        ],
      },
      {},
      {},
    ];
    expect(await distances(heap('hidden'))).toEqual([SYSTEM_DISTANCE, 1, NO_DISTANCE, 2]);
    expect(await distances(heap('object'))).toEqual([SYSTEM_DISTANCE, 1, 2, 2]);
  });
});
