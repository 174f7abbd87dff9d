import { type Bits, hasBit } from './bits.js';
import type { SnapshotColumns } from './columns.js';
import { detachedNodes } from './detached-nodes.js';
import type { GraphMemory } from './graph-memory.js';
import { EDGE_TYPES, type EdgeType, NODE_TYPES, type NodeType } from './meta.js';
import { type SourceLocation, SourceLocations } from './source-locations.js';
import type { StringTable } from './string-table.js';
import { WeakMapEntries } from './weak-map-entries.js';

const HIDDEN_EDGE = EDGE_TYPES.indexOf('hidden');
const ELEMENT_EDGE = EDGE_TYPES.indexOf('element');
/** Cons strings form a tree; V8 flattens what is read, so a deeper one is cut. */
const MAX_STRING_PARTS = 100_000;

/**
 * A heap snapshot as columns: nodes are dense indexes from 0, the edges of node `n` are
 * `firstEdges[n]` to `firstEdges[n + 1]`. All text comes from the observed program and is untrusted.
 *
 * @example
 * const snapshot = await readSnapshot('app.heapsnapshot');
 * for (let node = 0; node < snapshot.nodeCount; node++) {
 *   if (snapshot.className(node) === 'Session') console.log(snapshot.nodeIds[node], snapshot.selfSizes[node]);
 * }
 */
export class HeapSnapshot {
  /** The synthetic root. */
  readonly rootIndex = 0;
  readonly nodeCount: number;
  /** Edges of the file; the edge columns are empty when it was read with `edges: false`. */
  readonly edgeCount: number;
  /** Index into `NODE_TYPES` [nodeCount]. */
  readonly nodeTypes: Uint8Array;
  /** String index [nodeCount]. */
  readonly nodeNames: Uint32Array;
  /** V8's id, kept over the snapshots of one process; odd for the JavaScript heap [nodeCount]. */
  readonly nodeIds: Uint32Array | Float64Array;
  /** Shallow bytes; may exceed 4 GiB [nodeCount]. */
  readonly selfSizes: Uint32Array | Float64Array;
  /** [nodeCount + 1] */
  readonly firstEdges: Uint32Array;
  /** Index into `EDGE_TYPES` [edgeCount]. */
  readonly edgeTypes: Uint8Array;
  /** Index number for element and hidden edges, else a string index [edgeCount]. */
  readonly edgeNames: Uint32Array;
  /** Dense node index [edgeCount]. */
  readonly edgeTargets: Uint32Array;
  readonly strings: StringTable;
  readonly #columns: SnapshotColumns;
  #locations: SourceLocations | null = null;
  #weakMapEntries: WeakMapEntries | null = null;
  #detached: Bits | null = null;

  constructor(columns: SnapshotColumns) {
    this.#columns = columns;
    this.nodeCount = columns.meta.nodeCount;
    this.edgeCount = columns.meta.edgeCount;
    this.nodeTypes = columns.nodeTypes;
    this.nodeNames = columns.nodeNames;
    this.nodeIds = columns.nodeIds;
    this.selfSizes = columns.selfSizes;
    this.firstEdges = columns.firstEdges;
    this.edgeTypes = columns.edgeTypes;
    this.edgeNames = columns.edgeNames;
    this.edgeTargets = columns.edgeTargets;
    this.strings = columns.strings;
  }

