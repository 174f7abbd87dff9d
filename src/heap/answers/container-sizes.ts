import type { HeapSnapshot } from '../heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from '../meta.js';

export interface Container {
  readonly node: number;
  readonly id: number;
  /** `Array`, `Map`, `Set`, or the class of an object that is used as a dictionary. */
  readonly kind: string;
  /** Objects and strings that it holds; small integers are invisible to a snapshot. */
  readonly held: number;
  /** Bytes of its store: what a list of small integers is known by. */
  readonly storeBytes: number;
}

const OBJECT = NODE_TYPES.indexOf('object');
const ELEMENT = EDGE_TYPES.indexOf('element');
const PROPERTY = EDGE_TYPES.indexOf('property');
const WEAK = EDGE_TYPES.indexOf('weak');
/** Above so many properties an object is taken for a dictionary (the limit of retaining paths). */
const DICTIONARY_PROPERTIES = 32;

/**
 * The arrays, maps, sets and dictionaries that hold at least `minHeld` things or whose store has `minBytes`.
 * Cost: one look at the edges of each object, 3 ns each.
 */
export function containers(snapshot: HeapSnapshot, minHeld: number, minBytes = Number.POSITIVE_INFINITY): Container[] {
  const [array, map, set] = ['Array', 'Map', 'Set'].map((name) => snapshot.strings.indexOf(name));
  const found: Container[] = [];
  for (let node = 0; node < snapshot.nodeCount; node++) {
    if (snapshot.nodeTypes[node] !== OBJECT) continue;
    const name = snapshot.nodeNames[node];
    const size =
      name === array
        ? arraySize(snapshot, node)
        : name === map || name === set
          ? tableSize(snapshot, node, name === map ? 2 : 1)
          : dictionarySize(snapshot, node);
    if (size === null || (size.held < minHeld && size.storeBytes < minBytes)) continue;
    found.push({ node, id: snapshot.nodeIds[node]!, kind: snapshot.className(node), ...size });
  }
  return found.sort((a, b) => b.held - a.held || b.storeBytes - a.storeBytes);
}

type Size = Pick<Container, 'held' | 'storeBytes'>;

function arraySize(snapshot: HeapSnapshot, node: number): Size {
  return { held: count(snapshot, node, ELEMENT), storeBytes: bytesOf(snapshot, node, 'elements') };
}

/** The table of a map has an edge for each key and value, of a set for each key; the first edges are its own parts. */
function tableSize(snapshot: HeapSnapshot, node: number, edgesPerEntry: number): Size {
  const table = snapshot.child(node, 'table');
  if (table < 0) return { held: 0, storeBytes: 0 };
  const { from, to } = snapshot.edgesOf(table);
  let held = 0;
  for (let edge = from; edge < to; edge++) {
    if (snapshot.edgeTypes[edge] !== WEAK && /^\d+$/.test(snapshot.edgeName(edge))) held++;
  }
  return { held: Math.ceil(held / edgesPerEntry), storeBytes: snapshot.selfSizes[table]! };
}

function dictionarySize(snapshot: HeapSnapshot, node: number): Size | null {
  const { from, to } = snapshot.edgesOf(node);
  if (to - from <= DICTIONARY_PROPERTIES) return null;
  const held = count(snapshot, node, PROPERTY) + count(snapshot, node, ELEMENT);
  return held <= DICTIONARY_PROPERTIES ? null : { held, storeBytes: bytesOf(snapshot, node, 'properties') };
}

function count(snapshot: HeapSnapshot, node: number, type: number): number {
  const { from, to } = snapshot.edgesOf(node);
  let found = 0;
  for (let edge = from; edge < to; edge++) if (snapshot.edgeTypes[edge] === type) found++;
  return found;
}

function bytesOf(snapshot: HeapSnapshot, node: number, store: string): number {
  const child = snapshot.child(node, store);
  return child < 0 ? 0 : snapshot.selfSizes[child]!;
}
