import type { Bits } from './bits.js';
import { growTo, instantiate, MOST_PAGES, PAGE_BYTES, wasmMemory } from './wasm-module.js';

const MOST_BYTES = MOST_PAGES * PAGE_BYTES;

interface Global {
  readonly value: number;
}

/** See wasm/graph.as.ts. Those that take `from` and `to` do a slice of nodes, numbers or edges. */
interface Machine {
  readonly immediateAt: Global;
  readonly retainedAt: Global;
  readonly firstEdgesAt: Global;
  readonly edgeTargetsAt: Global;
  readonly edgeTypesAt: Global;
  readonly orderAt: Global;
  readonly parentsAt: Global;
  readonly firstSourcesAt: Global;
  readonly sourcesAt: Global;
  readonly outsideAt: Global;
  readonly repeatedAt: Global;
  readonly ownedAt: Global;
  readonly visitedAt: Global;
  readonly firstRetainerAt: Global;
  readonly ownersAt: Global;
  readonly partsAt: Global;
  readonly partsBeforeAt: Global;
  readonly partOwnersAt: Global;
  readonly numbered: Global;
  layout(nodeCount: number, edgeCount: number): number;
  enter(start: number): void;
  walk(steps: number, isInOwned: number): number;
  countSources(from: number, to: number, before: number): number;
  gather(from: number, to: number): void;
  plant(from: number, to: number): void;
  semidominators(from: number, to: number, endOfSources: number): number;
  immediateDominators(from: number, to: number): void;
  retainSizes(from: number, to: number): void;
  countRetainers(from: number, to: number): void;
  sumRetainers(from: number, to: number, before: number): number;
  fillRetainers(from: number, to: number): void;
  ownParts(from: number, to: number): void;
}

/** Nodes or edges of one call: V8 needs some calls before it has its best code, see wasm/graph.as.ts. */
const SLICE = 32_768;

/** Calls back for one slice after the other, from the first to the last or the other way. */
function inSlices(from: number, to: number, call: (from: number, to: number) => void, isBackwards = false): void {
  for (let done = 0; done < to - from; done += SLICE) {
    const rest = Math.min(done + SLICE, to - from);
    if (isBackwards) call(to - rest, to - done);
    else call(from + done, from + rest);
  }
}