  /** @throws TypeError when the snapshot was read without edges. */
  requireEdges(): void {
    if (this.#columns.graphMemory !== null) return;
    throw new TypeError('snapshot must have its edges, got one read with { edges: false }');
  }

  /**
   * Where the edges lie and walks over them work. Ask `HeapGraph` for what they find.
   * @throws TypeError when the snapshot was read without edges.
   * @internal
   */
  get graphMemory(): GraphMemory {
    this.requireEdges();
    return this.#columns.graphMemory!;
  }

  /** Which names of internal edges are those of entries of a WeakMap. */
  get weakMapEntries(): WeakMapEntries {
    this.#weakMapEntries ??= new WeakMapEntries(this.strings);
    return this.#weakMapEntries;
  }

  /** Name of a node as V8 wrote it: class, function name, text of a string. */
  name(nodeIndex: number): string {
    return this.strings.get(this.nodeNames[nodeIndex]!);
  }

  nodeType(nodeIndex: number): NodeType {
    return NODE_TYPES[this.nodeTypes[nodeIndex]!]!;
  }

  edgeType(edgeIndex: number): EdgeType {
    return EDGE_TYPES[this.edgeTypes[edgeIndex]!]!;
  }

  /** Name of an edge; decimal text for an element or hidden edge. */
  edgeName(edgeIndex: number): string {
    const type = this.edgeTypes[edgeIndex]!;
    const name = this.edgeNames[edgeIndex]!;
    return type === ELEMENT_EDGE || type === HIDDEN_EDGE ? String(name) : this.strings.get(name);
  }

  /** First edge of a node and the one after its last: `for (let e = from; e < to; e++)`. Empty without edges. */
  edgesOf(nodeIndex: number): { readonly from: number; readonly to: number } {
    if (this.edgeTargets.length === 0) return { from: 0, to: 0 };
    return { from: this.firstEdges[nodeIndex]!, to: this.firstEdges[nodeIndex + 1]! };
  }

  /**
   * The node that the first edge of this name leads to, -1 when there is none; indexes are given as decimal text.
   * Cost: the edges of the node, after one look-up of the text.
   */
  child(nodeIndex: number, edgeName: string): number {
    const text = this.strings.indexOf(edgeName);
    const index = /^\d+$/.test(edgeName) ? Number(edgeName) : -1;
    const { from, to } = this.edgesOf(nodeIndex);
    for (let edge = from; edge < to; edge++) {
      const type = this.edgeTypes[edge]!;
      const wanted = type === ELEMENT_EDGE || type === HIDDEN_EDGE ? index : text;
      if (wanted >= 0 && this.edgeNames[edge] === wanted) return this.edgeTargets[edge]!;
    }
    return -1;
  }

  /** Class of a node as Chrome DevTools shows it: `Session`, `Array`, `string`, `onMessage()`, `Detached <li>`. */
  className(nodeIndex: number): string {
    const type = this.nodeType(nodeIndex);
    if (type === 'closure') return `${this.functionName(nodeIndex)}()`;
    if (type === 'string' || type === 'concatenated string' || type === 'sliced string') return 'string';
    if (type === 'regexp' || type === 'number' || type === 'symbol' || type === 'bigint') return type;
    const name = this.name(nodeIndex);
    if (type === 'native') return this.#nativeClass(nodeIndex, name);
    if (type === 'object') return name === '' ? '(object)' : name;
    if (type === 'synthetic') return name === '' ? '(root)' : name;
    if (type === 'code' || type === 'array' || type === 'hidden') {
      return name.startsWith('(') || name.startsWith('system / ') ? name : `(${type})`;
    }
    return name.startsWith('system / ') ? name : `(${type})`;
  }

  /** True for a part of a page that is in no document any more, see `detachedNodes`. Only browsers know. */
  isDetached(nodeIndex: number): boolean {
    if (this.#columns.detached.length === 0) return false;
    this.#detached ??= detachedNodes(this, this.#columns);
    return hasBit(this.#detached, nodeIndex);
  }

  /** Elements of a page go by their tag, as in DevTools: `<li class="row">` is a `<li>`. */
  #nativeClass(nodeIndex: number, name: string): string {
    const space = name.startsWith('<') ? name.indexOf(' ') : -1;
    const plain = name === '' ? '(native)' : space < 0 ? name : `${name.slice(0, space)}>`;
    return this.isDetached(nodeIndex) ? `Detached ${plain}` : plain;
  }

  /** Name of the function of a closure, `(anonymous)` where it has none. */
  functionName(nodeIndex: number): string {
    const name = this.name(nodeIndex);
    return name === '' ? '(anonymous)' : name;
  }

  /**
   * Text of a string node, put together from its parts, at most `maxChars` long; `''` for other nodes.
   * V8 itself cuts a flat string at 1024 characters. A slice gives its parent's text, as its offset is not in the file.
   */
  stringValue(nodeIndex: number, maxChars: number): string {
    const pending = [nodeIndex];
    let text = '';
    for (let parts = 0; pending.length > 0 && text.length < maxChars && parts < MAX_STRING_PARTS; parts++) {
      const node = pending.pop()!;
      const type = this.nodeType(node);
      if (type === 'string') text += this.name(node);
      else if (type === 'sliced string') this.#push(pending, node, 'parent');
      else if (type === 'concatenated string') {
        this.#push(pending, node, 'second');
        this.#push(pending, node, 'first');
      }
    }
    return text.slice(0, maxChars);
  }

  /** Number that a number node holds, in a snapshot taken with `exposeNumericValues`; else `null`. */
  numericValue(nodeIndex: number): number | null {
    if (this.nodeType(nodeIndex) !== 'number') return null;
    const value = this.child(nodeIndex, 'value');
    if (value < 0) return null;
    const number = Number(this.name(value));
    return Number.isNaN(number) ? null : number;
  }

  /**
   * Where a closure, or the class of an object, is declared; line and column from 1. `null` when the file has no
   * location for it (built-in classes, plain objects) or was read without edges.
   * Cost: the first call walks all locations once.
   */
  location(nodeIndex: number): SourceLocation | null {
    if (this.edgeTargets.length === 0) return null;
    this.#locations ??= new SourceLocations(this, this.#columns);
    return this.#locations.of(nodeIndex);
  }

  #push(pending: number[], node: number, edgeName: string): void {
    const next = this.child(node, edgeName);
    if (next >= 0) pending.push(next);
  }
}
