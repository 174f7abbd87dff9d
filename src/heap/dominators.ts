import { hasBit } from './bits.js';
import { EssentialWalk } from './essential-walk.js';
import type { HeapSnapshot } from './heap-snapshot.js';

/** The dominator tree: a node lies below every node whose removal would make it unreachable. */
export interface Dominators {
  /** Immediate dominator of each node; the root has itself [nodeCount]. */
  readonly immediate: Uint32Array;
  /** All nodes, each after its dominator, the root first [nodeCount]. */
  readonly order: Uint32Array;
}

/**
 * Finds immediate dominators by Semi-NCA (Georgiadis, Tarjan, Werneck, "Finding Dominators in Practice", JGAA 10(1),
 * 2006; Georgiadis, thesis, Princeton 2005). Nodes go by their number in preorder, which keeps neighbours in memory
 * together.
 * 1. *Number.* See `EssentialWalk`. What it does not reach the root dominates, as in Chrome DevTools.
 * 2. *Gather.* The numbers of the sources of the edges outside the tree, grouped by target, in order of the target's
 *    number.
 * 3. *Semidominators*, from the last number to the first, over a forest whose paths are split as they are walked: every
 *    node is hung to the one above its parent.
 * 4. *Nearest common ancestors.* The immediate dominator is the deepest tree ancestor not above the semidominator.
 *
 * Cost: about 55 ns an edge on large heaps; kept are 8 bytes a node. At its peak it takes 24 a node and 4 for each edge
 * outside the tree.
 */
export function findDominators(snapshot: HeapSnapshot): Dominators {
  const walk = new EssentialWalk(snapshot);
  const { order, parents, reached } = walk;
  const sources = gatherSources(snapshot, walk);
  const semi = semidominators(walk, sources);
  const dominators = nearestCommonAncestors(parents, semi, reached);
  // Phase 2 is over with the slots; a column of this size is to be returned.
  const immediate = sources.firstSlots;
  for (let number = 0; number < order.length; number++) immediate[order[number]!] = order[dominators[number]!]!;
  return { immediate, order };
}

interface Sources {
  /** Numbers of the sources of edges outside the tree: the ranges of targets one after the other, in order of their numbers. */
  readonly numbers: Uint32Array;
  /** Start of the range of a target in `numbers`, by node. */
  readonly firstSlots: Uint32Array;
}

/** Phase 2. */
function gatherSources({ firstEdges, edgeTargets }: HeapSnapshot, walk: EssentialWalk): Sources {
  const { order, outside, reached } = walk;
  // Counts become the ends of ranges, and their starts when all is filled in.
  const slots = walk.arrivals;
  let total = 0;
  for (let number = 0; number < reached; number++) {
    const node = order[number]!;
    total += slots[node]! - 1;
    slots[node] = total;
  }
  const numbers = new Uint32Array(total);
  for (let number = 0; number < reached; number++) {
    const node = order[number]!;
    const end = firstEdges[node + 1]!;
    for (let edge = firstEdges[node]!; edge < end; edge++) {
      if (hasBit(outside, edge)) numbers[--slots[edgeTargets[edge]!]!] = number;
    }
  }
  return { numbers, firstSlots: slots };
}

/** Phase 3: semidominator of each number that was reached, 0 for the root. */
function semidominators({ order, parents, reached, cursors }: EssentialWalk, sources: Sources): Uint32Array {
  const { numbers, firstSlots } = sources;
  // The walk is over with its cursors; memory that was touched once is cheaper than fresh memory.
  const semi = cursors;
  semi[0] = 0;
  const forest = new Forest(parents, reached);
  let end = numbers.length;
  for (let number = reached - 1; number > 0; number--) {
    const first = firstSlots[order[number]!]!;
    let lowest = parents[number]!;
    for (let slot = first; slot < end && lowest > 0; slot++) {
      const source = numbers[slot]!;
      const candidate = source <= number ? source : forest.lowest(source, number);
      if (candidate < lowest) lowest = candidate;
    }
    end = first;
    semi[number] = lowest;
    forest.link(number, lowest);
  }
  return semi;
}

/** Trees of the numbers that are done. Ancestor and label lie side by side, as they are read together. */
class Forest {
  /** Ancestor at 2n, lowest semidominator on the way to it at 2n + 1. */
  readonly #links: Uint32Array;

  constructor(parents: Uint32Array, reached: number) {
    this.#links = new Uint32Array(2 * reached);
    for (let number = 0; number < reached; number++) this.#links[2 * number] = parents[number]!;
  }

  link(number: number, semidominator: number): void {
    this.#links[2 * number + 1] = semidominator;
  }

  /** Lowest semidominator from a number up to the root of its tree: numbers to `last` are not linked yet. */
  lowest(from: number, last: number): number {
    const links = this.#links;
    let at = from;
    let lowest = links[2 * at + 1]!;
    let up = links[2 * at]!;
    while (up > last) {
      const above = links[2 * up + 1]!;
      if (above < links[2 * at + 1]!) links[2 * at + 1] = above;
      if (above < lowest) lowest = above;
      const next = links[2 * up]!;
      links[2 * at] = next;
      at = up;
      up = next;
    }
    return lowest;
  }
}

/** Phase 4, in the place of `parents`; its tail, what was not reached, stays 0. */
function nearestCommonAncestors(parents: Uint32Array, semi: Uint32Array, reached: number): Uint32Array {
  for (let number = 1; number < reached; number++) {
    const top = semi[number]!;
    let dominator = parents[number]!;
    while (dominator > top) dominator = parents[dominator]!;
    parents[number] = dominator;
  }
  return parents;
}
