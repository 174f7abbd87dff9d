import { heapError } from './errors.js';
import { GraphMemory } from './graph-memory.js';
import type { IntegerScanner, WideValue } from './integer-scanner.js';
import { EDGE_TYPES, type SnapshotMeta } from './meta.js';
import { StringTable } from './string-table.js';

const ELEMENT = EDGE_TYPES.indexOf('element');
const HIDDEN = EDGE_TYPES.indexOf('hidden');

/** V8's `EmbedderGraph::Node::Detachedness`; 0 is unknown. */
const ATTACHED = 1;
const DETACHED = 2;

/** Strings of a stream that room is made for at once: 8 MB. */
const STREAM_STRINGS = 1 << 20;

/** Some thousand locations, as they stand in the file. */
interface LocationColumns {
  /** Node index times the fields of a node. */
  readonly objects: Int32Array;
  readonly scripts: Int32Array;
  /** From 0. */
  readonly lines: Int32Array;
  /** From 0. */
  readonly columns: Int32Array;
}

/** The columns of a snapshot while it is read: one typed array a field, sized from the counts of the header. */
export class SnapshotColumns {
  readonly meta: SnapshotMeta;
  readonly nodeTypes: Uint8Array;
  readonly nodeNames: Uint32Array;
  nodeIds: Uint32Array | Float64Array;
  selfSizes: Uint32Array | Float64Array;
  readonly firstEdges: Uint32Array;
  readonly edgeTypes: Uint8Array;
  readonly edgeNames: Uint32Array;
  readonly edgeTargets: Uint32Array;
  /** Holds what walks over the edges need; `null` when they are not read. */
  readonly graphMemory: GraphMemory | null;
  readonly strings = new StringTable();
  readonly locations: LocationColumns[] = [];
  /** Nodes that the embedder knows to be part of a document, and not to be. */
  readonly attached: number[] = [];
  readonly detached: number[] = [];
  nodesRead = 0;
  edgesRead = 0;
  #largestName = 0;
  #edgesPromised = 0;
  readonly #edgeTable: Uint8Array;

  constructor(meta: SnapshotMeta, readsEdges: boolean) {
    this.meta = meta;
    this.#edgeTable = meta.edgeTypeOf.map((type) => (type === ELEMENT || type === HIDDEN ? type | 0x80 : type));
    const edges = readsEdges ? meta.edgeCount : 0;
    this.graphMemory = readsEdges ? new GraphMemory(meta.nodeCount, edges) : null;
    this.nodeTypes = new Uint8Array(meta.nodeCount);
    this.nodeNames = new Uint32Array(meta.nodeCount);
    this.nodeIds = new Uint32Array(meta.nodeCount);
    this.selfSizes = new Uint32Array(meta.nodeCount);
    this.firstEdges = this.graphMemory?.firstEdges ?? new Uint32Array(meta.nodeCount + 1);
    this.edgeTypes = this.graphMemory?.edgeTypes ?? new Uint8Array(0);
    this.edgeNames = new Uint32Array(edges);
    this.edgeTargets = this.graphMemory?.edgeTargets ?? new Uint32Array(0);
  }

  /** Takes the node records at hand. */
  addNodes(scanner: IntegerScanner, rows: number, byteOffset: number): void {
    const { nodeField: field, nodeTypeOf, nodeCount, edgeCount } = this.meta;
    const first = this.nodesRead;
    if (first + rows > nodeCount) {
      throw heapError('WT_HEAP_CORRUPT', `there are more nodes than the ${nodeCount} announced`, 'nodes', byteOffset);
    }
    const bad = scanner.makeNodes(rows, field, nodeTypeOf, this.#edgesPromised, edgeCount);
    if (bad >= 0)
      throw this.#badNode(first + bad, `an unknown type, or edges beyond the ${edgeCount} announced`, byteOffset);
    this.nodeTypes.set(scanner.bytes(field.type).subarray(0, rows), first);
    this.nodeNames.set(scanner.column(field.name).subarray(0, rows), first);
    this.nodeIds.set(scanner.column(field.id).subarray(0, rows), first);
    this.selfSizes.set(scanner.column(field.selfSize).subarray(0, rows), first);
    if (field.detachedness >= 0) this.#addDetachedness(scanner.column(field.detachedness), rows, first);
    const ends = scanner.column(field.edgeCount).subarray(0, rows);
    this.firstEdges.set(ends, first + 1);
    this.#edgesPromised = ends.at(-1) ?? this.#edgesPromised;
    this.#largestName = Math.max(this.#largestName, scanner.largestName);
    this.nodesRead = first + rows;
    for (const wide of scanner.wideValues()) this.#widen(first + wide.row, wide, byteOffset);
  }

  /** Sizes above 4 GiB and ids of more than 32 bits are rare: their column becomes one of doubles when the first comes. */
  #widen(node: number, { field, value }: WideValue, byteOffset: number): void {
    const { id, selfSize, type, name, edgeCount } = this.meta.nodeField;
    if (node >= this.nodesRead) return;
    if ([type, name, edgeCount].includes(field) || value < 0)
      throw this.#badNode(node, `the value ${value}`, byteOffset);
    if (field === id) {
      this.nodeIds = doubles(this.nodeIds, this.nodesRead);
      this.nodeIds[node] = value;
    } else if (field === selfSize) {
      this.selfSizes = doubles(this.selfSizes, this.nodesRead);
      this.selfSizes[node] = value;
    }
  }

