import type { Bits } from './bits.js';
import { instantiate, PAGE_BYTES, wasmMemory } from './wasm-module.js';

const MOST_PAGES = 65_536;

type Numbers<Count extends number, Found extends number[] = []> = Found['length'] extends Count
  ? Found
  : Numbers<Count, [...Found, number]>;

/** See wasm/graph.as.ts: counts and addresses, in the order that stands there. */
interface Machine {
  readonly numbered: { readonly value: number };
  enter(...args: Numbers<4>): void;
  walk(...args: Numbers<13>): number;
  countSources(...args: Numbers<5>): number;
  gather(...args: Numbers<8>): void;
  plant(...args: Numbers<4>): void;
  semidominators(...args: Numbers<9>): number;
  immediateDominators(...args: Numbers<6>): void;
  countRetainers(...args: Numbers<4>): void;
  sumUp(...args: Numbers<4>): number;
  fillRetainers(...args: Numbers<6>): void;
  ownParts(...args: Numbers<9>): void;
}

/** Nodes or edges of one call: V8 needs some calls before it has its best code, see wasm/graph.as.ts. */
const SLICE = 32_768;
/** As in wasm/graph.as.ts. */
const NOBODY = 0xffff_ffff;

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
 * all that may be asked later; what is never written takes address space and no memory. Arrays that are over with
 * serve again: memory that was touched is cheaper than fresh memory, and the peak stays low.
 *
 * | array | while dominators are found | afterwards |
 * | --- | --- | --- |
 * | `order`, `parents` | nodes by number, numbers of their parents in the tree | stay |
 * | `slots`, `sources` | arrivals | for each node, numbers from which other edges lead to it |
 * | `immediate` | first half of the links | immediate dominators |
 * | `wide` | second half of the links, and semidominators | retained sizes |
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
  /** [nodeCount + 1] */
  readonly firstRetainer: Uint32Array;
  /** [edgeCount] */
  readonly owners: Uint32Array;
  readonly #partOwners: Uint32Array;
  readonly #stack: Uint32Array;
  readonly #partsBefore: Uint32Array;
  /** Edges that are essential and not of the walk's tree [bits, edgeCount]. */
  readonly outside: Bits;
  /** Edges that repeat others [bits, edgeCount]. */
  readonly repeated: Bits;
  /** Nodes that the program owns, or that are parts [bits, nodeCount]. */
  readonly nodeBits: Bits;
  /** Nodes that the walk came to [bits, nodeCount]. */
  readonly visited: Bits;
  /** Semidominators, or the cursors of the walk: the second half of `wide`. */
  readonly #semi: number;
  readonly #machine: Machine;

  constructor(nodeCount: number, edgeCount: number) {
    this.nodeCount = nodeCount;
    this.edgeCount = edgeCount;
    const edgeWords = Math.ceil(edgeCount / 32);
    const nodeWords = Math.ceil(nodeCount / 32);
    const words = 11 * nodeCount + 3 + 3 * edgeCount + Math.ceil(edgeCount / 4) + 2 * edgeWords + 3 * nodeWords;
    const pages = Math.ceil((words * 4 + 8) / PAGE_BYTES);
    if (pages > MOST_PAGES) throw new RangeError(`${nodeCount} nodes and ${edgeCount} edges do not fit 4 GiB`);
    const memory = wasmMemory(pages);
    this.#machine = instantiate('graph', memory) as Machine;
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
    this.visited = column(nodeWords);
    this.firstRetainer = column(nodeCount + 1);
    this.owners = column(edgeCount);
    this.#partOwners = column(nodeCount);
    this.#stack = column(2 * nodeCount);
    this.#partsBefore = column(nodeWords);
    this.edgeTypes = new Uint8Array(memory.buffer, end, edgeCount);
  }

  /** The next free number of the walk. */
  get numbered(): number {
    return this.#machine.numbered.value;
  }

  /** Numbers `start` and all that essential edges reach from it, into `order` and `parents`; counts arrivals in `slots`. */
  walk(start: number, isInOwned: boolean): void {
    const machine = this.#machine;
    const [firstEdges, order, parents] = addresses(this.firstEdges, this.order, this.parents);
    const [types, targets, repeated, owned] = addresses(this.edgeTypes, this.edgeTargets, this.repeated, this.nodeBits);
    const [visited, arrivals, outside] = addresses(this.visited, this.slots, this.outside);
    const flag = isInOwned ? 1 : 0;
    machine.enter(start, firstEdges, order, parents);
    for (let isOver = 0; isOver === 0; ) {
      isOver = machine.walk(
        SLICE,
        flag,
        firstEdges,
        types,
        targets,
        repeated,
        owned,
        visited,
        order,
        parents,
        arrivals,
        this.#semi,
        outside,
      );
    }
  }

  /** Phases 2 to 4 of the dominators, into `immediate`. Returns the number of sources. */
  dominate(reached: number): number {
    const machine = this.#machine;
    const semi = this.#semi;
    const [edges, targets, order, parents] = addresses(this.firstEdges, this.edgeTargets, this.order, this.parents);
    const [slots, outside, sources, links] = addresses(this.slots, this.outside, this.sources, this.immediate);
    let last = 0;
    inSlices(0, reached, (from, to) => {
      last = machine.countSources(from, to, last, order, slots);
    });
    inSlices(0, reached, (from, to) => machine.gather(from, to, edges, targets, order, slots, outside, sources));
    inSlices(0, reached, (from, to) => machine.plant(from, to, parents, links));
    const sourceCount = last;
    const numbers = (from: number, to: number) => {
      last = machine.semidominators(from, to, last, order, parents, slots, sources, links, semi);
    };
    inSlices(1, reached, numbers, true);
    this.immediate[this.order[0]!] = this.order[0]!;
    inSlices(1, reached, (from, to) => machine.immediateDominators(from, to, order, parents, semi, links));
    for (let number = reached; number < this.nodeCount; number++) this.immediate[this.order[number]!] = this.order[0]!;
    return sourceCount;
  }

  /** Fills `firstRetainer`, and `owners` with the owners of the edges to each node. */
  findRetainers(): void {
    const machine = this.#machine;
    const { nodeCount, edgeCount, firstRetainer } = this;
    const [edges, targets] = addresses(this.firstEdges, this.edgeTargets);
    const [counts, owners] = addresses(firstRetainer, this.owners);
    firstRetainer.fill(0);
    inSlices(0, edgeCount, (from, to) => machine.countRetainers(from, to, targets, counts));
    let total = 0;
    inSlices(0, nodeCount + 1, (from, to) => {
      total = machine.sumUp(from, to, total, counts);
    });
    inSlices(0, nodeCount, (from, to) => machine.fillRetainers(from, to, edges, targets, counts, owners), true);
  }

  /**
   * The node that has each part, see `shallowSizes`: in the order of the parts, which are in `nodeBits`.
   * @param before parts before each word of `nodeBits`
   */
  findPartOwners(before: Uint32Array, count: number): Uint32Array {
    const machine = this.#machine;
    const [edges, types, targets] = addresses(this.firstEdges, this.edgeTypes, this.edgeTargets);
    const [parts, owners, stack] = addresses(this.nodeBits, this.#partOwners, this.#stack);
    this.#partOwners.fill(NOBODY, 0, count);
    this.#partsBefore.set(before);
    const ranks = this.#partsBefore.byteOffset;
    inSlices(0, this.nodeCount, (from, to) =>
      machine.ownParts(from, to, edges, types, targets, parts, ranks, owners, stack),
    );
    return this.#partOwners;
  }
}

type Addressed = { readonly byteOffset: number };

function addresses<Arrays extends Addressed[]>(...arrays: Arrays): { [K in keyof Arrays]: number } {
  return arrays.map(({ byteOffset }) => byteOffset) as { [K in keyof Arrays]: number };
}
