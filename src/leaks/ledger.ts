import { EDGE_TYPES, type HeapSnapshot, NODE_TYPES, type RetainingPaths } from '../heap/index.js';
import { type Cohorts, type Growth, judgeGrowth } from './growth.js';
import { Signatures } from './signatures.js';

/** An object with more own properties than this is used as a dictionary: its keys are data, not structure. */
const DICTIONARY = 32;
/** Node types that V8 makes for itself; they follow from code and hidden classes, not from what a program keeps. */
const MACHINERY = new Set(['code', 'object shape', 'synthetic']);

/** Objects of one class, held by one path, as they came and went over the snapshots. */
export interface Group {
  readonly signature: number;
  readonly cohorts: Cohorts;
  /** Bytes of the members themselves at each moment. */
  readonly bytes: readonly number[];
  readonly growth: Growth;
}

interface Tally {
  /** Members at each snapshot by window of birth: counts[k][b]. */
  counts: number[][];
  bytes: number[];
}

/**
 * Keeps, over several snapshots of one isolate, how many objects of each path signature there were and when they were
 * born. V8 gives ids in the order in which it first sees objects and keeps them, so the highest id of each snapshot
 * dates every later object without comparing sets.
 *
 * Cost: O(nodes) for each snapshot; the ledger keeps a few numbers a signature, never the snapshots.
 */
export class CohortLedger {
  readonly signatures = new Signatures();
  readonly at: number[] = [];
  readonly totalBytes: number[] = [];
  /** Highest id of an object of V8's heap (odd ids) in each snapshot. */
  readonly #newest: number[] = [];
  readonly #tallies = new Map<number, Tally>();

  /** Highest id at the first snapshot: what is younger was born under observation. */
  get firstNewest(): number {
    return this.#newest[0] ?? 0;
  }

  /**
   * Adds the snapshot taken after `iteration` iterations.
   * @returns the signature of each node, -1 where it is unreachable or no business of ours `Int32Array [nodeCount]`
   */
  add(snapshot: HeapSnapshot, paths: RetainingPaths, iteration: number): Int32Array {
    const k = this.at.push(iteration) - 1;
    const nodeSignatures = this.#sign(snapshot, paths);
    const { nodeIds, selfSizes, nodeTypes, nodeCount } = snapshot;
    let newest = this.#newest[k - 1] ?? 0;
    let total = 0;
    for (let node = 0; node < nodeCount; node++) {
      const id = nodeIds[node]!;
      if (id % 2 === 1 && id > newest) newest = id;
    }
    this.#newest.push(newest);
    for (let node = 0; node < nodeCount; node++) {
      const signature = nodeSignatures[node]!;
      if (signature < 0 || MACHINERY.has(NODE_TYPES[nodeTypes[node]!]!)) continue;
      const tally = this.#tally(signature, k);
      tally.counts[k]![this.cohort(snapshot, paths, node, k)]!++;
      tally.bytes[k]! += selfSizes[node]!;
      total += selfSizes[node]!;
    }
    this.totalBytes.push(total);
    return nodeSignatures;
  }

  /** Every group that has grown since the first snapshot, judged. */
  groups(): Group[] {
    const moments = this.at.length;
    const groups: Group[] = [];
    for (const [signature, tally] of this.#tallies) {
      const population = Array.from({ length: moments }, (_, k) => total(tally.counts[k]));
      if (population.at(-1)! <= population[0]! && !this.#grewInBytes(tally)) continue;
      const alive = Array.from({ length: moments }, (_, b) =>
        Array.from({ length: moments }, (_, k) => tally.counts[k]?.[b] ?? 0),
      );
      const cohorts = { at: this.at, population, alive };
      const bytes = Array.from({ length: moments }, (_, k) => tally.bytes[k] ?? 0);
      groups.push({ signature, cohorts, bytes, growth: judgeGrowth(cohorts) });
    }
    return groups;
  }

  /**
   * Window in which a node of the snapshot at moment `k` was born, 0 for what was there at the first. Native memory
   * (even ids, not in order) is as old as the object that holds it.
   */
  cohort(snapshot: HeapSnapshot, paths: RetainingPaths, node: number, k: number): number {
    let dated = node;
    while (dated > 0 && snapshot.nodeIds[dated]! % 2 === 0) dated = paths.parentNode[dated]!;
    if (dated <= 0) return 0;
    const id = snapshot.nodeIds[dated]!;
    let b = k;
    while (b > 0 && id <= this.#newest[b - 1]!) b--;
    return b;
  }

  #grewInBytes(tally: Tally): boolean {
    return (tally.bytes.at(-1) ?? 0) > (tally.bytes[0] ?? 0) + 1024;
  }

  #tally(signature: number, k: number): Tally {
    let tally = this.#tallies.get(signature);
    if (!tally) {
      tally = { counts: [], bytes: [] };
      this.#tallies.set(signature, tally);
    }
    while (tally.counts.length <= k) {
      tally.counts.push(Array.from({ length: tally.counts.length + 1 }, () => 0));
      tally.bytes.push(0);
    }
    return tally;
  }

