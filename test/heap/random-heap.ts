import type { HandMadeNode } from '../../src/heap/hand-made.fixture.js';
import { EDGE_TYPES, type EdgeType, NODE_TYPES, type NodeType } from '../../src/heap/index.js';

/** Names that rules hang on, beside one that no rule knows. */
const NODE_NAMES = ['Thing', 'system / NativeContext', '(map descriptors)', 'system / ExternalStringData'];
const EDGE_NAMES = ['part', 'sloppy_function_map', '1', '2', '4', '7', '7th'];
const INDEXES = [0, 1, 3, 4, 10];

type Edge = readonly [name: string | number, to: number, type?: EdgeType];
type Random = () => number;
interface Entry {
  readonly table: number;
  readonly key: number;
  readonly value: number;
}

/** Numbers from 0 to 1 (xorshift, Marsaglia 2003), the same for a seed. */
export function seeded(seed: number): Random {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** A small heap that no V8 would write: any edge between any nodes, and entries of WeakMaps. */
export function randomHeap(seed: number): HandMadeNode[] {
  const random = seeded(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const count = 8 + below(30);
  // Nodes that nothing refers to leave room in DevTools' queue, where a user root stands once for each of its edges.
  const spare = 8;
  const edges: Edge[][] = Array.from({ length: count + spare }, () => []);
  const density = 0.8 + random() * 1.5;
  for (let i = 0; i < count * density; i++) edges[below(count)]!.push(randomEdge(random, below(count)));
  for (let i = 0; i < 4; i++)
    edges[0]!.push([i, 1 + below(count - 1), pick(['element', 'shortcut', 'property'] as const)]);
  const entries = new Map<string, Entry>();
  for (let i = 0; i < 6; i++) {
    const entry = { table: below(count), key: below(count), value: below(count) };
    // A key has one value in a table.
    entries.set(`${entry.table} ${entry.key}`, entry);
  }
  for (const entry of entries.values()) addEntry(edges, entry, below(9));
  const rootTargets = new Set(edges[0]!.map(([, to]) => to));
  // One in eight is as if taken with `exposeInternals`: the root has synthetic children only.
  const hasUserRoots = random() < 7 / 8;
  return edges.map((own, node) => {
    const isSynthetic = node === 0 || (!hasUserRoots && rootTargets.has(node));
    const isTree = random() < 0.1 && hasUserRoots;
    const name = node === 0 ? '' : isTree ? '(Document DOM trees)' : pick(NODE_NAMES);
    return { type: isSynthetic ? 'synthetic' : randomType(random), name, id: idOf(node), size: below(100), edges: own };
  });
}

const idOf = (node: number) => 2 * node + 1;

/** Types that a rule names come more often. */
function randomType(random: Random): NodeType {
  const frequent: NodeType[] = ['object', 'array', 'hidden', 'synthetic', 'native'];
  const list: readonly NodeType[] = random() < 0.7 ? frequent : NODE_TYPES;
  return list[Math.floor(random() * list.length)]!;
}

function randomEdge(random: Random, to: number): Edge {
  const type = random() < 0.5 ? 'property' : EDGE_TYPES[Math.floor(random() * EDGE_TYPES.length)]!;
  const names = type === 'element' || type === 'hidden' ? INDEXES : EDGE_NAMES;
  return [names[Math.floor(random() * names.length)]!, to, type];
}

/** V8 puts a number before each name that need not be the same. */
function addEntry(edges: Edge[][], { table, key, value }: Entry, serial: number): void {
  const pair = `part of key (K @${idOf(key)}) -> value (V @${idOf(value)}) pair in WeakMap (table @${idOf(table)})`;
  edges[table]!.push([`${serial} / ${pair}`, value, 'internal']);
  edges[key]!.push([`${serial + 3} / ${pair}`, value, 'internal']);
}
