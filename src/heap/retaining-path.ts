import type { Dominators } from './dominators.js';
import { EdgeCosts, LAST_RESORT, MAX_EDGE_COST } from './edge-costs.js';
import { isEssential } from './essential-walk.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { type PathIndex, RetainingPaths } from './retaining-paths.js';

/** A node with more edges than this is put off, as the other side may pass it by. */
const MANY_EDGES = 1_024;
/** What a look at an edge from its end costs, in looks from its owner: the owner's edges lie elsewhere. */
const BACKWARD_WORK = 8;
/** Nodes that a search keeps: some 60 MB. */
const MOST_SETTLED = 1 << 19;
/** What a node that was put off brings: as many nodes as it has edges, each with edges of its own. */
const PUT_OFF_WORK = 8;

/** A node whose cost is known, with the edge it was found by and the node at its other end; -1 for the first. */
interface Settled {
  readonly cost: number;
  readonly edge: number;
  readonly from: number;
}

interface PutOff {
  readonly id: number;
  readonly cost: number;
  readonly work: number;
}

interface Bucket {
  /** Three numbers for each edge: whom it leads to, itself, where it was found. */
  readonly edges: number[];
  /** What these nodes make to look at, about. */
  work: number;
}

/**
 * One side of a search: nodes with what they cost, and edges that wait in buckets by cost (Dial, CACM 12(11), 1969). What
 * was put off may give a node another, lower cost later.
 */
class Frontier {
  readonly settled = new Map<number, Settled>();
  /** Cost of the cheapest edges that wait; infinite when none do. */
  now = 0;
  /** Nodes with many edges that are settled and were not looked at further, the cheapest first. */
  readonly putOff: PutOff[] = [];
  readonly #buckets = new Map<number, Bucket>();

  /** True when a node is known to cost no more. */
  isSettled(node: number, cost: number): boolean {
    return (this.settled.get(node)?.cost ?? Number.POSITIVE_INFINITY) <= cost;
  }

  add(id: number, edge: number, from: number, cost: number, work: number): void {
    let bucket = this.#buckets.get(cost);
    if (bucket === undefined) {
      bucket = { edges: [], work: 0 };
      this.#buckets.set(cost, bucket);
      if (cost < this.now) this.now = cost;
    }
    bucket.edges.push(id, edge, from);
    bucket.work += work;
  }

  get work(): number {
    return this.#buckets.get(this.now)!.work;
  }

  /** Takes the cheapest edges out. */
  take(): readonly number[] {
    const { edges } = this.#buckets.get(this.now)!;
    this.#buckets.delete(this.now);
    return edges;
  }

