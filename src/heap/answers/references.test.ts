import { beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/index.js';
import { type HandMadeNode, handMade } from '../hand-made.fixture.js';
import { HeapGraph } from '../heap-graph.js';
import { nodesOf } from '../program-snapshot.fixture.js';
import { readSnapshot } from '../read-snapshot.js';
import { RetainingPaths } from '../retaining-paths.js';
import { type ProgramHeap, programHeap } from './answers.fixture.js';
import { objectCycles } from './object-cycles.js';
import { referenceGraph } from './reference-graph.js';
import { pathGroups, severalPaths } from './several-paths.js';
import { StrongComponents } from './strong-components.js';

const PROGRAM = `
class Parent { children = []; }
class Child { constructor(parent) { this.parent = parent; parent.children.push(this); } }
globalThis.parents = Array.from({ length: 20 }, () => { const p = new Parent(); new Child(p); new Child(p); return p; });
class Self { constructor() { this.me = this; } }
globalThis.selves = [new Self(), new Self()];
class Leaf {}
class Shared {}
const shared = new Shared();
globalThis.cache = new Map([['key', shared]]);
globalThis.list = { head: { item: shared } };
globalThis.leaves = Array.from({ length: 8 }, () => new Leaf());
globalThis.more = { leaf: new Leaf() };
takeSnapshot();
`;

let heap: ProgramHeap;
beforeAll(async () => {
  heap = await programHeap(PROGRAM);
});

describe('objectCycles()', () => {
  it('finds parents and children, counts their circles, and writes the loop', () => {
    const group = objectCycles(heap.snapshot).find(({ classes }) => classes.includes('Parent'))!;
    expect([...group.classes].sort()).toEqual(['Array', 'Child', 'Parent']);
    expect(group).toMatchObject({ circles: 20, objects: 80, moreClasses: 0 });
    expect(group.loop).toMatch(
      /Parent\.children → Array\[\] → Child\.parent → Parent|Child\.parent → Parent\.children/,
    );
  });

  it('finds an object that refers to itself', () => {
    const group = objectCycles(heap.snapshot).find(({ classes }) => classes.includes('Self'))!;
    expect(group).toMatchObject({ classes: ['Self'], circles: 2, objects: 2, loop: 'Self.me → Self' });
  });

  it('does not call it a circle that everything knows its prototype and global scope', () => {
    const classes = objectCycles(heap.snapshot).flatMap((group) => group.classes);
    expect(classes).not.toContain('Leaf');
    expect(classes).not.toContain('Shared');
    expect(classes).not.toContain('process');
  });
});

describe('StrongComponents', () => {
  it('agrees with reachability both ways on random graphs', async () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = seededRandom(seed);
      const size = 2 + Math.floor(random() * 24);
      const nodes: HandMadeNode[] = Array.from({ length: size }, (_, i) => ({
        name: `N${i}`,
        edges: Array.from(
          { length: Math.floor(random() * 3.2) },
          (_, k) => [`e${k}`, Math.floor(random() * size)] as const,
        ),
      }));
      const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
      const components = new StrongComponents(snapshot, () => true);
      const reach = reachable(nodes);
      for (let a = 0; a < size; a++) {
        for (let b = 0; b < size; b++) {
          const isSame = a === b || (reach[a]!.has(b) && reach[b]!.has(a));
          expect(components.of[a] === components.of[b], `seed ${seed}: ${a} and ${b}`).toBe(isSame);
        }
      }
      const cyclic = new Set(components.cyclic().flat());
      for (let a = 0; a < size; a++) expect(cyclic.has(a), `seed ${seed}: ${a}`).toBe(reach[a]!.has(a));
    }
  });

  it('takes a circle of 200,000 objects without a deep stack', async () => {
    const size = 200_000;
    const nodes = Array.from(
      { length: size },
      (_, i): HandMadeNode => ({ name: 'Link', edges: [['next', (i + 1) % size]] }),
    );
    const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
    expect(new StrongComponents(snapshot, () => true).cyclic().map((nodes) => nodes.length)).toEqual([size]);
  });

  /** What can be reached from each node by one edge or more. */
  function reachable(nodes: readonly HandMadeNode[]): Set<number>[] {
    return nodes.map((_, start) => {
      const seen = new Set<number>();
      const pending = [start];
      for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
        for (const [, to] of nodes[node]!.edges ?? []) {
          if (!seen.has(to)) pending.push(to);
          seen.add(to);
        }
      }
      return seen;
    });
  }
});

describe('severalPaths()', () => {
  it('finds both holders of an object, the plainest path first, each text once', () => {
    const { snapshot, paths, graph } = heap;
    const groups = severalPaths(snapshot, paths, graph.retainers, heap.only('Shared'), 10);
    const texts = groups.map(({ text }) => text);
    expect(texts).toContain('globalThis.list.head.item');
    expect(texts.some((text) => text.startsWith('globalThis.cache'))).toBe(true);
    expect(new Set(texts).size).toBe(texts.length);
    for (const { path } of groups) {
      expect(path[0]!.node).toBe(0);
      for (let at = 1; at < path.length; at++) expect(snapshot.edgeTargets[path[at]!.edge]).toBe(path[at]!.node);
    }
  });

  it('gives as many as asked for', () => {
    expect(severalPaths(heap.snapshot, heap.paths, heap.graph.retainers, heap.only('Shared'), 1)).toHaveLength(1);
  });
});

