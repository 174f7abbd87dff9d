import { describe, expect, it } from 'vitest';
import { handMade } from './hand-made.fixture.js';
import { nodesOf, snapshotOf } from './program-snapshot.fixture.js';
import { readSnapshot } from './read-snapshot.js';
import { WeakMapEntries } from './weak-map-entries.js';

async function entryOf(text: string) {
  const { strings } = await readSnapshot(Buffer.from(handMade([{ edges: [[text, 0, 'internal']] }])));
  const name = strings.indexOf(text);
  const entries = new WeakMapEntries(strings);
  return entries.isEntry(name) ? [entries.keyId(name), entries.tableId(name)] : null;
}

describe('WeakMapEntries', () => {
  it('finds each entry of a WeakMap twice, from its key and from its table', async () => {
    const program = `class Value {} class Key {}
      const keys = [new Key(), new Key(), new Key()];
      globalThis.kept = { keys, map: new WeakMap(keys.map((key) => [key, new Value()])) };
      takeSnapshot();`;
    const snapshot = await readSnapshot(snapshotOf(program));
    const entries = new WeakMapEntries(snapshot.strings);
    const keyIds = nodesOf(snapshot, 'Key').map((node) => snapshot.nodeIds[node]);
    const values = new Set(nodesOf(snapshot, 'Value'));
    const halves = { key: [] as number[], table: [] as number[] };
    for (let node = 0; node < snapshot.nodeCount; node++) {
      const { from, to } = snapshot.edgesOf(node);
      for (let edge = from; edge < to; edge++) {
        const name = snapshot.edgeNames[edge]!;
        if (snapshot.edgeType(edge) !== 'internal' || !values.has(snapshot.edgeTargets[edge]!)) continue;
        if (!entries.isEntry(name)) continue;
        if (snapshot.nodeIds[node] === entries.tableId(name)) halves.table.push(entries.keyId(name));
        if (snapshot.nodeIds[node] === entries.keyId(name)) halves.key.push(entries.keyId(name));
      }
    }
    expect(halves.key.sort()).toEqual([...keyIds].sort());
    expect(halves.table.sort()).toEqual([...keyIds].sort());
  });

  it.each<[string, number[] | null]>([
    ['12 / part of key (Key @34) -> value (Value @56) pair in WeakMap (table @78)', [34, 78]],
    ['0 / part of key ( @1) -> value ( @2) pair in WeakMap (table @3)', [1, 3]],
    ['1 / part of key (a (b @1) @2) -> value (c @3) pair in WeakMap (table @4)', [2, 4]],
    ['part of key (Key @34) -> value (Value @56) pair in WeakMap (table @78)', null],
    ['x / part of key (Key @34) -> value (Value @56) pair in WeakMap (table @78)', null],
    ['12 / part of key (Key @34) -> value (Value @56) pair in WeakMap (table @78) ', null],
    ['12 / part of key (Key @34) -> value (Value @) pair in WeakMap (table @78)', null],
    ['12 / part of key (Key\n @34) -> value (Value @56) pair in WeakMap (table @78)', null],
    ['table', null],
  ])('reads %j', async (text, ids) => {
    expect(await entryOf(text)).toEqual(ids);
  });

  it('takes no longer for a thousand names made to take the square of their length', { timeout: 3000 }, async () => {
    const name = (n: number) => `${n} / part of key (${' @1) -> value ('.repeat(400)}`;
    const nodes = [{ edges: Array.from({ length: 1_000 }, (_, n) => [name(n), 0, 'internal'] as const) }];
    const { strings } = await readSnapshot(Buffer.from(handMade(nodes)));
    expect(new WeakMapEntries(strings).names.every((word) => word === 0)).toBe(true);
  });

  it('passes by a name made to take the square of its length', { timeout: 3000 }, async () => {
    const text = `1 / part of key (${' @1) -> value ('.repeat(150_000)}`;
    expect(await entryOf(text)).toBeNull();
  });
});
