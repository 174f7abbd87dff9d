import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from './meta.js';
import { isScopeName } from './scopes.js';

/** Cost of an edge that is never followed. */
export const NEVER = 255;
/** Cost of an edge that leads only to what nothing else holds: a handle that V8 or its compiler has in hand just now. */
export const LAST_RESORT = 254;
/** Largest cost of any other edge; the bucket queue has one bucket more. */
export const MAX_EDGE_COST = 60;

/** Internal edges that stand for something people write: a container's store, a captured scope, a bound argument. */
const PLAIN_INTERNALS = new Set([
  'elements',
  'table',
  'context',
  'extension',
  'reactions_or_result',
  'promise',
  'buffer',
  'backing_store',
  'viewed_array_buffer',
  'bound_this',
  'bound_function',
  'parameters_and_registers',
  'first',
  'second',
  'parent',
  'value',
  'global_object',
  'global_proxy_object',
]);

/** Edges that exist in every heap and explain nothing. */
const OBSCURE: ReadonlyMap<string, number> = new Map([
  ['previous', 3],
  ['function', 3],
  ['properties', 8],
  ['script_context_table', 4],
  ['shared', 12],
  ['embedder_data', 12],
  ['map', 20],
]);
/** Node's own stack of running callbacks: it holds what happens to run while the snapshot is taken. */
const RUNNING_CALLBACKS = 'execution_async_resources';
/** Properties that are not plain. */
const PROPERTIES: ReadonlyMap<string, number> = new Map([
  [RUNNING_CALLBACKS, MAX_EDGE_COST],
  ['prototype', 10],
  ['constructor', 10],
  ['__proto__', 20],
]);
const PROPERTY_LENGTHS: ReadonlySet<number> = new Set([...PROPERTIES.keys()].map((name) => name.length));
const OTHER_INTERNAL = 10;
const OTHER_HIDDEN = 8;