describe('severalPaths() in shapes of other versions', () => {
  async function textsTo(nodes: readonly HandMadeNode[], node: number, top: number): Promise<string[]> {
    const snapshot = await readSnapshot(Buffer.from(handMade(nodes)));
    const paths = new RetainingPaths(snapshot);
    return severalPaths(snapshot, paths, new HeapGraph(snapshot).retainers, node, top).map(({ text }) => text);
  }

  it('takes the cell of a global property and the property for one holder', async () => {
    const nodes: HandMadeNode[] = [
      { type: 'synthetic', edges: [['1', 1, 'shortcut']] },
      {
        name: 'global',
        edges: [
          ['direct', 4],
          ['properties', 2, 'internal'],
        ],
      },
      { type: 'array', name: '(object properties)', edges: [['189', 3, 'internal']] },
      { type: 'hidden', name: 'system / PropertyCell', edges: [['value', 4, 'internal']] },
      { name: 'Only' },
    ];
    expect(await textsTo(nodes, 4, 10)).toEqual(['globalThis.direct']);
  });

  it('names the property that holds the window of a frame', async () => {
    const nodes: HandMadeNode[] = [
      { type: 'synthetic', edges: [['1', 1, 'shortcut']] },
      { name: 'Window [JSGlobalObject] / file://', edges: [['frame', 2]] },
      { type: 'native', name: 'Window / file://' },
    ];
    expect(await textsTo(nodes, 2, 5)).toEqual(['globalThis.frame']);
  });

  it("finds the second holder behind hundreds of Chrome's ways to its global object", async () => {
    const handles = 300;
    const nodes: HandMadeNode[] = [
      { type: 'synthetic', edges: [['1', 1, 'element']] },
      {
        type: 'synthetic',
        name: '(Global handles)',
        edges: Array.from({ length: handles }, (_, i) => [`${i} / handle`, 9 + i, 'internal'] as const),
      },
      {
        type: 'native',
        name: 'system / NativeContext / file://',
        edges: [
          ['global_object', 4, 'internal'],
          ['global_proxy_object', 3, 'internal'],
          ['script', 6, 'internal'],
        ],
      },
      { type: 'native', name: 'Window / file://', edges: [['global_object', 4, 'shortcut']] },
      { name: 'Window [JSGlobalObject] / file://', edges: [['rows', 5]] },
      { name: 'Array', edges: [[0, 8]] },
      {
        name: 'system / Context / scope @13',
        edges: [
          ['cache', 7, 'context'],
          ['previous', 2, 'internal'],
        ],
      },
      { name: 'Array', edges: [[0, 8]] },
      { name: 'Row' },
      ...Array.from(
        { length: handles },
        (): HandMadeNode => ({ type: 'native', name: 'blink::Handle', edges: [['context', 2, 'internal']] }),
      ),
    ];
    expect(await textsTo(nodes, 8, 5)).toEqual(['globalThis.rows[]', 'cache[]']);
  });
});

describe('pathGroups()', () => {
  it('groups the objects of a class by the text of their path', () => {
    const nodes = nodesOf(heap.snapshot, 'Leaf').filter((node) => heap.snapshot.nodeType(node) === 'object');
    const { groups, unreachable } = pathGroups(heap.snapshot, heap.paths, nodes, heap.graph.shallowSizes);
    const counts = new Map(groups.map(({ text, count }) => [text, count]));
    expect(counts.get('globalThis.leaves[]')).toBe(8);
    expect(counts.get('globalThis.more.leaf')).toBe(1);
    expect(groups.reduce((sum, group) => sum + group.count, unreachable)).toBe(nodes.length);
  });
});

describe('referenceGraph()', () => {
  it('shows who refers to an object above it and what it refers to below', () => {
    const { snapshot, graph } = heap;
    const [parent] = nodesOf(snapshot, 'Parent').filter((node) => snapshot.child(node, 'children') >= 0);
    const picture = referenceGraph(snapshot, graph.retainers, heap.paths, [parent!], { depth: 2 });
    const level = (className: string) => picture.nodes.find((node) => node.className === className)?.level;
    expect(level('Parent')).toBe(0);
    expect(level('Child')).toBe(-1);
    const nodes = new Set(picture.nodes.map(({ node }) => node));
    expect(picture.edges.every(({ from, to }) => nodes.has(from) && nodes.has(to))).toBe(true);
    expect(picture.edges.some(({ name }) => name === 'children')).toBe(true);
  });

  it('is bounded, and says how much was cut', () => {
    const global = nodesOf(heap.snapshot, 'process').filter((node) => heap.snapshot.nodeType(node) === 'object');
    const picture = referenceGraph(heap.snapshot, heap.graph.retainers, heap.paths, global, {
      depth: 5,
      maxNodes: 12,
      maxFan: 3,
    });
    expect(picture.nodes.length).toBeLessThanOrEqual(12);
    expect(picture.cut).toBeGreaterThan(10);
  });
});
