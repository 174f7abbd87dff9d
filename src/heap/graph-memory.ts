import { readFileSync } from 'node:fs';
import type { Bits } from './bits.js';

const PAGE_BYTES = 65_536;
const MOST_PAGES = 65_536;

/** The part used here: its types belong to browsers' library of TypeScript, which a Node.js program does not load. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** See wasm/graph.as.ts. All arrays are given by their addresses. */
interface Machine {
  walk(
    start: number,
    nextNumber: number,
    isInOwned: number,
    firstEdges: number,
    edgeTypes: number,
    edgeTargets: number,
    repeated: number,
    owned: number,
    order: number,
    parents: number,
    arrivals: number,
    cursors: number,
    outside: number,
  ): number;
  gather(
    reached: number,
    firstEdges: number,
    edgeTargets: number,
    order: number,
    slots: number,
    outside: number,
    sources: number,
  ): number;
  semidominators(
    reached: number,
    sourceCount: number,
    order: number,
    parents: number,
    slots: number,
    sources: number,
    links: number,
    semi: number,
  ): void;
  immediateDominators(
    reached: number,
    nodeCount: number,
    order: number,
    parents: number,
    semi: number,
    immediate: number,
  ): void;
  retainers(
    nodeCount: number,
    edgeCount: number,
    firstEdges: number,
    edgeTargets: number,
    firstRetainer: number,
    owners: number,
  ): void;
  partOwners(
    nodeCount: number,
    firstEdges: number,
    edgeTypes: number,
    edgeTargets: number,
    parts: number,
    owners: number,
    stack: number,
  ): void;
}

let compiled: object | null = null;

/**
 * The memory in which the edges of a snapshot lie and in which WebAssembly walks over them. It is laid out once, for
 * all that may be asked later; what is never written takes address space and no memory. Arrays that are over with
 * serve again: memory that was touched is cheaper than fresh memory, and the peak stays low.
 *
 * | array | while dominators are found | afterwards |
 * | --- | --- | --- |
 * | `order` | nodes by number | stays |
 * | `immediate` | first half of the links | immediate dominators |
 * | `wide` | second half of the links, and semidominators | retained sizes |
 * | `slots` | arrivals, then ranges of sources | owners of parts |
 * | `parents`, `sources` | parents in the tree, sources of edges | ranges of retainers, and retainers |
 *
 * Cost: 32 bytes a node and 13.3 an edge of address space, of which 4 and 5 are filled by reading.
 *
 * @throws RangeError when that is more than 4 GiB, or more than the system gives: beyond some 180 million edges.
 */
export class GraphMemory {
  readonly nodeCount: number;
  readonly edgeCount: number;
  /** [nodeCount + 1] */
  readonly firstEdges: Uint32Array;
  /** [edgeCount] */
  readonly edgeTypes: Uint8Array;
  /** [edgeCount] */
  readonly edgeTargets: Uint32Array;
  /** [nodeCount] */
  readonly order: Uint32Array;
  /** [nodeCount + 1] */
  readonly parents: Uint32Array;
  /** [nodeCount] */
  readonly slots: Uint32Array;
  /** [nodeCount] */
  readonly immediate: Uint32Array;
  /** [nodeCount] */
  readonly wide: Float64Array;
  /** [edgeCount] */
  readonly sources: Uint32Array;
  /** For retainers that are asked for before the dominators [nodeCount + 1] and [edgeCount]. */
  readonly #early: { readonly firstRetainer: Uint32Array; readonly owners: Uint32Array };
  /** Edges that are essential and not of the walk's tree [bits, edgeCount]. */
  readonly outside: Bits;
  /** Edges that repeat others [bits, edgeCount]. */
  readonly repeated: Bits;
  /** [bits, nodeCount] */
  readonly nodeBits: Bits;
  /** Semidominators, or the cursors of the walk: the second half of `wide`. */
  readonly #semi: number;
  readonly #machine: Machine;

