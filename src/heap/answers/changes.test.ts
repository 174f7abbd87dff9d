import { describe, expect, it } from 'vitest';
import { type HandMadeNode, handMade } from '../hand-made.fixture.js';
import { readSnapshot } from '../read-snapshot.js';
import { heapDiff } from './heap-diff.js';
import { HeapInventory } from './heap-inventory.js';
import { IdTable } from './id-table.js';
import { NodeClasses } from './node-classes.js';

async function inventory(nodes: readonly HandMadeNode[]): Promise<HeapInventory> {
  const snapshot = await readSnapshot(Buffer.from(handMade([{ type: 'synthetic', id: 1 }, ...nodes])));
  return new HeapInventory(snapshot, snapshot.selfSizes);
}

describe('heapDiff()', () => {
  it('tells born from gone by id, where the counts alone say that nothing happened', async () => {
    const before = await inventory([3, 5, 7].map((id) => ({ name: 'Session', id, size: 100 })));
    const after = await inventory([7, 9, 11].map((id) => ({ name: 'Session', id, size: 100 })));
    const diff = heapDiff(before, after);
    expect(diff.classes).toEqual([
      {
        className: 'Session',
        location: null,
        before: 3,
        after: 3,
        born: 2,
        gone: 2,
        deltaBytes: 0,
        bornBytes: 200,
        exampleId: 9,
      },
    ]);
    expect(diff.survivors).toBeCloseTo(1 / 3, 10);
    expect(diff.deltaBytes).toBe(0);
  });

  it('does not follow native memory, which gets a new id in each snapshot', async () => {
    const native = (id: number): HandMadeNode => ({ type: 'native', name: 'Node / Buffer', id, size: 64 });
    const diff = heapDiff(await inventory([native(4)]), await inventory([native(6)]));
    expect(diff.classes).toEqual([]);
  });

  it('shows a container that holds more', async () => {
    const items = (count: number): HandMadeNode[] =>
      Array.from({ length: count }, (_, i) => ({ name: 'Item', id: 101 + 2 * i, size: 8 }));
    const list = (count: number): HandMadeNode[] => [
      { name: 'Array', id: 3, size: 16, edges: Array.from({ length: count }, (_, i) => [i, i + 2] as const) },
      ...items(count),
    ];
    const diff = heapDiff(await inventory(list(2)), await inventory(list(5)));
    expect(diff.containers).toEqual([{ id: 3, kind: 'Array', before: 2, after: 5, deltaStoreBytes: 0 }]);
    expect(diff.classes).toMatchObject([{ className: 'Item', born: 3, gone: 0, deltaBytes: 24 }]);
  });
});

describe('IdTable', () => {
  it('finds every id and no other, also those beyond 32 bits', () => {
    const ids = Float64Array.from({ length: 5_000 }, (_, i) => (i % 3 === 0 ? 2 ** 33 + i * 2 : i * 2 + 1));
    const table = new IdTable(ids);
    for (let i = 0; i < ids.length; i++) expect(table.indexOf(ids[i]!)).toBe(i);
    for (const missing of [0, 2, 20_001, 2 ** 33 + 2, 2 ** 40]) expect(table.indexOf(missing)).toBe(-1);
  });

  it('of no ids finds none', () => {
    expect(new IdTable(new Uint32Array(0)).indexOf(1)).toBe(-1);
  });
});

describe('NodeClasses', () => {
  const plain = (...names: string[]): HandMadeNode => ({
    name: 'Object',
    size: 8,
    edges: names.map((name) => [name, 1] as const),
  });
  const nodes = [
    { type: 'synthetic' as const },
    { type: 'string' as const, name: 'text', size: 8 },
    ...Array.from({ length: 3 }, () => plain('id', 'name')),
    ...Array.from({ length: 2 }, () => plain('id')),
    plain('id', 'name', 'extra'),
    plain('name', 'id'),
    plain('other'),
    plain(),
    plain('a, b', '__proto__'),
    plain('a, b'),
  ];

  it('common: an object belongs to the shape with most properties that it has all of', async () => {
    const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
    const { classes, classOf } = new NodeClasses(snapshot, 'common');
    const names = Array.from(classOf, (index) => classes[index]!.name).slice(2);
    const pair = '{id, name}';
    expect(names).toEqual([pair, pair, pair, '{id}', '{id}', pair, pair, 'Object', 'Object', '{"a, b"}', '{"a, b"}']);
  });

  it('exact: every object has the shape of its own properties', async () => {
    const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
    const { classes, classOf } = new NodeClasses(snapshot, 'exact');
    const names = Array.from(classOf, (index) => classes[index]!.name).slice(2);
    expect(names.slice(5, 9)).toEqual(['{id, name, extra}', '{name, id}', '{other}', 'Object']);
  });

  it('keeps the text of a shape short and plain, however long and hostile its names', async () => {
    const hostile = Array.from({ length: 50 }, (_, i) => `\u001b[31m${i}${'x'.repeat(500)}\u202e`);
    const snapshot = await readSnapshot(Buffer.from(handMade([...nodes, plain(...hostile), plain(...hostile)])));
    const { classes } = new NodeClasses(snapshot, 'common');
    for (const { name } of classes) {
      expect(name.length).toBeLessThan(250);
      expect(name).not.toMatch(/[\u001b\u202e]/);
    }
  });
});
