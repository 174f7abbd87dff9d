import { plainText } from '../../core/index.js';
import type { HeapSnapshot } from '../heap-snapshot.js';
import { describePath } from '../path-text.js';
import type { PathFinder } from '../retaining-paths.js';
import { Machinery } from './machinery.js';
import { factsOf, type NodeFacts, type SizedNodes } from './sized-nodes.js';

export interface LargeObject extends NodeFacts {
  /** Path that keeps it, as its author would write it. */
  readonly heldBy: string;
}

const MAX_HOLDER_CHARS = 300;

/**
 * The objects that keep most bytes, without V8's own stores and scopes: these stand below the object that they serve.
 * @param paths a `HeapGraph`, which looks for each path when it is asked, or the `RetainingPaths` to all nodes.
 * Cost: one pass over the nodes, and a path for each of the `top`.
 */
export function largestObjects(
  snapshot: HeapSnapshot,
  sizes: SizedNodes,
  paths: PathFinder,
  top: number,
): LargeObject[] {
  const machinery = new Machinery(snapshot);
  const best = new LargestNodes(sizes.retainedSizes, top);
  for (let node = 1; node < snapshot.nodeCount; node++) {
    if (!machinery.has(node)) best.offer(node);
  }
  return best.nodes().map((node) => ({
    ...factsOf(snapshot, sizes, node),
    heldBy: heldBy(snapshot, paths, node),
  }));
}

/** A script keeps its text through V8's own objects, which a path leaves out. */
function heldBy(snapshot: HeapSnapshot, paths: PathFinder, node: number): string {
  const path = paths.path(node);
  const [owner, last] = path.slice(-2);
  const isSource =
    last !== undefined && snapshot.nodeType(owner!.node) === 'code' && snapshot.edgeName(last.edge) === 'source';
  const script = isSource ? snapshot.child(owner!.node, 'name') : -1;
  if (script >= 0) return plainText(`source text of ${snapshot.name(script)}`, MAX_HOLDER_CHARS);
  return describePath(snapshot, path).text;
}

/** The few nodes of largest value out of many, without sorting all: twice as many are kept before a cut. */
class LargestNodes {
  readonly #values: Float64Array;
  readonly #top: number;
  #kept: number[] = [];
  #least = -1;

  constructor(values: Float64Array, top: number) {
    this.#values = values;
    this.#top = top;
  }

  offer(node: number): void {
    if (this.#values[node]! <= this.#least) return;
    if (this.#kept.push(node) >= this.#top * 2 + 64) this.#cut();
  }

  nodes(): number[] {
    this.#cut();
    return this.#kept;
  }

  #cut(): void {
    this.#kept = this.#kept.sort((a, b) => this.#values[b]! - this.#values[a]! || a - b).slice(0, this.#top);
    if (this.#kept.length === this.#top && this.#top > 0) this.#least = this.#values[this.#kept.at(-1)!]!;
  }
}
