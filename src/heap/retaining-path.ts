import type { Dominators } from './dominators.js';
import { EdgeCosts, LAST_RESORT, MAX_EDGE_COST } from './edge-costs.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { type PathIndex, RetainingPaths } from './retaining-paths.js';

const BUCKETS = LAST_RESORT + 1;

/**
 * A cheapest path from the root to one node by edges that hold their target (see `walkEssentialEdges`), root first;
 * empty when there is none. Costs are those of `RetainingPaths`, but the tree of all paths is not made: the search goes
 * from the node back to the root.
 *
 * Dijkstra with buckets (Dial, CACM 12(11), 1969) over what was gathered for the dominators. What is near to a node from
 * behind is little: its holders and theirs. Edges of last resort are tried when there is no path without.
 *
 * Cost: some thousand edges as a rule, at most four times those of the heap; then the tree is made after all.
 */
export function retainingPath(snapshot: HeapSnapshot, dominators: Dominators, node: number): PathIndex[] {
  const start = dominators.order.indexOf(node);
  if (start >= dominators.reached) return [];
  const search = new BackwardSearch(snapshot, dominators);
  for (const mostPrice of [MAX_EDGE_COST, LAST_RESORT]) {
    const path = search.run(start, mostPrice);
    if (path === null) return new RetainingPaths(snapshot).path(node);
    if (path.length > 0) return path;
  }
  return [];
}

/** Nodes go by their numbers, as sources do; the root has 0. */
class BackwardSearch {
  readonly #snapshot: HeapSnapshot;
  readonly #dominators: Dominators;
  readonly #costs: EdgeCosts;
  /** Cost so far plus one by number, 0 where the search did not come yet. Memory that is not touched costs nothing. */
  #cost = new Uint32Array(0);
  /** Edge towards the end of the path, and the number it leads to, by number. */
  #nextEdge = new Int32Array(0);
  #next = new Uint32Array(0);
  #buckets: number[][] = [];
  #waiting = 0;
  #budget: number;

  constructor(snapshot: HeapSnapshot, dominators: Dominators) {
    this.#snapshot = snapshot;
    this.#dominators = dominators;
    this.#costs = new EdgeCosts(snapshot);
    this.#budget = 4 * snapshot.edgeCount + 1_000;
  }

  /** Empty when the root is not reached by edges of at most a price, `null` when it would cost too much. */
  run(start: number, mostPrice: number): PathIndex[] | null {
    const { reached } = this.#dominators;
    this.#cost = new Uint32Array(reached);
    this.#nextEdge = new Int32Array(reached);
    this.#next = new Uint32Array(reached);
    this.#buckets = Array.from({ length: BUCKETS }, () => []);
    this.#waiting = 0;
    this.#reach(start, 1, -1, start);
    for (let now = 1; this.#waiting > 0; now++) {
      // First in, first out; no edge costs nothing, so that nothing is added meanwhile.
      for (const number of this.#buckets[now % BUCKETS]!.splice(0)) {
        this.#waiting--;
        if (this.#cost[number] !== now) continue;
        if (number === 0) return this.#steps();
        this.#relax(number, mostPrice);
        if (this.#budget < 0) return null;
      }
    }
    return [];
  }

  #reach(number: number, cost: number, edge: number, next: number): void {
    this.#cost[number] = cost;
    this.#nextEdge[number] = edge;
    this.#next[number] = next;
    this.#buckets[cost % BUCKETS]!.push(number);
    this.#waiting++;
  }

  #relax(number: number, mostPrice: number): void {
    const { order, reached, sourceCount } = this.#dominators;
    const { parents, slots, sources } = this.#snapshot.graphMemory;
    this.#relaxFrom(parents[number]!, number, mostPrice);
    const end = number + 1 < reached ? slots[order[number + 1]!]! : sourceCount;
    const first = slots[order[number]!]!;
    for (let slot = first; slot < end; slot++) {
      this.#budget--;
      // Sources of several edges lie side by side.
      if (slot > first && sources[slot] === sources[slot - 1]) continue;
      this.#relaxFrom(sources[slot]!, number, mostPrice);
    }
  }

  /** Looks at the edges from one number to another. */
  #relaxFrom(source: number, number: number, mostPrice: number): void {
    const cost = this.#cost;
    const reached = cost[number]!;
    if (cost[source] !== 0 && cost[source]! <= reached + 1) return;
    const { firstEdges, edgeTargets } = this.#snapshot;
    const { order } = this.#dominators;
    const [owner, node] = [order[source]!, order[number]!];
    const end = firstEdges[owner + 1]!;
    this.#budget -= end - firstEdges[owner]!;
    for (let edge = firstEdges[owner]!; edge < end; edge++) {
      if (edgeTargets[edge] !== node) continue;
      const price = this.#costs.of(owner, edge);
      const through = reached + price;
      if (price > mostPrice || (cost[source] !== 0 && cost[source]! <= through)) continue;
      this.#reach(source, through, edge, number);
    }
  }

  #steps(): PathIndex[] {
    const { order } = this.#dominators;
    const { rootIndex } = this.#snapshot;
    const steps: PathIndex[] = [{ node: rootIndex, edge: -1 }];
    for (let number = 0; this.#nextEdge[number]! >= 0; number = this.#next[number]!) {
      steps.push({ node: order[this.#next[number]!]!, edge: this.#nextEdge[number]! });
    }
    return steps;
  }
}
