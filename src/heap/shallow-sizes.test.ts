import { describe, expect, it } from 'vitest';
import { type HandMadeNode, handMade } from './hand-made.fixture.js';
import { readSnapshot } from './read-snapshot.js';
import { shallowSizes } from './shallow-sizes.js';

async function sizes(nodes: readonly HandMadeNode[]): Promise<number[]> {
  return [...shallowSizes(await readSnapshot(Buffer.from(handMade(nodes))))];
}

/** Root, user root, and two objects it holds. */
const start: HandMadeNode[] = [
  { type: 'synthetic', edges: [['global', 1, 'shortcut']] },
  {
    size: 10,
    edges: [
      ['a', 2],
      ['b', 3],
    ],
  },
];

describe('shallowSizes()', () => {
  it('gives the bytes of arrays, hidden objects and external text to the one object that has them', async () => {
    const nodes: HandMadeNode[] = [
      ...start,
      {
        name: 'Array',
        size: 32,
        edges: [
          ['elements', 4, 'internal'],
          ['weak', 6, 'weak'],
        ],
      },
      { type: 'string', size: 24, edges: [['data', 6, 'internal']] },
      {
        type: 'array',
        size: 8000,
        edges: [
          [0, 5, 'hidden'],
          [1, 4, 'hidden'],
        ],
      },
      { type: 'hidden', size: 100, edges: [['back', 2, 'internal']] },
      { type: 'native', name: 'system / ExternalStringData', size: 5000 },
    ];
    expect(await sizes(nodes)).toEqual([0, 10, 8132, 5024, 0, 0, 0]);
  });

  it('leaves a part alone that several objects have, and what hangs below it', async () => {
    const nodes: HandMadeNode[] = [
      ...start,
      { size: 1, edges: [['elements', 4, 'internal']] },
      {
        size: 2,
        edges: [
          ['elements', 4, 'internal'],
          ['own', 6, 'internal'],
        ],
      },
      { type: 'array', size: 100, edges: [[0, 5, 'hidden']] },
      { type: 'array', size: 200 },
      { type: 'hidden', size: 400 },
    ];
    expect(await sizes(nodes)).toEqual([0, 10, 1, 402, 100, 200, 0]);
  });

  it('leaves parts of synthetic nodes, of nobody, and native nodes of other names', async () => {
    const nodes: HandMadeNode[] = [
      {
        type: 'synthetic',
        edges: [
          ['global', 1, 'shortcut'],
          [0, 4],
        ],
      },
      {
        size: 10,
        edges: [
          ['a', 2],
          ['weak', 5, 'weak'],
        ],
      },
      { size: 20, edges: [['data', 3, 'internal']] },
      { type: 'native', name: 'system / JSArrayBufferData', size: 1000 },
      { type: 'array', size: 2000 },
      { type: 'array', size: 3000 },
    ];
    expect(await sizes(nodes)).toEqual([0, 10, 20, 1000, 2000, 3000]);
  });

  it('moves nothing when there are no user roots', async () => {
    const nodes: HandMadeNode[] = [
      { type: 'synthetic', edges: [[0, 1]] },
      { type: 'synthetic', name: '(GC roots)', edges: [[0, 2]] },
      { size: 10, edges: [['elements', 3]] },
      { type: 'array', size: 100 },
    ];
    expect(await sizes(nodes)).toEqual([0, 0, 10, 100]);
  });

  it('takes wider numbers when the sizes together need them', async () => {
    const nodes: HandMadeNode[] = [
      ...start,
      { size: 3_000_000_000, edges: [['elements', 4, 'internal']] },
      { size: 7 },
      { type: 'array', size: 3_000_000_000 },
    ];
    expect(await sizes(nodes)).toEqual([0, 10, 6_000_000_000, 7, 0]);
  });
});
