import type { HeapSnapshot } from '../heap-snapshot.js';
import { factsOf, type NodeFacts, type SizedNodes } from './sized-nodes.js';

/**
 * The children of each node in the dominator tree: who is freed with whom.
 * Cost: 10 ns and 8 bytes a node.
 */
export class DominatorTree {
  /** The children of node `n` are `children[first[n]]` to `children[first[n + 1]]`, in node order [nodeCount + 1]. */
  readonly first: Uint32Array;
  readonly children: Uint32Array;

  constructor(dominators: Uint32Array) {
    const nodeCount = dominators.length;
    this.first = new Uint32Array(nodeCount + 1);
    for (let node = 0; node < nodeCount; node++) {
      if (dominators[node] !== node) this.first[dominators[node]! + 1]!++;
    }
    for (let node = 0; node < nodeCount; node++) this.first[node + 1]! += this.first[node]!;
    this.children = new Uint32Array(this.first[nodeCount]!);
    const next = this.first.slice();
    for (let node = 0; node < nodeCount; node++) {
      if (dominators[node] !== node) this.children[next[dominators[node]!]!++] = node;
    }
  }

  childrenOf(node: number): Uint32Array {
    return this.children.subarray(this.first[node]!, this.first[node + 1]!);
  }
}

export interface DominatorBranch extends NodeFacts {
  /** Part of the whole heap that is freed with it, 0 to 1. */
  readonly share: number;
  readonly children: readonly DominatorBranch[];
  /** Children that are not shown, being small or too many or too deep. */
  readonly hidden: { readonly count: number; readonly retainedBytes: number };
}

export interface DominatorOptions {
  /** Node to start from. Default: the root. */
  readonly from?: number;
  /** Smaller parts of the heap are not shown, 0 to 1. Default 0.01. */
  readonly minShare?: number;
  /** Children of one node that are shown. Default 8. */
  readonly maxChildren?: number;
  /** Levels below the start. Default 6. */
  readonly maxDepth?: number;
}

/**
 * The tree of what keeps what alive, cut to what matters: the largest children of each node down to a share of the heap.
 * Cost: the tree of all children once (`DominatorTree`), then the children of the nodes that are shown.
 */
export function dominatorBranch(
  snapshot: HeapSnapshot,
  sizes: SizedNodes,
  options: DominatorOptions = {},
): DominatorBranch {
  const { from = snapshot.rootIndex, minShare = 0.01, maxChildren = 8, maxDepth = 6 } = options;
  const tree = new DominatorTree(sizes.dominators);
  const retained = sizes.retainedSizes;
  const heapBytes = Math.max(1, retained[snapshot.rootIndex]!);
  const branch = (node: number, depth: number): DominatorBranch => {
    const all = tree.childrenOf(node);
    const large =
      depth >= maxDepth ? all.subarray(0, 0) : all.filter((child) => retained[child]! / heapBytes >= minShare);
    const shown = [...large].sort((a, b) => retained[b]! - retained[a]!).slice(0, maxChildren);
    const below = all.reduce((bytes, child) => bytes + retained[child]!, 0);
    const children = shown.map((child) => branch(child, depth + 1));
    const shownBytes = children.reduce((bytes, child) => bytes + child.retainedBytes, 0);
    return {
      ...factsOf(snapshot, sizes, node),
      share: retained[node]! / heapBytes,
      children,
      hidden: { count: all.length - shown.length, retainedBytes: below - shownBytes },
    };
  };
  return branch(from, 0);
}