/** Kinds of GC roots, by the price of a path that starts there; what a user wrote is reached through `global`. */
const ROOTS: readonly (readonly [RegExp, number])[] = [
  [/handle scope|relocatable/i, LAST_RESORT],
  [/internalized|string table|read-only|weak roots|write barrier/i, MAX_EDGE_COST],
  [/compilation cache|startup object|shareable|builtins|bootstrapper|extensions|code flusher|smi roots/i, 40],
  [/stack roots|debugger|thread manager|client heap/i, 30],
  [/strong root|eternal/i, 20],
  [/global handles|traced|C\+\+|Node \//i, 6],
  [/micro ?tasks/i, 3],
];
const OTHER_ROOT = 20;
/** Maps of objects that background compilers work on, among the strong roots. */
const COMPILER_MAP = /IdentityMap/;

/** Marks in place of a price for names whose price hangs on the owner: entries of a WeakMap, slots of an array. */
const ENTRY_MARK = 255;
const SLOT_MARK = 254;

const CONTEXT = EDGE_TYPES.indexOf('context');
const ELEMENT = EDGE_TYPES.indexOf('element');
const INTERNAL = EDGE_TYPES.indexOf('internal');
const PROPERTY = EDGE_TYPES.indexOf('property');
const HIDDEN = EDGE_TYPES.indexOf('hidden');
const SHORTCUT = EDGE_TYPES.indexOf('shortcut');
const WEAK = EDGE_TYPES.indexOf('weak');
const SYNTHETIC = NODE_TYPES.indexOf('synthetic');
const ARRAY = NODE_TYPES.indexOf('array');

/** Prices edges so that the cheapest path is the one that its author would name. Names are priced once each. */
export class EdgeCosts {
  readonly #snapshot: HeapSnapshot;
  /** By string index: 0 unknown, a mark, else cost + 1. */
  readonly #internal: Uint8Array;
  readonly #property: Uint8Array;
  /** By string index of an edge from a kind of roots: 0 unknown, else cost. */
  readonly #rootEdge: Uint8Array;
  /** By string index of a node name: cost of hidden edges of such a node, 0 unknown. */
  readonly #hiddenOwner: Uint8Array;

  constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot;
    this.#internal = new Uint8Array(snapshot.strings.length);
    this.#property = new Uint8Array(snapshot.strings.length);
    this.#rootEdge = new Uint8Array(snapshot.strings.length);
    this.#hiddenOwner = new Uint8Array(snapshot.strings.length);
  }

  /** From 1 to `MAX_EDGE_COST`, or `LAST_RESORT`, or `NEVER`. */
  of(owner: number, edge: number): number {
    const snapshot = this.#snapshot;
    const type = snapshot.edgeTypes[edge]!;
    if (type === WEAK) return NEVER;
    if (snapshot.nodeTypes[owner] === SYNTHETIC) return this.#root(owner, edge, type);
    if (type === ELEMENT) return 1;
    const name = snapshot.edgeNames[edge]!;
    if (type === HIDDEN) return this.#hiddenCost(snapshot.nodeNames[owner]!);
    if (type === PROPERTY || type === CONTEXT || type === SHORTCUT) {
      const known = this.#property[name]!;
      if (known !== 0) return known - 1;
      const cost = this.#priceProperty(name);
      this.#property[name] = cost + 1;
      return cost;
    }
    return this.#internalCost(owner, name);
  }

  /** The variables of a scope and the callbacks of a promise are plain. */
  #hiddenCost(ownerName: number): number {
    const known = this.#hiddenOwner[ownerName]!;
    if (known !== 0) return known;
    const name = this.#snapshot.strings.peek(ownerName);
    const cost = isScopeName(name) || name === 'system / PromiseReaction' ? 1 : OTHER_HIDDEN;
    this.#hiddenOwner[ownerName] = cost;
    return cost;
  }

  #internalCost(owner: number, name: number): number {
    const snapshot = this.#snapshot;
    let known = this.#internal[name]!;
    if (known === 0) {
      known = this.#priceInternal(name);
      this.#internal[name] = known;
    }
    // An entry of a WeakMap is shown twice, from key and table: it lives by its key.
    if (known === ENTRY_MARK) return snapshot.weakMapEntries.tableId(name) === snapshot.nodeIds[owner] ? NEVER : 1;
    if (known === SLOT_MARK) return snapshot.nodeTypes[owner] === ARRAY ? 1 : OTHER_HIDDEN;
    return known - 1;
  }

  #priceInternal(name: number): number {
    const { strings, weakMapEntries } = this.#snapshot;
    if (strings.isNumber(name)) return SLOT_MARK;
    if (weakMapEntries.isEntry(name)) return ENTRY_MARK;
    const text = strings.peek(name);
    if (PLAIN_INTERNALS.has(text) || text.startsWith('bound_argument_')) return 1 + 1;
    return (OBSCURE.get(text) ?? OTHER_INTERNAL) + 1;
  }

  /** Names are many: only those as long as one that matters are read. */
  #priceProperty(name: number): number {
    const { strings } = this.#snapshot;
    return PROPERTY_LENGTHS.has(strings.byteLengthAt(name)) ? (PROPERTIES.get(strings.peek(name)) ?? 1) : 1;
  }

  #root(owner: number, edge: number, type: number): number {
    const target = this.#snapshot.edgeTargets[edge]!;
    if (owner === 0 && type === SHORTCUT) return 1;
    if (this.#snapshot.nodeTypes[target] !== SYNTHETIC) return this.#heldByRoot(this.#snapshot.edgeNames[edge]!, type);
    const name = this.#snapshot.name(target);
    if (name === '(GC roots)') return 1;
    return ROOTS.find(([kind]) => kind.test(name))?.[1] ?? OTHER_ROOT;
  }

  #heldByRoot(name: number, type: number): number {
    if (type !== INTERNAL) return 1;
    this.#rootEdge[name] ||= COMPILER_MAP.test(this.#snapshot.strings.get(name)) ? LAST_RESORT : 1;
    return this.#rootEdge[name]!;
  }
}