/**
 * The memory in which the edges of a snapshot lie and in which WebAssembly walks over them. It is laid out once, for
 * all that may be asked later; what is never written takes address space and no memory. Two arrays serve twice: memory
 * that was touched is cheaper than fresh memory, and the peak stays low.
 *
 * Cost: 44 bytes a node and 13.4 an edge of address space, of which 4 and 5 are filled by reading.
 *
 * @throws RangeError when that is more than 4 GiB, or more than the system gives: beyond some 155 million edges, which
 * are 4 GB of file.
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
  /** Nodes by number [nodeCount]. */
  readonly order: Uint32Array;
  /** Number of the parent in the walk's tree, by number [nodeCount]. */
  readonly parents: Uint32Array;
  /** How often the walk came to a node; then where its sources begin, which lie in order of their targets' numbers [nodeCount]. */
  readonly firstSources: Uint32Array;
  /** Numbers that edges outside the tree come from, grouped by target [edgeCount]. */
  readonly sources: Uint32Array;
  /** Immediate dominators; half of the links while they are found [nodeCount]. */
  readonly immediate: Uint32Array;
  /** Room for retained sizes; the other half of the links, and semidominators, before [nodeCount]. */
  readonly retained: Float64Array;
  /** Edges that are essential and not of the walk's tree [bits, edgeCount]. */
  readonly outside: Bits;
  /** Edges that repeat others [bits, edgeCount]. */
  readonly repeated: Bits;
  /** Nodes that the program owns [bits, nodeCount]. */
  readonly owned: Bits;
  /** Nodes that the walk came to [bits, nodeCount]. */
  readonly visited: Bits;
  /** [nodeCount + 1] */
  readonly firstRetainer: Uint32Array;
  /** Nodes that edges come from, grouped by target [edgeCount]. */
  readonly owners: Uint32Array;
  /** Nodes that may be parts of others [bits, nodeCount]. */
  readonly parts: Bits;
  /** Parts before each word of `parts`. */
  readonly partsBefore: Uint32Array;
  /** Node that has each part, in order of the parts [parts]. */
  readonly partOwners: Uint32Array;
  readonly #machine: Machine;

  constructor(nodeCount: number, edgeCount: number) {
    this.nodeCount = nodeCount;
    this.edgeCount = edgeCount;
    const memory = wasmMemory(1, MOST_PAGES);
    const machine = instantiate('graph', memory) as Machine;
    const bytes = machine.layout(nodeCount, edgeCount);
    if (bytes > MOST_BYTES) throw new RangeError(`${nodeCount} nodes and ${edgeCount} edges do not fit 4 GiB`);
    growTo(memory, bytes);
    // Addresses come as signed numbers.
    const column = ({ value }: Global, length: number) => new Uint32Array(memory.buffer, value >>> 0, length);
    const edgeWords = Math.ceil(edgeCount / 32);
    const nodeWords = Math.ceil(nodeCount / 32);
    this.#machine = machine;
    this.firstEdges = column(machine.firstEdgesAt, nodeCount + 1);
    this.edgeTypes = new Uint8Array(memory.buffer, machine.edgeTypesAt.value >>> 0, edgeCount);
    this.edgeTargets = column(machine.edgeTargetsAt, edgeCount);
    this.order = column(machine.orderAt, nodeCount);
    this.parents = column(machine.parentsAt, nodeCount);
    this.firstSources = column(machine.firstSourcesAt, nodeCount);
    this.sources = column(machine.sourcesAt, edgeCount);
    this.immediate = column(machine.immediateAt, nodeCount);
    this.retained = new Float64Array(memory.buffer, machine.retainedAt.value >>> 0, nodeCount);
    this.outside = column(machine.outsideAt, edgeWords);
    this.repeated = column(machine.repeatedAt, edgeWords);
    this.owned = column(machine.ownedAt, nodeWords);
    this.visited = column(machine.visitedAt, nodeWords);
    this.firstRetainer = column(machine.firstRetainerAt, nodeCount + 1);
    this.owners = column(machine.ownersAt, edgeCount);
    this.parts = column(machine.partsAt, nodeWords);
    this.partsBefore = column(machine.partsBeforeAt, nodeWords);
    this.partOwners = column(machine.partOwnersAt, nodeCount);
  }

  /** The next free number of the walk. */
  get numbered(): number {
    return this.#machine.numbered.value;
  }

  /** Numbers `start` and all that essential edges reach from it, into `order` and `parents`; counts in `firstSources`. */
  walk(start: number, isInOwned: boolean): void {
    this.#machine.enter(start);
    while (this.#machine.walk(SLICE, isInOwned ? 1 : 0) === 0);
  }

  /** Phases 2 to 4 of the dominators, into `immediate`. Returns the number of sources. */
  dominate(reached: number): number {
    const machine = this.#machine;
    const { immediate, order, nodeCount } = this;
    let sourceCount = 0;
    inSlices(0, reached, (from, to) => {
      sourceCount = machine.countSources(from, to, sourceCount);
    });
    inSlices(0, reached, machine.gather);
    inSlices(0, reached, machine.plant);
    let endOfSources = sourceCount;
    const semidominators = (from: number, to: number) => {
      endOfSources = machine.semidominators(from, to, endOfSources);
    };
    inSlices(1, reached, semidominators, true);
    const root = order[0]!;
    immediate[root] = root;
    inSlices(1, reached, machine.immediateDominators);
    for (let number = reached; number < nodeCount; number++) immediate[order[number]!] = root;
    return sourceCount;
  }

  /**
   * Turns the sizes in `retained` into retained sizes, in place: the bytes that would be freed with each node are the
   * sizes of all that it dominates, itself included. Only after `dominate`.
   */
  retainSizes(): Float64Array {
    inSlices(1, this.nodeCount, this.#machine.retainSizes, true);
    return this.retained;
  }

  /** Fills `firstRetainer`, and `owners` with the owners of the edges to each node. */
  findRetainers(): void {
    const machine = this.#machine;
    const { nodeCount, edgeCount, firstRetainer } = this;
    firstRetainer.fill(0);
    inSlices(0, edgeCount, machine.countRetainers);
    let total = 0;
    inSlices(0, nodeCount + 1, (from, to) => {
      total = machine.sumRetainers(from, to, total);
    });
    inSlices(0, nodeCount, machine.fillRetainers, true);
  }

  /** Fills `partOwners`, see `shallowSizes`, from `parts` and `partsBefore`. */
  findPartOwners(partCount: number): void {
    this.partOwners.fill(NOBODY, 0, partCount);
    inSlices(0, this.nodeCount, this.#machine.ownParts);
  }
}

/** Owner of a part that nothing leads to, and of one that several nodes have; as in wasm/graph.as.ts. */
const NOBODY = 0xffff_ffff;
export const SEVERAL = 0xffff_fffe;