  #addDetachedness(column: Uint32Array, rows: number, first: number): void {
    for (let row = 0; row < rows; row++) {
      const state = column[row]!;
      if (state === ATTACHED) this.attached.push(first + row);
      else if (state === DETACHED) this.detached.push(first + row);
    }
  }

  /** Takes the edge records at hand. */
  addEdges(scanner: IntegerScanner, rows: number, byteOffset: number): void {
    const { edgeField: field, edgeCount, nodeFields, nodeCount } = this.meta;
    const first = this.edgesRead;
    if (first + rows > edgeCount) {
      throw heapError('WT_HEAP_CORRUPT', `there are more edges than the ${edgeCount} announced`, 'edges', byteOffset);
    }
    const wide = scanner.wideValues()[0];
    const bad = wide ? wide.row : scanner.makeEdges(rows, field, this.#edgeTable, nodeFields, nodeCount);
    if (bad >= 0) {
      const problem = `edge ${first + bad} has a type or a target that there is none of`;
      throw heapError('WT_HEAP_CORRUPT', problem, 'edges', byteOffset);
    }
    this.edgeTypes.set(scanner.bytes(field.type).subarray(0, rows), first);
    this.edgeNames.set(scanner.column(field.nameOrIndex).subarray(0, rows), first);
    this.edgeTargets.set(scanner.column(field.toNode).subarray(0, rows), first);
    this.#largestName = Math.max(this.#largestName, scanner.largestName);
    this.edgesRead = first + rows;
  }

  /** Takes the location records at hand. */
  addLocations(scanner: IntegerScanner, rows: number): void {
    const { objectIndex, scriptId, line, column } = this.meta.locationField;
    const copy = (field: number): Int32Array => new Int32Array(scanner.column(field).slice(0, rows).buffer);
    const batch = { objects: copy(objectIndex), scripts: copy(scriptId), lines: copy(line), columns: copy(column) };
    // A line or column of -1 stands for none.
    for (const { row, field, value } of scanner.wideValues()) {
      if (field === line) batch.lines[row] = value;
      else if (field === column) batch.columns[row] = value;
    }
    this.locations.push(batch);
  }

  /** Begins to read strings, with room for those that there are names of, as far as the file can hold them. */
  openStrings(totalBytes: number): void {
    // A string takes two quotes and a comma at least; of a stream the size is not known.
    const most = totalBytes === Number.POSITIVE_INFINITY ? STREAM_STRINGS : totalBytes / 3;
    this.strings.open(Math.min(this.#largestName + 1, most));
  }

  /** Last check, when all sections are in. */
  finish(hasEdges: boolean, byteOffset: number): void {
    const { nodeCount, edgeCount } = this.meta;
    const corrupt = (problem: string, section: string) => heapError('WT_HEAP_CORRUPT', problem, section, byteOffset);
    if (nodeCount === 0) throw heapError('WT_HEAP_NOT_A_SNAPSHOT', 'it holds no nodes', 'nodes', byteOffset);
    if (this.nodesRead !== nodeCount) throw corrupt(`only ${this.nodesRead} of ${nodeCount} nodes are there`, 'nodes');
    if (this.#edgesPromised !== edgeCount) {
      throw corrupt(`its nodes own ${this.#edgesPromised} edges, not ${edgeCount}`, 'nodes');
    }
    if (hasEdges && this.edgesRead !== edgeCount) {
      throw corrupt(`only ${this.edgesRead} of ${edgeCount} edges are there`, 'edges');
    }
    if (this.#largestName >= this.strings.length) {
      throw corrupt(`a name is string ${this.#largestName} of ${this.strings.length}`, 'strings');
    }
  }

  #badNode(node: number, what: string, byteOffset: number): Error {
    return heapError('WT_HEAP_CORRUPT', `node ${node} has ${what}`, 'nodes', byteOffset);
  }
}

/** What was not read yet is not touched: memory that a header promises is not taken before the nodes come. */
function doubles(column: Uint32Array | Float64Array, nodesRead: number): Float64Array {
  if (column instanceof Float64Array) return column;
  const wider = new Float64Array(column.length);
  wider.set(column.subarray(0, nodesRead));
  return wider;
}
