import { beforeAll, describe, expect, it } from 'vitest';
import { describePath } from '../path-text.js';
import { type ProgramHeap, programHeap } from './answers.fixture.js';
import { classTable } from './class-table.js';
import { containers } from './container-sizes.js';
import { DominatorTree, dominatorBranch } from './dominator-tree.js';
import { duplicateStrings } from './duplicate-strings.js';
import { heapStats } from './heap-stats.js';
import { largestObjects } from './largest-objects.js';

const PROGRAM = `
class Order { constructor(id) { this.lines = [{ sku: 's' + id, price: { cents: 'c' + id } }]; } }
globalThis.orders = Array.from({ length: 100 }, (_, i) => new Order(i));
globalThis.index = new Map(orders.map((order, i) => ['key' + i, order]));
globalThis.names = new Set(orders.map((order, i) => 'name' + i));
globalThis.numbers = Array.from({ length: 5000 }, (_, i) => i);
globalThis.byName = Object.fromEntries(orders.slice(0, 60).map((order, i) => ['order' + i, order]));
class Blob1 { constructor() { this.bytes = new Uint8Array(3_000_000); } }
globalThis.blob = new Blob1();
globalThis.texts = Array.from({ length: 50 }, (_, i) => ['same', 'text', 'again', 'and', 'again'].join(' ').repeat(2) + '');
globalThis.texts = texts.map((text) => JSON.parse(JSON.stringify({ text })).text);
takeSnapshot();
`;

let heap: ProgramHeap;
beforeAll(async () => {
  heap = await programHeap(PROGRAM);
});

describe('heapStats()', () => {
  it('counts every byte once, the 3 MB of a buffer as buffers, and knows the version', () => {
    const stats = heapStats(heap.snapshot);
    const bytes = Float64Array.from(heap.snapshot.selfSizes).reduce((sum, size) => sum + size, 0);
    expect(stats.bytes).toBe(bytes);
    expect(stats.kinds.reduce((sum, kind) => sum + kind.bytes, 0)).toBe(bytes);
    expect(stats.kinds.reduce((sum, kind) => sum + kind.count, 0)).toBe(heap.snapshot.nodeCount);
    const [first] = stats.kinds;
    expect(first!.kind).toBe('typed arrays and buffers');
    expect(first!.bytes).toBeGreaterThan(3_000_000);
    expect(stats.kinds.find(({ kind }) => kind === 'arrays')!.bytes).toBeGreaterThan(40_000);
    if (!process.env.WATERTIGHT_TEST_NODE) expect(stats.versions.node).toBe(process.versions.node);
    expect(stats.versions.v8).toMatch(/^\d+\.\d+/);
  });
});

describe('classTable()', () => {
  it('counts a class at its place, and plain objects by shape', () => {
    const rows = classTable(heap.snapshot, heap.graph, heap.classes);
    const order = rows.find(({ className }) => className === 'Order')!;
    expect(order.count).toBe(100);
    expect(order.location).toMatchObject({ line: 2 });
    expect(order.location!.file).toMatch(/program\.mjs$/);
    // V8 keeps one more of each literal as the pattern of the others.
    for (const shape of ['{sku, price}', '{cents}']) {
      expect([100, 101]).toContain(rows.find(({ className }) => className === shape)!.count);
    }
    expect(order.retainedBytes).toBeGreaterThan(order.shallowBytes);
  });

  it('counts what one object of a class keeps inside another once', () => {
    const rows = classTable(heap.snapshot, heap.graph, heap.classes);
    const total = heap.graph.retainedSizes[0]!;
    for (const row of rows) expect(row.retainedBytes).toBeLessThanOrEqual(total);
    expect(rows.reduce((sum, row) => sum + row.shallowBytes, 0)).toBe(total);
  });

  it('agrees with a walk from each node up to the root', () => {
    const { graph, classes, snapshot } = heap;
    const expected = new Float64Array(classes.classes.length);
    for (let node = 0; node < snapshot.nodeCount; node++) {
      if (graph.shallowSizes[node] === 0) continue;
      let at = node;
      let isInside = false;
      while (at !== 0 && !isInside) {
        at = graph.dominators[at]!;
        isInside = classes.classOf[at] === classes.classOf[node] && graph.shallowSizes[at]! > 0;
      }
      if (!isInside) expected[classes.classOf[node]!]! += graph.retainedSizes[node]!;
    }
    const rows = classTable(snapshot, graph, classes);
    expect(rows.length).toBeGreaterThan(50);
    const found = new Map(rows.map((row) => [`${row.className}${row.location?.line}`, row.retainedBytes]));
    for (const [index, { name, location }] of classes.classes.entries()) {
      const known = found.get(`${name}${location?.line}`);
      if (known !== undefined && rows.filter((row) => row.className === name).length === 1) {
        expect(known, name).toBe(expected[index]);
      }
    }
  });
});

