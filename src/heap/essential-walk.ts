import { hasBit, newBits, setBit } from './bits.js';
import type { GraphMemory } from './graph-memory.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES } from './meta.js';
import { ownedEntries } from './user-roots.js';

const INTERNAL = EDGE_TYPES.indexOf('internal');
const SHORTCUT = EDGE_TYPES.indexOf('shortcut');
const WEAK = EDGE_TYPES.indexOf('weak');

/**
 * Walks depth first from the root over essential edges, those that keep their target alive by the rules of Chrome
 * DevTools. Left out are
 * - weak edges, and edges of a node to itself;
 * - edges that repeat others: the table's half of an entry of a WeakMap, as the value is the key's, and shortcuts, but
 *   for those of the root;
 * - edges by which what the program does not own (a debugger, a handle of V8) holds what it owns, but for those of
 *   the root. The program owns all that strong edges of any kind reach from its entries, see `ownedEntries`.
 *
 * 1. *Owned.* What the entries lead to comes first: all that is reached is owned.
 * 2. *Flood.* What only edges that are strong but not essential lead to is owned too, and is walked to later.
 * 3. *The rest of the root.*
 * 4. *Orphans.* Nodes that no essential edge leads to (only weak ones do) are walked to as if they were children of the
 *    root. What is left are circles that nothing holds: they are numbered last.
 *
 * The result is in the snapshot's `GraphMemory`: `order` has the nodes by number, `parents` the number of the parent in
 * the tree of each number (0 for the root and for starts), `firstSources` how often the walk came to each node, `outside` the
 * essential edges that are not of the tree.
 *
 * Cost: about 20 ns an edge on large heaps.
 *
 * @returns the number of nodes that were reached; they have the numbers below it.
 */
export function walkEssentialEdges(snapshot: HeapSnapshot): number {
  return new EssentialWalk(snapshot).run();
}

class EssentialWalk {
  readonly #snapshot: HeapSnapshot;
  readonly #memory: GraphMemory;

  constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot;
    this.#memory = snapshot.graphMemory;
  }

  run(): number {
    if (this.#memory.numbered !== 1) throw new Error('the edges of a snapshot are walked once');
    const { nodeCount } = this.#snapshot;
    const { order, firstSources: arrivals } = this.#memory;
    this.#walkFromRoot(markRepeating(this.#snapshot));
    this.#adoptOrphans();
    const reached = this.#memory.numbered;
    for (let node = 0, number = reached; number < nodeCount; node++) {
      if (arrivals[node] === 0) order[number++] = node;
    }
    return reached;
  }

  /** @param repeating owners of edges that repeat others */
  #walkFromRoot(repeating: readonly number[]): void {
    const { edgeTargets, rootIndex } = this.#snapshot;
    const { order, firstSources: arrivals, owned, visited } = this.#memory;
    order[0] = rootIndex;
    arrivals[rootIndex] = 1;
    setBit(visited, rootIndex);
    const entries = new Set(ownedEntries(this.#snapshot));
    for (const edge of entries) this.#follow(edge, true);
    const leftOver = repeating.filter((owner) => hasBit(owned, owner)).flatMap((owner) => this.#repeatedTargets(owner));
    // The root is not walked to twice, but a strong edge to it from what is owned makes it one of them.
    const ownsRoot = arrivals[rootIndex]! > 1 || [...entries].some((edge) => edgeTargets[edge] === rootIndex);
    this.#flood(ownsRoot ? [...leftOver, rootIndex] : leftOver);
    const { from, to } = this.#snapshot.edgesOf(rootIndex);
    for (let edge = from; edge < to; edge++) if (!entries.has(edge)) this.#follow(edge, false);
  }

  #repeatedTargets(owner: number): number[] {
    const { from, to } = this.#snapshot.edgesOf(owner);
    const targets: number[] = [];
    for (let edge = from; edge < to; edge++) {
      if (hasBit(this.#memory.repeated, edge)) targets.push(this.#snapshot.edgeTargets[edge]!);
    }
    return targets;
  }

  /** Follows an edge of the root. */
  #follow(edge: number, isInOwned: boolean): void {
    const { edgeTypes, edgeTargets, rootIndex } = this.#snapshot;
    const { firstSources: arrivals, outside, repeated } = this.#memory;
    const target = edgeTargets[edge]!;
    if (edgeTypes[edge] === WEAK || target === rootIndex || hasBit(repeated, edge)) return;
    if (arrivals[target]!++ === 0) this.#memory.walk(target, isInOwned);
    else setBit(outside, edge);
  }

  /** All that strong edges of any kind reach from owned nodes is owned. */
  #flood(pending: number[]): void {
    const { firstEdges, edgeTypes, edgeTargets } = this.#snapshot;
    const owned = this.#memory.owned;
    for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
      if (hasBit(owned, node)) continue;
      setBit(owned, node);
      const end = firstEdges[node + 1]!;
      for (let edge = firstEdges[node]!; edge < end; edge++) {
        const target = edgeTargets[edge]!;
        if (edgeTypes[edge] !== WEAK && !hasBit(owned, target)) pending.push(target);
      }
    }
  }

  #adoptOrphans(): void {
    const { nodeCount, firstEdges, edgeTargets } = this.#snapshot;
    const { firstSources: arrivals } = this.#memory;
    if (this.#memory.numbered === nodeCount) return;
    const held = newBits(nodeCount);
    for (let node = 0; node < nodeCount; node++) {
      if (arrivals[node] !== 0) continue;
      const end = firstEdges[node + 1]!;
      for (let edge = firstEdges[node]!; edge < end; edge++) {
        if (isEssential(this.#snapshot, node, edge)) setBit(held, edgeTargets[edge]!);
      }
    }
    for (let node = 0; node < nodeCount; node++) {
      // Essential edges of reached nodes lead to reached nodes: those of the others count.
      if (arrivals[node] !== 0 || hasBit(held, node)) continue;
      arrivals[node] = 1;
      this.#memory.walk(node, false);
    }
  }
}

/** True when an edge holds its target, after the walk. What the root holds need not be owned. */
export function isEssential(snapshot: HeapSnapshot, node: number, edge: number): boolean {
  const { edgeTypes, edgeTargets, rootIndex, graphMemory } = snapshot;
  const { owned, repeated } = graphMemory;
  const target = edgeTargets[edge]!;
  if (edgeTypes[edge] === WEAK || target === node || hasBit(repeated, edge)) return false;
  return node === rootIndex || hasBit(owned, node) || !hasBit(owned, target);
}

/** Marks the table's halves of the entries of WeakMaps, and shortcuts but for those of the root. Returns their owners. */
function markRepeating(snapshot: HeapSnapshot): number[] {
  return [...markTables(snapshot), ...markShortcuts(snapshot)];
}

/** Edges of tables of WeakMaps that the keys have too: only the tables are looked at. */
function markTables(snapshot: HeapSnapshot): number[] {
  const { nodeCount, nodeIds, edgeTypes, edgeNames, weakMapEntries, graphMemory } = snapshot;
  const { tables } = weakMapEntries;
  // A bit for the last digits of each id spares most look-ups.
  const filter = newBits(1 << 16);
  for (const id of tables) setBit(filter, id & 0xffff);
  const owners: number[] = [];
  for (let owner = 0; owner < nodeCount; owner++) {
    const id = nodeIds[owner]!;
    if (!hasBit(filter, id & 0xffff) || !tables.has(id)) continue;
    owners.push(owner);
    const { from, to } = snapshot.edgesOf(owner);
    for (let edge = from; edge < to; edge++) {
      const name = edgeNames[edge]!;
      if (edgeTypes[edge] !== INTERNAL || !weakMapEntries.isEntry(name)) continue;
      if (weakMapEntries.tableId(name) === id) setBit(graphMemory.repeated, edge);
    }
  }
  return owners;
}

function markShortcuts({ firstEdges, edgeTypes, rootIndex, graphMemory }: HeapSnapshot): Set<number> {
  const owners = new Set<number>();
  let owner = 0;
  for (let edge = edgeTypes.indexOf(SHORTCUT); edge >= 0; edge = edgeTypes.indexOf(SHORTCUT, edge + 1)) {
    // They are few: their owners are caught up with.
    while (firstEdges[owner + 1]! <= edge) owner++;
    if (owner === rootIndex) continue;
    setBit(graphMemory.repeated, edge);
    owners.add(owner);
  }
  return owners;
}
