import { EdgeCosts, LAST_RESORT, MAX_EDGE_COST } from './edge-costs.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import type { Retainers } from './retainers.js';
import { type PathIndex, RetainingPaths } from './retaining-paths.js';

const BUCKETS = LAST_RESORT + 1;

/**
 * A cheapest path from the root to one node, root first; empty when no path reaches it. It costs what that of
 * `RetainingPaths` costs, and is found without the tree: from the node back to the root.
 *
 * Dijkstra with buckets (Dial, CACM 12(11), 1969) over retainers. What is near to a node from behind is little: its
 * holders and theirs. Edges of last resort are tried when there is no path without.
 *
 * Cost: some thousand edges as a rule, at most four times those of the heap; then the tree is made after all.
 */
export function retainingPath(snapshot: HeapSnapshot, retainers: Retainers, node: number): PathIndex[] {
  const search = new BackwardSearch(snapshot, retainers);
  for (const most of [MAX_EDGE_COST, LAST_RESORT]) {
    const path = search.run(node, most);
    if (path === null) return new RetainingPaths(snapshot).path(node);
    if (path.length > 0) return path;
  }
  return [];
}

class BackwardSearch {
  readonly #snapshot: HeapSnapshot;
  readonly #retainers: Retainers;
  readonly #costs: EdgeCosts;
  readonly #buckets: number[][] = Array.from({ length: BUCKETS }, () => []);
  #budget: number;

  constructor(snapshot: HeapSnapshot, retainers: Retainers) {
    this.#snapshot = snapshot;
    this.#retainers = retainers;
    this.#costs = new EdgeCosts(snapshot);
    this.#budget = 4 * snapshot.edgeCount + 1_000;
  }

  /** Empty when the root is not reached by edges of at most a price, `null` when it would cost too much. */
  run(start: number, mostPrice: number): PathIndex[] | null {
    const { nodeCount, rootIndex } = this.#snapshot;
    // Memory that is not touched costs nothing. Costs are kept plus one, 0 is not reached.
    const cost = new Uint32Array(nodeCount);
    const nextEdge = new Int32Array(nodeCount);
    let waiting = 1;
    cost[start] = 1;
    nextEdge[start] = -1;
    this.#buckets[1]!.push(start);
    for (let now = 1; waiting > 0; now++) {
      const bucket = this.#buckets[now % BUCKETS]!;
      for (let node = bucket.pop(); node !== undefined; node = bucket.pop()) {
        waiting--;
        if (cost[node] !== now) continue;
        if (node === rootIndex) {
          for (const left of this.#buckets) left.length = 0;
          return this.#steps(nextEdge);
        }
        waiting += this.#relax(node, mostPrice, cost, nextEdge);
        if (this.#budget < 0) return null;
      }
    }
    return [];
  }

  /** Looks at the edges to a node; returns how many nodes came into a bucket. */
  #relax(node: number, mostPrice: number, cost: Uint32Array, nextEdge: Int32Array): number {
    const { firstRetainer, owners } = this.#retainers;
    const { firstEdges, edgeTargets } = this.#snapshot;
    const reached = cost[node]!;
    let added = 0;
    for (let slot = firstRetainer[node]!; slot < firstRetainer[node + 1]!; slot++) {
      const owner = owners[slot]!;
      this.#budget--;
      if (cost[owner] !== 0 && cost[owner]! <= reached + 1) continue;
      // Slots of one owner lie side by side.
      if (slot > firstRetainer[node]! && owners[slot - 1] === owner) continue;
      const end = firstEdges[owner + 1]!;
      this.#budget -= end - firstEdges[owner]!;
      for (let edge = firstEdges[owner]!; edge < end; edge++) {
        if (edgeTargets[edge] !== node) continue;
        const price = this.#costs.of(owner, edge);
        const through = reached + price;
        if (price > mostPrice || (cost[owner] !== 0 && cost[owner]! <= through)) continue;
        cost[owner] = through;
        nextEdge[owner] = edge;
        this.#buckets[through % BUCKETS]!.push(owner);
        added++;
      }
    }
    return added;
  }

  #steps(nextEdge: Int32Array): PathIndex[] {
    const steps: PathIndex[] = [{ node: this.#snapshot.rootIndex, edge: -1 }];
    for (let edge = nextEdge[this.#snapshot.rootIndex]!; edge >= 0; ) {
      const node = this.#snapshot.edgeTargets[edge]!;
      steps.push({ node, edge });
      edge = nextEdge[node]!;
    }
    return steps;
  }
}