  advance(): void {
    if (this.#buckets.size === 0) this.now = Number.POSITIVE_INFINITY;
    else while (!this.#buckets.has(this.now)) this.now++;
  }

  putNodeOff(node: PutOff): void {
    let at = this.putOff.length;
    while (at > 0 && this.putOff[at - 1]!.cost > node.cost) at--;
    this.putOff.splice(at, 0, node);
  }

  /** Below this cost, whoever comes from the other side is met. */
  get reach(): number {
    return Math.min(this.now, this.putOff[0]?.cost ?? Number.POSITIVE_INFINITY);
  }
}

/**
 * Finds a cheapest path from the root to one node by edges that hold their target (see `walkEssentialEdges`). Costs are
 * those of `RetainingPaths`, but the tree of all paths is not made: two searches go to meet each other, one from the root
 * and one from the node, over what was gathered for the dominators, and that goes on which has less to look at.
 *
 * - It ends when no path through what still waits can cost less (Pohl, "Bi-directional Search", Machine Intelligence 6,
 *   1971).
 * - A node with many edges (a list of a million, a scope that a million functions share) is put off: the other side
 *   comes upon it from its few. When both ends of a part of a path are put off, the path may be passed by, and the next
 *   best is found.
 * - Edges of last resort are tried when there is no path without.
 *
 * Cost: some thousand edges a path as a rule, and a search for the node's number (0.4 ns a node). When all searches
 * together have looked at four times the edges of the heap, or one keeps half a million nodes, the tree is made after all.
 */
export class PathSearch {
  readonly #snapshot: HeapSnapshot;
  readonly #dominators: Dominators;
  readonly #costs: EdgeCosts;
  /** From the root; goes by nodes. */
  #ahead = new Frontier();
  /** From the node; goes by numbers, as sources do. */
  #behind = new Frontier();
  #mostPrice = MAX_EDGE_COST;
  /** Least cost of a path, and the edge of it by which both sides meet, with its owner. */
  #best = Number.POSITIVE_INFINITY;
  #middle: PathIndex = { node: -1, edge: -1 };
  #budget: number;
  #tree: RetainingPaths | null = null;

  constructor(snapshot: HeapSnapshot, dominators: Dominators) {
    this.#snapshot = snapshot;
    this.#dominators = dominators;
    this.#costs = new EdgeCosts(snapshot);
    this.#budget = 4 * snapshot.edgeCount + 1_000;
  }

  /** Steps from the root, root first; empty when no edges that hold lead to the node. */
  path(node: number): PathIndex[] {
    const { order, reached } = this.#dominators;
    const number = order.indexOf(node);
    if (number === 0) return [{ node, edge: -1 }];
    if (number < 0 || number >= reached) return [];
    for (const mostPrice of [MAX_EDGE_COST, LAST_RESORT]) {
      if (this.#search(number, mostPrice)) return this.#steps();
    }
    if (this.#budget >= 0) return [];
    this.#tree ??= new RetainingPaths(this.#snapshot);
    return this.#tree.path(node);
  }

  /** True when a path by edges of at most a price was found; false too when the budget ended. */
  #search(start: number, mostPrice: number): boolean {
    this.#mostPrice = mostPrice;
    this.#ahead = new Frontier();
    this.#behind = new Frontier();
    this.#best = Number.POSITIVE_INFINITY;
    this.#ahead.add(this.#snapshot.rootIndex, -1, -1, 0, 1);
    this.#behind.add(start, -1, -1, 0, 1);
    for (let step = this.#nextStep(); step !== null; step = this.#nextStep()) {
      if (this.#ahead.settled.size + this.#behind.settled.size > MOST_SETTLED) this.#budget = -1;
      if (this.#budget < 0) return false;
      step();
    }
    return this.#best < Number.POSITIVE_INFINITY;
  }

  /** What brings the end nearer with the least work; `null` at the end. */
  #nextStep(): (() => void) | null {
    const [ahead, behind] = [this.#ahead, this.#behind];
    ahead.advance();
    behind.advance();
    const isOpen = this.#best === Number.POSITIVE_INFINITY;
    const isAheadShort = isOpen || this.#best > ahead.reach + behind.now;
    const isBehindShort = isOpen || this.#best > ahead.now + behind.reach;
    let least = Number.POSITIVE_INFINITY;
    let next: (() => void) | null = null;
    const offer = (isOffered: boolean, work: number, step: () => void): void => {
      if (!isOffered || work >= least) return;
      least = work;
      next = step;
    };
    const [first, last] = [ahead.putOff[0], behind.putOff[0]];
    if (ahead.now < Number.POSITIVE_INFINITY) offer(isAheadShort || isBehindShort, ahead.work, () => this.#goAhead());
    if (behind.now < Number.POSITIVE_INFINITY) offer(isAheadShort || isBehindShort, behind.work, () => this.#goBack());
    if (first) offer(isAheadShort, PUT_OFF_WORK * first.work, () => this.#lookAhead(ahead.putOff.shift()!));
    if (last) offer(isBehindShort, PUT_OFF_WORK * last.work, () => this.#lookBack(behind.putOff.shift()!));
    return next;
  }

  /** Settles the nodes that the cheapest edges lead to, and looks at their edges. */
  #goAhead(): void {
    const { firstEdges } = this.#snapshot;
    const { now, settled } = this.#ahead;
    const edges = this.#ahead.take();
    for (let at = 0; at < edges.length; at += 3) {
      const node = edges[at]!;
      if (this.#ahead.isSettled(node, now)) continue;
      settled.set(node, { cost: now, edge: edges[at + 1]!, from: edges[at + 2]! });
      this.#meetAt(node);
      const work = firstEdges[node + 1]! - firstEdges[node]!;
      if (work > MANY_EDGES) this.#ahead.putNodeOff({ id: node, cost: now, work });
      else this.#lookAhead({ id: node, cost: now, work });
    }
  }

  #lookAhead({ id: node, cost, work }: PutOff): void {
    const { edgeTargets, firstEdges } = this.#snapshot;
    const end = firstEdges[node + 1]!;
    this.#budget -= work;
    for (let edge = firstEdges[node]!; edge < end; edge++) {
      const target = edgeTargets[edge]!;
      if (this.#ahead.isSettled(target, cost + 1) || !isEssential(this.#snapshot, node, edge)) continue;
      const price = this.#costs.of(node, edge);
      if (price > this.#mostPrice) continue;
      const edges = firstEdges[target + 1]! - firstEdges[target]!;
      this.#ahead.add(target, edge, node, cost + price, edges > MANY_EDGES ? 1 : edges);
      const met = this.#behind.settled.get(target);
      if (met !== undefined) this.#meet(cost + price + met.cost, node, edge);
    }
  }

  /** Settles the nodes that the cheapest edges come from, and looks at the edges to them. */
  #goBack(): void {
    const { order } = this.#dominators;
    const { now, settled } = this.#behind;
    const edges = this.#behind.take();
    for (let at = 0; at < edges.length; at += 3) {
      const number = edges[at]!;
      const node = order[number]!;
      if (this.#behind.isSettled(node, now)) continue;
      settled.set(node, { cost: now, edge: edges[at + 1]!, from: edges[at + 2]! });
      this.#meetAt(node);
      const { first, end } = this.#sourcesOf(number);
      const work = BACKWARD_WORK * (end - first);
      if (end - first > MANY_EDGES) this.#behind.putNodeOff({ id: number, cost: now, work });
      else this.#lookBack({ id: number, cost: now, work });
    }
  }

  #lookBack({ id: number, cost, work }: PutOff): void {
    const { order } = this.#dominators;
    const { parents, sources } = this.#snapshot.graphMemory;
    const node = order[number]!;
    this.#budget -= work;
    this.#comeFrom(parents[number]!, node, cost);
    const { first, end } = this.#sourcesOf(number);
    for (let slot = first; slot < end; slot++) {
      // Sources of several edges lie side by side.
      if (slot === first || sources[slot] !== sources[slot - 1]) this.#comeFrom(sources[slot]!, node, cost);
    }
  }

  /** Adds the edges from a number to a node. */
  #comeFrom(source: number, node: number, cost: number): void {
    const { edgeTargets, firstEdges } = this.#snapshot;
    const owner = this.#dominators.order[source]!;
    if (this.#behind.isSettled(owner, cost + 1)) return;
    const end = firstEdges[owner + 1]!;
    this.#budget -= end - firstEdges[owner]!;
    for (let edge = firstEdges[owner]!; edge < end; edge++) {
      if (edgeTargets[edge] !== node || !isEssential(this.#snapshot, owner, edge)) continue;
      const price = this.#costs.of(owner, edge);
      if (price > this.#mostPrice) continue;
      const { first, end: last } = this.#sourcesOf(source);
      this.#behind.add(
        source,
        edge,
        node,
        cost + price,
        last - first > MANY_EDGES ? 1 : BACKWARD_WORK * (last - first + 1),
      );
      const met = this.#ahead.settled.get(owner);
      if (met !== undefined) this.#meet(cost + price + met.cost, owner, edge);
    }
  }

  /** A node that both sides have settled is on a path. */
  #meetAt(node: number): void {
    const [before, after] = [this.#ahead.settled.get(node), this.#behind.settled.get(node)];
    if (before === undefined || after === undefined) return;
    const cost = before.cost + after.cost;
    if (after.edge >= 0) this.#meet(cost, node, after.edge);
    else this.#meet(cost, before.from, before.edge);
  }

  #meet(cost: number, owner: number, edge: number): void {
    if (cost >= this.#best) return;
    this.#best = cost;
    this.#middle = { node: owner, edge };
  }

  /** Where the sources of a number lie, but for its parent. */
  #sourcesOf(number: number): { readonly first: number; readonly end: number } {
    const { order, reached, sourceCount } = this.#dominators;
    const { firstSources } = this.#snapshot.graphMemory;
    const end = number + 1 < reached ? firstSources[order[number + 1]!]! : sourceCount;
    return { first: firstSources[order[number]!]!, end };
  }

  #steps(): PathIndex[] {
    const before: PathIndex[] = [];
    for (let { node } = this.#middle; node >= 0; ) {
      const { edge, from } = this.#ahead.settled.get(node)!;
      before.push({ node, edge });
      node = from;
    }
    const after: PathIndex[] = [];
    for (let { edge } = this.#middle; edge >= 0; ) {
      const node = this.#snapshot.edgeTargets[edge]!;
      after.push({ node, edge });
      edge = this.#behind.settled.get(node)!.edge;
    }
    return [...before.reverse(), ...after];
  }
}