  /**
   * Nodes of one structure are one group, whether they are reached from its head, from its tail, or as an element that
   * another element knows.
   */
  #withinStructure(parent: number, label: number, className: number): number {
    if (this.signatures.label(parent) === WILDCARD) return parent;
    return this.signatures.step(Math.max(this.signatures.parents[parent]!, Signatures.ROOT), label, className);
  }

  /** Signatures along the path tree, parents first. */
  #sign(snapshot: HeapSnapshot, paths: RetainingPaths): Int32Array {
    const { nodeCount } = snapshot;
    const { parentNode, parentEdge } = paths;
    const namer = new Namer(snapshot, this.signatures);
    const result = new Int32Array(nodeCount).fill(-1);
    result[0] = Signatures.ROOT;
    const pending: number[] = [];
    for (let start = 1; start < nodeCount; start++) {
      let node = start;
      while (result[node] === -1 && parentNode[node]! >= 0) {
        pending.push(node);
        node = parentNode[node]!;
      }
      for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
        const parent = result[parentNode[next]!]!;
        if (parent < 0) continue;
        const label = namer.label(parentNode[next]!, parentEdge[next]!, next);
        result[next] =
          label === namer.recursion
            ? this.#withinStructure(parent, label, namer.className(next))
            : this.signatures.step(parent, label, namer.className(next));
      }
    }
    return result;
  }
}

/** Label of every index and dictionary key. */
const WILDCARD = '[]';

const total = (counts: readonly number[] | undefined): number => counts?.reduce((a, b) => a + b, 0) ?? 0;

const ELEMENT = EDGE_TYPES.indexOf('element');
const HIDDEN = EDGE_TYPES.indexOf('hidden');
const OBJECT = NODE_TYPES.indexOf('object');
/** Classes that nest without being one structure. */
const PLAIN = new Set(['Object', 'Array', 'Map', 'Set', 'WeakMap', 'Promise']);
const PROPERTY = EDGE_TYPES.indexOf('property');
/** Types whose name is content or is one of many: the type says enough. */
const BY_TYPE = new Set([
  'string',
  'concatenated string',
  'sliced string',
  'number',
  'bigint',
  'symbol',
  'regexp',
  'code',
  'object shape',
]);

/** Names of edges and classes of one snapshot as ids that hold over all of them. Each string is decoded once. */
class Namer {
  readonly #snapshot: HeapSnapshot;
  readonly #signatures: Signatures;
  readonly #wildcard: number;
  /** Label of the edges inside a structure of nodes. */
  readonly recursion: number;
  readonly #edgeLabels = new Map<number, number>();
  readonly #classNames = new Map<number, number>();
  readonly #typeNames: number[];
  readonly #dictionaries = new Map<number, boolean>();

  constructor(snapshot: HeapSnapshot, signatures: Signatures) {
    this.#snapshot = snapshot;
    this.#signatures = signatures;
    this.#wildcard = signatures.nameId(WILDCARD);
    this.recursion = signatures.nameId('…');
    this.#typeNames = NODE_TYPES.map((type) =>
      BY_TYPE.has(type) ? signatures.nameId(type.endsWith('string') ? 'string' : type) : -1,
    );
  }

  label(node: number, edge: number, target: number): number {
    const { edgeTypes, edgeNames } = this.#snapshot;
    if (this.#isRecursion(node, target)) return this.recursion;
    const type = edgeTypes[edge]!;
    if (type === ELEMENT || type === HIDDEN) return this.#wildcard;
    if (type === PROPERTY && this.#isDictionary(node)) return this.#wildcard;
    const name = edgeNames[edge]!;
    let label = this.#edgeLabels.get(name);
    if (label === undefined) {
      label = this.#labelOf(this.#snapshot.strings.get(name));
      this.#edgeLabels.set(name, label);
    }
    return label;
  }

  /** Entries of maps and sets are internal edges that V8 numbers. */
  #labelOf(text: string): number {
    if (/^\d+$/.test(text)) return this.#wildcard;
    return this.#signatures.nameId(text.includes('part of key') ? '(weak map value)' : text);
  }

  className(node: number): number {
    const type = this.#snapshot.nodeTypes[node]!;
    const byType = this.#typeNames[type]!;
    if (byType >= 0) return byType;
    const key = this.#snapshot.nodeNames[node]! * NODE_TYPES.length + type;
    let id = this.#classNames.get(key);
    if (id === undefined) {
      id = this.#signatures.nameId(this.#snapshot.className(node));
      this.#classNames.set(key, id);
    }
    return id;
  }

  /**
   * One object of a class of its own that holds another of it is a structure of nodes: a list linked both ways, a
   * tree. By which of its edges the shortest path happens to come says nothing.
   */
  #isRecursion(node: number, target: number): boolean {
    const { nodeTypes, nodeNames } = this.#snapshot;
    const isSame = nodeTypes[node] === OBJECT && nodeTypes[target] === OBJECT && nodeNames[node] === nodeNames[target];
    return isSame && !PLAIN.has(this.#signatures.name(this.className(node)));
  }

  #isDictionary(node: number): boolean {
    let known = this.#dictionaries.get(node);
    if (known === undefined) {
      const { firstEdges, edgeTypes } = this.#snapshot;
      let properties = 0;
      for (let edge = firstEdges[node]!; edge < firstEdges[node + 1]!; edge++) {
        if (edgeTypes[edge] === PROPERTY) properties++;
      }
      known = properties > DICTIONARY;
      this.#dictionaries.set(node, known);
    }
    return known;
  }
}
