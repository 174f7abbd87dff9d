import { EdgeCosts, NEVER } from '../edge-costs.js';
import type { HeapSnapshot } from '../heap-snapshot.js';
import type { RetainingPaths } from '../retaining-paths.js';
import { isOddball } from './object-child.js';
import { type RetainerSlots, retainingEdges } from './retaining-edges.js';

export interface GraphNode {
  readonly node: number;
  readonly id: number;
  readonly className: string;
  /** Steps from the start: below 0 for what refers to it, above 0 for what it refers to, 0 for the start. */
  readonly level: number;
}

export interface GraphEdge {
  readonly from: number;
  readonly to: number;
  readonly name: string;
  readonly type: string;
}

export interface ReferenceGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** References that lead out of the picture, as it was cut at `maxNodes` or `maxFan`. */
  readonly cut: number;
}

export interface GraphOptions {
  /** Steps to follow in each direction. Default 3. */
  readonly depth?: number;
  /** Nodes in all: more than some 50 nobody can read. Default 40. */
  readonly maxNodes?: number;
  /** References followed from one node in each direction. Default 5. */
  readonly maxFan?: number;
}

/** Above this price an edge explains nothing: maps, prototypes, code. */
const MAX_COST = 9;
/** Stores of V8 that repeat what the edges of their owner say. */
const REPEATING = ['(object elements)', '(object properties)', 'system / PropertyArray', 'system / PropertyCell'];

const MAX_OF_A_KIND = 2;

interface Neighbour {
  readonly owner: number;
  readonly edge: number;
  readonly target: number;
  readonly cost: number;
}

/**
 * The neighbourhood of some nodes: what they refer to and what refers to them, the most understandable edges first, and of
 * retainers those nearest to the root; of equal references two stand for all.
 * Cost: the edges of the nodes that are shown.
 */
export function referenceGraph(
  snapshot: HeapSnapshot,
  retainers: RetainerSlots,
  paths: RetainingPaths,
  starts: readonly number[],
  options: GraphOptions = {},
): ReferenceGraph {
  const { depth = 3, maxNodes = 40, maxFan = 5 } = options;
  const costs = new EdgeCosts(snapshot);
  const repeating = new Set(REPEATING.map((name) => snapshot.strings.indexOf(name)));
  const saysNothing = (node: number): boolean => repeating.has(snapshot.nodeNames[node]!) || isOddball(snapshot, node);
  const levels = new Map<number, number>(starts.slice(0, maxNodes).map((node) => [node, 0]));
  const edges = new Map<number, { from: number; to: number }>();
  let cut = Math.max(0, starts.length - maxNodes);
  for (const direction of [-1, 1] as const) {
    let level = [...levels.keys()].filter((node) => levels.get(node) === 0);
    for (let step = 1; step <= depth && level.length > 0; step++) level = expand(level, step * direction, direction);
  }
  return {
    nodes: [...levels].map(([node, level]) => ({
      node,
      id: snapshot.nodeIds[node]!,
      className: snapshot.className(node),
      level,
    })),
    edges: [...edges].map(([edge, { from, to }]) => ({
      from,
      to,
      name: snapshot.edgeName(edge),
      type: snapshot.edgeType(edge),
    })),
    cut,
  };

  /** One level on; gives the nodes that are new. */
  function expand(nodes: readonly number[], level: number, direction: -1 | 1): number[] {
    const added: number[] = [];
    for (const node of nodes) {
      const all = neighbours(node, direction);
      cut += Math.max(0, all.length - maxFan);
      for (const { owner, edge, target } of all.slice(0, maxFan)) {
        const next = direction < 0 ? owner : target;
        if (!levels.has(next)) {
          if (levels.size >= maxNodes) {
            cut++;
            continue;
          }
          levels.set(next, level);
          added.push(next);
        }
        edges.set(edge, { from: owner, to: target });
      }
    }
    return added;
  }

  function neighbours(node: number, direction: -1 | 1): Neighbour[] {
    const found: Neighbour[] = [];
    const add = (owner: number, edge: number, target: number): void => {
      const cost = costs.of(owner, edge);
      if (cost !== NEVER && cost <= MAX_COST && owner !== target && !saysNothing(owner) && !saysNothing(target))
        found.push({ owner, edge, target, cost });
    };
    if (direction < 0) for (const { owner, edge } of retainingEdges(snapshot, retainers, node)) add(owner, edge, node);
    else {
      const { from, to } = snapshot.edgesOf(node);
      for (let edge = from; edge < to; edge++) add(node, edge, snapshot.edgeTargets[edge]!);
    }
    // Of retainers those that are near the root come first: they are what holds, the others only know.
    const rank = (owner: number): number => (direction < 0 && paths.pathReachable(owner) ? paths.cost[owner]! : 0);
    return fewOfAKind(found.sort((a, b) => a.cost + rank(a.owner) - (b.cost + rank(b.owner))));
  }

  /** A parent with a thousand children that know it: two of them stand for all. */
  function fewOfAKind(neighbours: Neighbour[]): Neighbour[] {
    const seen = new Map<string, number>();
    return neighbours.filter(({ owner, edge, target }) => {
      const name = snapshot.edgeType(edge) === 'element' ? '[]' : snapshot.edgeName(edge);
      const kind = `${snapshot.className(owner)} ${name} ${snapshot.className(target)}`;
      const before = seen.get(kind) ?? 0;
      seen.set(kind, before + 1);
      if (before >= MAX_OF_A_KIND) cut++;
      return before < MAX_OF_A_KIND;
    });
  }
}