describe('largestObjects()', () => {
  it('puts the object with the buffer near the top, with its path, and no store of V8', () => {
    const objects = largestObjects(heap.snapshot, heap.graph, heap.paths, 10);
    const blob = objects.find(({ className }) => className === 'Blob1')!;
    expect(blob.retainedBytes).toBeGreaterThan(3_000_000);
    expect(blob.heldBy).toBe('globalThis.blob');
    expect(objects.map(({ className }) => className).filter((name) => /^(system \/|\()/.test(name))).toEqual([]);
    const retained = objects.map(({ retainedBytes }) => retainedBytes);
    expect(retained).toEqual([...retained].sort((a, b) => b - a));
  });

  it('gives the same first rows whatever the number asked for', () => {
    const many = largestObjects(heap.snapshot, heap.graph, heap.paths, 400);
    const few = largestObjects(heap.snapshot, heap.graph, heap.paths, 7);
    expect(few.map(({ retainedBytes }) => retainedBytes)).toEqual(many.slice(0, 7).map((row) => row.retainedBytes));
  });
});

describe('dominatorBranch()', () => {
  it('accounts for every byte below a node: shown, hidden, or its own', () => {
    const tree = dominatorBranch(heap.snapshot, heap.graph, { maxDepth: 4 });
    const check = (branch: typeof tree): void => {
      if (branch.children.length === 0) return;
      const below = branch.children.reduce((sum, child) => sum + child.retainedBytes, branch.hidden.retainedBytes);
      expect(below + branch.shallowBytes).toBe(branch.retainedBytes);
      for (const child of branch.children) {
        expect(child.share).toBeGreaterThanOrEqual(0.01);
        check(child);
      }
    };
    // The roots that hold most: two from Node 22 on.
    expect(tree.children.length).toBeGreaterThan(1);
    check(tree);
  });

  it('stops at the depth that is asked for', () => {
    const tree = dominatorBranch(heap.snapshot, heap.graph, { maxDepth: 1 });
    expect(tree.children.every((child) => child.children.length === 0)).toBe(true);
    expect(tree.children[0]!.hidden.retainedBytes).toBeGreaterThan(0);
  });

  it('DominatorTree holds every node but the root below its dominator', () => {
    const tree = new DominatorTree(heap.graph.dominators);
    expect(tree.children.length).toBe(heap.snapshot.nodeCount - 1);
    for (const child of tree.childrenOf(0)) expect(heap.graph.dominators[child]).toBe(0);
  });
});

describe('duplicateStrings()', () => {
  it('finds fifty equal texts and what one copy would save', () => {
    const { strings } = duplicateStrings(heap.snapshot, 1_000);
    const found = strings.find(({ head }) => head === 'same text again and againsame text again and again')!;
    expect(found.count).toBeGreaterThanOrEqual(50);
    expect(found.wastedBytes).toBe(found.bytes - found.bytes / found.count);
    expect(found.isCut).toBe(false);
    expect(strings.some(({ head }) => head === 'name7')).toBe(false);
  });
});

describe('containers()', () => {
  it('counts what arrays, maps, sets and dictionaries hold, and the store of numbers', () => {
    const found = containers(heap.snapshot, 50, 10_000);
    const held = new Map(
      found.map((container) => [describePath(heap.snapshot, heap.paths.path(container.node)).text, container]),
    );
    expect(held.get('globalThis.orders')).toMatchObject({ kind: 'Array', held: 100 });
    expect(held.get('globalThis.index')).toMatchObject({ kind: 'Map', held: 100 });
    expect(held.get('globalThis.names')).toMatchObject({ kind: 'Set', held: 100 });
    expect(held.get('globalThis.byName')!.held).toBeGreaterThanOrEqual(60);
    const numbers = held.get('globalThis.numbers')!;
    expect(numbers.held).toBe(0);
    expect(numbers.storeBytes).toBeGreaterThanOrEqual(20_000);
  });
});
