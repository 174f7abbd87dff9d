import { EdgeCosts, LAST_RESORT, MAX_EDGE_COST } from './edge-costs.js';
import type { HeapSnapshot } from './heap-snapshot.js';

/** One step of a path by index: the node, and the edge that leads to it (-1 for the root). */
export interface PathIndex {
  readonly node: number;
  readonly edge: number;
}

/** What finds the path that keeps a node: a `HeapGraph`, or `RetainingPaths`. */
export interface PathFinder {
  /** Steps from the root to the node, root first; empty when no path reaches it. */
  path(nodeIndex: number): PathIndex[];
}

const BUCKETS = MAX_EDGE_COST + 1;

/**
 * The tree of cheapest paths from the root to every node, cheap being what people understand (see `EdgeCosts`).
 *
 * Dial's algorithm (Dial, CACM 12(11), 1969): Dijkstra with a circular array of buckets, as edge costs are small.
 * 1. *Settle.* The first node of the lowest bucket has its final cost.
 * 2. *Relax.* Each of its edges moves its target to a lower bucket; buckets are doubly linked lists over the nodes.
 * 3. *Last resort.* What is not reached then is looked for behind the handles that V8 has in hand just now.
 *
 * Weak edges are never followed; an entry of a WeakMap only from its key.
 * Cost: 12 bytes a node kept, 8 more while it is built; about 60 ns an edge.
 */
export class RetainingPaths {
  /** Node before a node on its path, -1 for the root and for what no path reaches [nodeCount]. */
  readonly parentNode: Int32Array;
  /** Edge that leads to a node, -1 likewise [nodeCount]. */
  readonly parentEdge: Int32Array;
  /** Sum of edge costs, -1 for what no path reaches [nodeCount]. */
  readonly cost: Int32Array;

  constructor(snapshot: HeapSnapshot) {
    this.parentNode = new Int32Array(snapshot.nodeCount).fill(-1);
    this.parentEdge = new Int32Array(snapshot.nodeCount).fill(-1);
    this.cost = new Int32Array(snapshot.nodeCount).fill(-1);
    this.#build(snapshot);
  }

  /** True when a path of strong edges leads from the root to the node. */
  pathReachable(nodeIndex: number): boolean {
    return this.cost[nodeIndex]! >= 0;
  }

  /** Steps from the root to the node, root first; empty when no path reaches it. Cost: the length of the path. */
  path(nodeIndex: number): PathIndex[] {
    if (!this.pathReachable(nodeIndex)) return [];
    const steps: PathIndex[] = [];
    for (let node = nodeIndex; node >= 0; node = this.parentNode[node]!) {
      steps.push({ node, edge: this.parentEdge[node]! });
    }
    return steps.reverse();
  }

  #build(snapshot: HeapSnapshot): void {
    if (snapshot.edgeTargets.length < snapshot.edgeCount) return;
    const costs = new EdgeCosts(snapshot);
    const queue = new BucketQueue(snapshot.nodeCount);
    this.cost[snapshot.rootIndex] = 0;
    queue.add(snapshot.rootIndex, 0);
    for (
      let edges = this.#settle(snapshot, costs, queue);
      edges.length > 0;
      edges = this.#settle(snapshot, costs, queue)
    ) {
      const reached = queue.lowest + LAST_RESORT;
      queue.lowest = reached;
      for (const { node, edge } of edges) {
        const target = snapshot.edgeTargets[edge]!;
        if (this.cost[target]! < 0) queue.add(target, this.#reach(target, node, edge, reached));
      }
    }
  }

  /** Empties the queue. Returns the edges of last resort that it came across, each with its owner. */
  #settle(snapshot: HeapSnapshot, costs: EdgeCosts, queue: BucketQueue): PathIndex[] {
    const { firstEdges, edgeTargets } = snapshot;
    const { cost } = this;
    const lastResorts: PathIndex[] = [];
    for (let node = queue.take(); node >= 0; node = queue.take()) {
      const reached = cost[node]!;
      const end = firstEdges[node + 1]!;
      for (let edge = firstEdges[node]!; edge < end; edge++) {
        const target = edgeTargets[edge]!;
        const known = cost[target]!;
        if (known >= 0 && known <= reached + 1) continue;
        const price = costs.of(node, edge);
        if (price > MAX_EDGE_COST) {
          if (price === LAST_RESORT) lastResorts.push({ node, edge });
          continue;
        }
        const through = reached + price;
        if (known >= 0) {
          if (known <= through) continue;
          queue.remove(target, known);
        }
        queue.add(target, this.#reach(target, node, edge, through));
      }
    }
    return lastResorts;
  }

  #reach(target: number, node: number, edge: number, cost: number): number {
    this.cost[target] = cost;
    this.parentNode[target] = node;
    this.parentEdge[target] = edge;
    return cost;
  }
}

/** Circular buckets; at any time all costs in it lie within `MAX_EDGE_COST` of the lowest. First in, first out. */
class BucketQueue {
  readonly #first = new Int32Array(BUCKETS).fill(-1);
  readonly #last = new Int32Array(BUCKETS).fill(-1);
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** No cost in the queue is lower. */
  lowest = 0;
  #size = 0;

  constructor(nodeCount: number) {
    this.#next = new Int32Array(nodeCount);
    this.#previous = new Int32Array(nodeCount);
  }

  add(node: number, cost: number): void {
    const bucket = cost % BUCKETS;
    const last = this.#last[bucket]!;
    this.#next[node] = -1;
    this.#previous[node] = last;
    if (last < 0) this.#first[bucket] = node;
    else this.#next[last] = node;
    this.#last[bucket] = node;
    this.#size++;
  }

  remove(node: number, cost: number): void {
    const bucket = cost % BUCKETS;
    const next = this.#next[node]!;
    const previous = this.#previous[node]!;
    if (previous < 0) this.#first[bucket] = next;
    else this.#next[previous] = next;
    if (next < 0) this.#last[bucket] = previous;
    else this.#previous[next] = previous;
    this.#size--;
  }

  /** The first node of the lowest cost, -1 when the queue is empty. */
  take(): number {
    if (this.#size === 0) return -1;
    while (this.#first[this.lowest % BUCKETS]! < 0) this.lowest++;
    const node = this.#first[this.lowest % BUCKETS]!;
    this.remove(node, this.lowest);
    return node;
  }
}
