import type { Dominators } from './dominators.js';
import { EdgeCosts, LAST_RESORT, MAX_EDGE_COST } from './edge-costs.js';
import { isEssential } from './essential-walk.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { type PathIndex, RetainingPaths } from './retaining-paths.js';

const BUCKETS = LAST_RESORT + 1;
/** What a cost is kept in; a path that costs more is left to the tree. */
const MOST_COST = 0xffff;

/**
 * Finds a cheapest path from the root to one node by edges that hold their target (see `walkEssentialEdges`). Costs are
 * those of `RetainingPaths`, but the tree of all paths is not made: the search goes from the node back to the root.
 *
 * Dijkstra with buckets (Dial, CACM 12(11), 1969) over what was gathered for the dominators. What is near to a node from
 * behind is little: its holders and theirs. Edges of last resort are tried when there is no path without.
 *
 * Cost: some thousand edges a path as a rule, a search for the node's number and clean costs (0.5 ns a node). When all searches
 * together have looked at four times the edges of the heap, the tree is made after all. 2 bytes a node that is touched.
 */
export class PathSearch {
  readonly #snapshot: HeapSnapshot;
  readonly #dominators: Dominators;
  readonly #costs: EdgeCosts;
  /** Cost so far plus one by node, 0 where the search did not come yet. Memory that is not touched costs nothing. */
  readonly #cost: Uint16Array;
  #isFresh = true;
  /** Numbers of nodes, as sources go by numbers; the root has 0. */
  #buckets: number[][] = [];
  #waiting = 0;
  #budget: number;
  #tree: RetainingPaths | null = null;

  constructor(snapshot: HeapSnapshot, dominators: Dominators) {
    this.#snapshot = snapshot;
    this.#dominators = dominators;
    this.#costs = new EdgeCosts(snapshot);
    this.#cost = new Uint16Array(snapshot.nodeCount);
    this.#budget = 4 * snapshot.edgeCount + 1_000;
  }

  /** Steps from the root, root first; empty when no edges that hold lead to the node. */
  path(node: number): PathIndex[] {
    const { order, reached } = this.#dominators;
    const start = order.indexOf(node);
    if (start < 0 || start >= reached) return [];
    for (const mostPrice of [MAX_EDGE_COST, LAST_RESORT]) {
      if (this.#budget < 0) break;
      const isFound = this.#search(start, mostPrice);
      if (isFound) return this.#steps(node);
      if (this.#budget >= 0 && mostPrice === LAST_RESORT) return [];
    }
    this.#tree ??= new RetainingPaths(this.#snapshot);
    return this.#tree.path(node);
  }

  /** True when the root was reached by edges of at most a price; false too when the budget ended. */
  #search(start: number, mostPrice: number): boolean {
    const { order } = this.#dominators;
    if (!this.#isFresh) this.#cost.fill(0);
    this.#isFresh = false;
    this.#buckets = Array.from({ length: BUCKETS }, () => []);
    this.#waiting = 0;
    this.#reach(start, 1);
    for (let now = 1; this.#waiting > 0 && this.#budget >= 0; now++) {
      if (now + LAST_RESORT > MOST_COST) this.#budget = -1;
      // First in, first out; no edge costs nothing, so that nothing is added meanwhile.
      const bucket = this.#buckets[now % BUCKETS]!;
      this.#buckets[now % BUCKETS] = [];
      this.#waiting -= bucket.length;
      for (const number of bucket) {
        // It was reached at less cost since.
        if (this.#cost[order[number]!] !== now) continue;
        if (number === 0) return true;
        this.#relax(number, mostPrice);
      }
    }
    return false;
  }

  #reach(number: number, cost: number): void {
    this.#cost[this.#dominators.order[number]!] = cost;
    this.#buckets[cost % BUCKETS]!.push(number);
    this.#waiting++;
  }

  #relax(number: number, mostPrice: number): void {
    const { order, reached, sourceCount } = this.#dominators;
    const { parents, firstSources, sources } = this.#snapshot.graphMemory;
    this.#relaxFrom(parents[number]!, number, mostPrice);
    const end = number + 1 < reached ? firstSources[order[number + 1]!]! : sourceCount;
    const first = firstSources[order[number]!]!;
    for (let slot = first; slot < end; slot++) {
      this.#budget--;
      // Sources of several edges lie side by side.
      if (slot > first && sources[slot] === sources[slot - 1]) continue;
      this.#relaxFrom(sources[slot]!, number, mostPrice);
    }
  }

  /** Looks at the edges from one number to another. */
  #relaxFrom(source: number, number: number, mostPrice: number): void {
    const { order } = this.#dominators;
    const { firstEdges, edgeTargets } = this.#snapshot;
    const [owner, node] = [order[source]!, order[number]!];
    const reached = this.#cost[node]!;
    let known = this.#cost[owner]! || Number.POSITIVE_INFINITY;
    if (known <= reached + 1) return;
    const end = firstEdges[owner + 1]!;
    this.#budget -= end - firstEdges[owner]!;
    for (let edge = firstEdges[owner]!; edge < end; edge++) {
      if (edgeTargets[edge] !== node || !isEssential(this.#snapshot, owner, edge)) continue;
      const price = this.#costs.of(owner, edge);
      if (price > mostPrice || reached + price >= known) continue;
      known = reached + price;
      this.#reach(source, known);
    }
  }

  /** From the root down: the next step of a cheapest path costs what its edge does not. */
  #steps(end: number): PathIndex[] {
    const { edgeTargets, rootIndex } = this.#snapshot;
    const steps: PathIndex[] = [{ node: rootIndex, edge: -1 }];
    for (let node = rootIndex; node !== end; ) {
      const edge = this.#nextEdge(node);
      node = edgeTargets[edge]!;
      steps.push({ node, edge });
    }
    return steps;
  }

  #nextEdge(node: number): number {
    const { edgeTargets } = this.#snapshot;
    const { from, to } = this.#snapshot.edgesOf(node);
    for (let edge = from; edge < to; edge++) {
      const rest = this.#cost[edgeTargets[edge]!]!;
      if (rest === 0 || rest >= this.#cost[node]! || !isEssential(this.#snapshot, node, edge)) continue;
      if (rest + this.#costs.of(node, edge) === this.#cost[node]) return edge;
    }
    throw new Error('a cheapest path ends before its node');
  }
}
