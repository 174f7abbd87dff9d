import { heapError } from './errors.js';
import { EDGE_TYPES, type SnapshotMeta } from './meta.js';
import { StringTable } from './string-table.js';

const ELEMENT = EDGE_TYPES.indexOf('element');
const HIDDEN = EDGE_TYPES.indexOf('hidden');

/** The columns of a snapshot while it is read: one typed array a field, sized from the counts of the header. */
export class SnapshotColumns {
  readonly meta: SnapshotMeta;
  readonly nodeTypes: Uint8Array;
  readonly nodeNames: Uint32Array;
  readonly nodeIds: Float64Array;
  readonly selfSizes: Float64Array;
  readonly firstEdges: Uint32Array;
  readonly edgeTypes: Uint8Array;
  readonly edgeNames: Uint32Array;
  readonly edgeTargets: Uint32Array;
  readonly strings = new StringTable();
  locationNodes = new Uint32Array(0);
  /** Script id, line from 0, column from 0 of each location. */
  locationPlaces = new Int32Array(0);
  locationCount = 0;
  nodesRead = 0;
  edgesRead = 0;
  #largestName = 0;
  #edgesPromised = 0;

  constructor(meta: SnapshotMeta, readsEdges: boolean) {
    this.meta = meta;
    const edges = readsEdges ? meta.edgeCount : 0;
    this.nodeTypes = new Uint8Array(meta.nodeCount);
    this.nodeNames = new Uint32Array(meta.nodeCount);
    this.nodeIds = new Float64Array(meta.nodeCount);
    this.selfSizes = new Float64Array(meta.nodeCount);
    this.firstEdges = new Uint32Array(meta.nodeCount + 1);
    this.edgeTypes = new Uint8Array(edges);
    this.edgeNames = new Uint32Array(edges);
    this.edgeTargets = new Uint32Array(edges);
  }

  /** Takes whole node records. */
  addNodes(batch: Float64Array, numbers: number, byteOffset: number): void {
    const { nodeFields: step, nodeField: field, nodeTypeOf, nodeCount } = this.meta;
    if (numbers % step !== 0) throw heapError('WT_HEAP_CORRUPT', 'a node record is incomplete', 'nodes', byteOffset);
    let node = this.nodesRead;
    if (node + numbers / step > nodeCount) {
      throw heapError('WT_HEAP_CORRUPT', `there are more nodes than the ${nodeCount} announced`, 'nodes', byteOffset);
    }
    const { nodeTypes, nodeNames, nodeIds, selfSizes, firstEdges } = this;
    const [type, name, id, size, count] = [field.type, field.name, field.id, field.selfSize, field.edgeCount];
    let largest = this.#largestName;
    let edges = this.#edgesPromised;
    for (let at = 0; at < numbers; at += step, node++) {
      const kind = batch[at + type]!;
      if (kind >= nodeTypeOf.length) throw this.#badNode(node, `type ${kind}`, byteOffset);
      nodeTypes[node] = nodeTypeOf[kind]!;
      const text = batch[at + name]!;
      if (text > largest) largest = text;
      nodeNames[node] = text;
      nodeIds[node] = batch[at + id]!;
      selfSizes[node] = batch[at + size]!;
      edges += batch[at + count]!;
      firstEdges[node + 1] = edges;
    }
    this.#largestName = largest;
    this.#edgesPromised = edges;
    this.nodesRead = node;
  }

  /** Takes whole edge records. */
  addEdges(batch: Float64Array, numbers: number, byteOffset: number): void {
    const { edgeFields: step, edgeField: field, edgeTypeOf, edgeCount, nodeFields, nodeCount } = this.meta;
    if (numbers % step !== 0) throw heapError('WT_HEAP_CORRUPT', 'an edge record is incomplete', 'edges', byteOffset);
    let edge = this.edgesRead;
    if (edge + numbers / step > edgeCount) {
      throw heapError('WT_HEAP_CORRUPT', `there are more edges than the ${edgeCount} announced`, 'edges', byteOffset);
    }
    const { edgeTypes, edgeNames, edgeTargets } = this;
    const [type, name, to] = [field.type, field.nameOrIndex, field.toNode];
    let largest = this.#largestName;
    for (let at = 0; at < numbers; at += step, edge++) {
      const kind = batch[at + type]!;
      const target = batch[at + to]! / nodeFields;
      // A fraction, a negative or a too large number differs from its own 32-bit value.
      if (kind >= edgeTypeOf.length || target >= nodeCount || target !== target >>> 0) {
        throw heapError('WT_HEAP_CORRUPT', `edge ${edge} has type ${kind} and leads to ${target}`, 'edges', byteOffset);
      }
      const known = edgeTypeOf[kind]!;
      const text = batch[at + name]!;
      if (text > largest && known !== ELEMENT && known !== HIDDEN) largest = text;
      edgeTypes[edge] = known;
      edgeNames[edge] = text;
      edgeTargets[edge] = target;
    }
    this.#largestName = largest;
    this.edgesRead = edge;
  }

  /** Takes whole location records; those that point nowhere are left out. */
  addLocations(batch: Float64Array, numbers: number): void {
    const { locationFields: step, locationField: field, nodeFields, nodeCount } = this.meta;
    this.#reserveLocations(Math.ceil(numbers / step));
    for (let at = 0; at + step <= numbers; at += step) {
      const node = batch[at + field.objectIndex]! / nodeFields;
      if (node >= nodeCount || node !== node >>> 0) continue;
      const row = this.locationCount++;
      this.locationNodes[row] = node;
      this.locationPlaces[row * 3] = batch[at + field.scriptId]!;
      this.locationPlaces[row * 3 + 1] = batch[at + field.line]!;
      this.locationPlaces[row * 3 + 2] = batch[at + field.column]!;
    }
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

  #reserveLocations(more: number): void {
    const need = this.locationCount + more;
    if (need <= this.locationNodes.length) return;
    const capacity = Math.max(need, this.locationNodes.length * 2);
    const nodes = new Uint32Array(capacity);
    const places = new Int32Array(capacity * 3);
    nodes.set(this.locationNodes);
    places.set(this.locationPlaces);
    this.locationNodes = nodes;
    this.locationPlaces = places;
  }
}
