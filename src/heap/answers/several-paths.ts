import { EdgeCosts, NEVER } from '../edge-costs.js';
import type { HeapSnapshot } from '../heap-snapshot.js';
import { describePath } from '../path-text.js';
import type { PathIndex, RetainingPaths } from '../retaining-paths.js';
import { isGlobalObject, isNativeContext } from '../scopes.js';
import { type RetainerSlots, retainingEdges } from './retaining-edges.js';

export interface PathGroup {
  /** As its author would write it: `bus._events.message[]`. Untrusted. */
  readonly text: string;
  /** Nodes or further paths that read the same. */
  readonly count: number;
  /** Bytes of the nodes that are held by it. */
  readonly bytes: number;
  /** V8's id of one of the nodes. */
  readonly exampleId: number;
  /** A path of it, root first, by index. */
  readonly path: readonly PathIndex[];
}

/** Retainers of one node that are tried, and paths that are looked at for each one that is wanted. */
const MAX_RETAINERS = 1_000;
const TRIES_PER_PATH = 40;
/** Deviations are looked for so near to the node: further up, two owners share all that matters. */
const MAX_DEVIATION_STEPS = 60;
/** Paths that are put into words for one class: 15 µs each. */
const MAX_DESCRIBED = 50_000;

/** Stores of properties, and the cells of global ones: the edges of their owner say the same by name. */
const REPEATING = ['(object properties)', 'system / PropertyArray', 'system / PropertyCell'];

/** A path in the making: a deviation from the tree, and then the steps down to the node. */
interface Candidate {
  readonly cost: number;
  /** Node where the tree is left; the tree gives the path from the root to it. */
  readonly from: number;
  /** Steps below it, in order. */
  readonly tail: readonly PathIndex[];
}

/**
 * Several paths that keep one node alive, the most understandable first, each with a different text.
 *
 * Best first (Yen, Management Science 17(11), 1971; Eppstein, SIAM J. Comput. 28(2), 1998): the cheapest path is that of
 * `RetainingPaths`; others leave the tree once more, at a node of a path that is known. Paths that pass a node twice are
 * dropped. Paths with the text of one before are counted there. How V8 and its embedder hold the global object is not
 * varied: Chrome has hundreds of ways, which all read the same.
 *
 * @param top paths wanted; fewer when the others read the same or the search has looked at 40 times as many.
 * Cost: at most 40 × `top` paths, and of each the retainers of its last 60 nodes.
 */
export function severalPaths(
  snapshot: HeapSnapshot,
  paths: RetainingPaths,
  retainers: RetainerSlots,
  node: number,
  top: number,
): PathGroup[] {
  if (!paths.pathReachable(node)) return [];
  const costs = new EdgeCosts(snapshot);
  const repeating = new Set(REPEATING.map((name) => snapshot.strings.indexOf(name)));
  const groups = new Map<string, PathGroup>();
  const pending: Candidate[] = [{ cost: paths.cost[node]!, from: node, tail: [] }];
  for (let tries = 0; pending.length > 0 && groups.size < top && tries < top * TRIES_PER_PATH; tries++) {
    const candidate = takeCheapest(pending);
    const path = [...paths.path(candidate.from), ...candidate.tail];
    if (new Set(path.map((step) => step.node)).size < path.length) continue;
    const text = describePath(snapshot, path).text;
    const known = groups.get(text);
    groups.set(text, known ? { ...known, count: known.count + 1 } : groupOf(snapshot, node, text, path));
    pending.push(...deviations(path, candidate));
  }
  return [...groups.values()];

  /** Paths that leave `path` at one of the nodes above the point where the candidate left the tree. */
  function deviations(path: readonly PathIndex[], { cost, tail }: Candidate): Candidate[] {
    const found: Candidate[] = [];
    const last = path.length - 1 - tail.length;
    const first = Math.max(trunkEnd(snapshot, path), last - MAX_DEVIATION_STEPS);
    for (let at = last; at > first; at--) {
      const target = path[at]!;
      const below = path.slice(at + 1);
      for (const { owner, edge } of retainingEdges(snapshot, retainers, target.node, MAX_RETAINERS)) {
        if (repeating.has(snapshot.nodeNames[owner]!)) continue;
        const price = edge === target.edge || !paths.pathReachable(owner) ? NEVER : costs.of(owner, edge);
        if (price === NEVER) continue;
        const more = paths.cost[owner]! + price - paths.cost[target.node]!;
        found.push({ cost: cost + more, from: owner, tail: [{ node: target.node, edge }, ...below] });
      }
    }
    return found;
  }
}

/**
 * How the nodes of a class are held: their paths, grouped by text, most bytes first.
 * Cost: 15 µs for each different place; beyond 50,000 the rest is left out and `isSampled` says so.
 */
export function pathGroups(
  snapshot: HeapSnapshot,
  paths: RetainingPaths,
  nodes: readonly number[],
  sizes: Float64Array | Uint32Array,
): { readonly groups: PathGroup[]; readonly unreachable: number; readonly isSampled: boolean } {
  const groups = new Map<string, PathGroup>();
  const texts = new Map<string, string>();
  let unreachable = 0;
  let isSampled = false;
  for (const node of nodes) {
    if (!paths.pathReachable(node)) {
      unreachable++;
      continue;
    }
    const place = `${paths.parentNode[node]} ${edgeKind(snapshot, paths.parentEdge[node]!)} ${snapshot.nodeNames[node]}`;
    let text = texts.get(place);
    if (text === undefined) {
      isSampled ||= texts.size >= MAX_DESCRIBED;
      if (isSampled) continue;
      text = describePath(snapshot, paths.path(node)).text;
      texts.set(place, text);
    }
    const known = groups.get(text) ?? { ...groupOf(snapshot, node, text, paths.path(node)), count: 0 };
    groups.set(text, { ...known, count: known.count + 1, bytes: known.bytes + sizes[node]! });
  }
  return {
    groups: [...groups.values()].sort((a, b) => b.bytes - a.bytes || b.count - a.count),
    unreachable,
    isSampled,
  };
}

/** All elements of one owner read the same. */
function edgeKind(snapshot: HeapSnapshot, edge: number): string {
  return snapshot.edgeType(edge) === 'element' ? '[]' : `${snapshot.edgeTypes[edge]}:${snapshot.edgeNames[edge]}`;
}

function groupOf(snapshot: HeapSnapshot, node: number, text: string, path: readonly PathIndex[]): PathGroup {
  return { text, count: 1, bytes: 0, exampleId: snapshot.nodeIds[node]!, path };
}

/** Index of the last node of a path that is the global object or its native context, 0 when none is. */
function trunkEnd(snapshot: HeapSnapshot, path: readonly PathIndex[]): number {
  for (let at = path.length - 1; at > 0; at--) {
    const { node } = path[at]!;
    if (isNativeContext(snapshot, node) || isGlobalObject(snapshot, path[at - 1]!.node, node)) return at;
  }
  return 0;
}

/** A few hundred candidates: a scan is quicker than a heap is long. */
function takeCheapest(candidates: Candidate[]): Candidate {
  let best = 0;
  for (let i = 1; i < candidates.length; i++) if (candidates[i]!.cost < candidates[best]!.cost) best = i;
  const taken = candidates[best]!;
  candidates[best] = candidates.at(-1)!;
  candidates.pop();
  return taken;
}