  constructor(nodeCount: number, edgeCount: number) {
    this.nodeCount = nodeCount;
    this.edgeCount = edgeCount;
    const edgeWords = Math.ceil(edgeCount / 32);
    const nodeWords = Math.ceil(nodeCount / 32);
    const words = 8 * nodeCount + 3 + 3 * edgeCount + Math.ceil(edgeCount / 4) + 2 * edgeWords + nodeWords;
    const pages = Math.ceil((words * 4 + 8) / PAGE_BYTES);
    if (pages > MOST_PAGES) throw new RangeError(`${nodeCount} nodes and ${edgeCount} edges do not fit 4 GiB`);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    compiled ??= new WebAssembly.Module(readFileSync(new URL('./wasm/graph.wasm', import.meta.url)));
    this.#machine = new WebAssembly.Instance(compiled, { env: { memory } }).exports as Machine;
    let end = 0;
    const column = (length: number): Uint32Array => {
      const array = new Uint32Array(memory.buffer, end, length);
      end += 4 * length;
      return array;
    };
    // Doubles come first: they must lie at multiples of eight. `immediate` and `wide` are one block, the links.
    if (nodeCount % 2 === 1) end += 4;
    this.immediate = column(nodeCount);
    this.wide = new Float64Array(memory.buffer, end, nodeCount);
    end += 8 * nodeCount;
    this.#semi = end - 4 * nodeCount;
    this.firstEdges = column(nodeCount + 1);
    this.edgeTargets = column(edgeCount);
    this.order = column(nodeCount);
    this.parents = column(nodeCount + 1);
    this.slots = column(nodeCount);
    this.sources = column(edgeCount);
    this.outside = column(edgeWords);
    this.repeated = column(edgeWords);
    this.nodeBits = column(nodeWords);
    this.#early = { firstRetainer: column(nodeCount + 1), owners: column(edgeCount) };
    this.edgeTypes = new Uint8Array(memory.buffer, end, edgeCount);
  }

  /**
   * Numbers `start` and all that essential edges reach from it, into `order` and `parents`; counts arrivals in `slots`.
   * @returns the next free number
   */
  walk(start: number, nextNumber: number, isInOwned: boolean): number {
    return this.#machine.walk(
      start,
      nextNumber,
      isInOwned ? 1 : 0,
      this.firstEdges.byteOffset,
      this.edgeTypes.byteOffset,
      this.edgeTargets.byteOffset,
      this.repeated.byteOffset,
      this.nodeBits.byteOffset,
      this.order.byteOffset,
      this.parents.byteOffset,
      this.slots.byteOffset,
      this.#semi,
      this.outside.byteOffset,
    );
  }

  /** Phases 2 to 4 of the dominators, into `immediate`. */
  dominate(reached: number): void {
    const machine = this.#machine;
    const { firstEdges, edgeTargets, order, parents, slots, outside, sources, immediate } = this;
    const count = machine.gather(
      reached,
      firstEdges.byteOffset,
      edgeTargets.byteOffset,
      order.byteOffset,
      slots.byteOffset,
      outside.byteOffset,
      sources.byteOffset,
    );
    machine.semidominators(
      reached,
      count,
      order.byteOffset,
      parents.byteOffset,
      slots.byteOffset,
      sources.byteOffset,
      immediate.byteOffset,
      this.#semi,
    );
    machine.immediateDominators(
      reached,
      this.nodeCount,
      order.byteOffset,
      parents.byteOffset,
      this.#semi,
      immediate.byteOffset,
    );
  }

  /**
   * The first slot of each node, and the owners of the edges to it by slot.
   * @param isAfterDominators in the place of `parents` and `sources`
   */
  findRetainers(isAfterDominators: boolean): { readonly firstRetainer: Uint32Array; readonly owners: Uint32Array } {
    const { firstEdges, edgeTargets, nodeCount, edgeCount } = this;
    const found = isAfterDominators ? { firstRetainer: this.parents, owners: this.sources } : this.#early;
    const [edges, targets] = [firstEdges.byteOffset, edgeTargets.byteOffset];
    const { firstRetainer, owners } = found;
    this.#machine.retainers(nodeCount, edgeCount, edges, targets, firstRetainer.byteOffset, owners.byteOffset);
    return found;
  }

  /** Fills `slots` with the node that has each node, see `shallowSizes`; the parts are in `nodeBits`. */
  findPartOwners(): void {
    const { firstEdges, edgeTypes, edgeTargets, nodeBits, slots, wide } = this;
    this.#machine.partOwners(
      this.nodeCount,
      firstEdges.byteOffset,
      edgeTypes.byteOffset,
      edgeTargets.byteOffset,
      nodeBits.byteOffset,
      slots.byteOffset,
      wide.byteOffset,
    );
  }
}
