import { describe, expect, test } from 'vitest';
import { handMade } from '../../src/heap/hand-made.fixture.js';
import { HeapGraph } from '../../src/heap/heap-graph.js';
import { describePath, RetainingPaths, readSnapshot } from '../../src/heap/index.js';
import { nodesOf, snapshotOf } from '../../src/heap/program-snapshot.fixture.js';

/** The stress run asks for ten million elements and a million entries; these take V8 seconds, not minutes. */
const LARGE = process.env.WATERTIGHT_STRESS === '1';
const ELEMENTS = LARGE ? 10_000_000 : 300_000;
const ENTRIES = LARGE ? 1_000_000 : 50_000;
const DEEP = 100_000;

const read = async (program: string) => {
  const snapshot = await readSnapshot(snapshotOf(program));
  return { snapshot, graph: new HeapGraph(snapshot), paths: new RetainingPaths(snapshot) };
};

describe('answers of large heaps', () => {
  test('an ArrayBuffer of 5 GB has its whole size', async () => {
    const { snapshot, graph } = await read('globalThis.huge = new ArrayBuffer(5e9); takeSnapshot();');
    const data = nodesOf(snapshot, 'system / JSArrayBufferData').find((node) => snapshot.selfSizes[node] === 5e9)!;
    expect(data).toBeGreaterThan(0);
    const buffer = nodesOf(snapshot, 'ArrayBuffer').find((node) => graph.dominators[data] === node)!;
    expect(graph.retainedSizes[buffer]).toBeGreaterThan(5e9);
    expect(graph.retainedSizes[0]).toBeGreaterThan(5e9);
  });

  test(`an array of ${ELEMENTS} elements holds each of them`, async () => {
    const program = `
      class One {}
      const one = new One();
      globalThis.list = new Array(${ELEMENTS}).fill(one);
      takeSnapshot();`;
    const { snapshot, graph, paths } = await read(program);
    const [one] = nodesOf(snapshot, 'One');
    const list = nodesOf(snapshot, 'Array').find((node) => snapshot.child(node, String(ELEMENTS - 1)) === one)!;
    const { from, to } = snapshot.edgesOf(list);
    expect(to - from).toBeGreaterThanOrEqual(ELEMENTS);
    expect(graph.retainedSizes[list]).toBeGreaterThan(4 * ELEMENTS);
    expect(describePath(snapshot, paths.path(one!)).text).toMatch(/list\[\]|one/);
  });

  test(`a list of ${DEEP} links is held by its first`, async () => {
    const program = `
      class Link { constructor(next) { this.next = next; } }
      let head = null;
      for (let i = 0; i < ${DEEP}; i++) head = new Link(head);
      globalThis.head = head;
      head = null;
      takeSnapshot();`;
    const { snapshot, graph, paths } = await read(program);
    const links = nodesOf(snapshot, 'Link');
    expect(links.length).toBe(DEEP);
    const sizes = links.map((node) => graph.retainedSizes[node]!).sort((a, b) => a - b);
    expect(new Set(sizes).size).toBe(DEEP);
    const own = links.reduce((total, node) => total + snapshot.selfSizes[node]!, 0);
    // The first may be the only one that holds its class.
    expect(sizes.at(-1)! - own).toBeGreaterThanOrEqual(0);
    expect(sizes.at(-1)! - own).toBeLessThan(10_000);
    const distances = links.map((node) => graph.distances[node]!).sort((a, b) => a - b);
    expect(distances.at(-1)! - distances[0]!).toBe(DEEP - 1);
    const last = links.find((node) => graph.retainedSizes[node] === sizes[0])!;
    expect(paths.path(last).length).toBeGreaterThan(DEEP);
    expect(describePath(snapshot, paths.path(last)).text.length).toBeLessThan(2_000);
  });

  test(`a WeakMap of ${ENTRIES} entries gives each value to its key`, async () => {
    const program = `
      class Key {}
      class Value {}
      globalThis.keys = Array.from({ length: ${ENTRIES} }, () => new Key());
      globalThis.map = new WeakMap(globalThis.keys.map((key) => [key, new Value()]));
      takeSnapshot();`;
    const { snapshot, graph } = await read(program);
    const values = nodesOf(snapshot, 'Value');
    expect(values.length).toBe(ENTRIES);
    expect(values.every((value) => snapshot.className(graph.dominators[value]!) === 'Key')).toBe(true);
  });

  test('a heap of nothing but the root is empty', async () => {
    const snapshot = await readSnapshot(Buffer.from(handMade([{ type: 'synthetic' }])));
    const graph = new HeapGraph(snapshot);
    expect([...graph.retainedSizes]).toEqual([0]);
    expect([...graph.dominators]).toEqual([0]);
    expect(new RetainingPaths(snapshot).path(0)).toHaveLength(1);
  });

  test('strings of more than 512 MB in all are read, each as it stands', async () => {
    const head = handMade([{ type: 'synthetic', edges: [['kept', 1]] }, { name: 'Kept' }]).slice(0, -2);
    const long = 'x'.repeat(1_000_000);
    async function* pieces(): AsyncGenerator<Buffer> {
      yield Buffer.from(head);
      for (let i = 0; i < 540; i++) yield Buffer.from(`,"${i} ${long}"`);
      yield Buffer.from(',"last"]}');
    }
    const snapshot = await readSnapshot(pieces());
    expect(snapshot.strings.byteLength).toBeGreaterThan(2 ** 29);
    expect(snapshot.name(1)).toBe('Kept');
    const count = snapshot.strings.length;
    expect(snapshot.strings.get(count - 1)).toBe('last');
    for (const i of [0, 1, 271, 539]) {
      expect(snapshot.strings.get(count - 541 + i).startsWith(`${i} xxx`)).toBe(true);
      expect(snapshot.strings.get(count - 541 + i).length).toBe(long.length + String(i).length + 1);
    }
  });
});
