import type { HeapSnapshot } from '../heap-snapshot.js';

/**
 * What the answers ask of a `HeapGraph`: bytes and dominators of each node. Small hand-made ones serve in tests.
 */
export interface SizedNodes {
  /** Bytes of a node with what belongs to it alone, as its backing store [nodeCount]. */
  readonly shallowSizes: Uint32Array | Float64Array;
  /** Immediate dominator, the root's is itself [nodeCount]. */
  readonly dominators: Uint32Array;
  /** Bytes that would be freed with the node [nodeCount]. */
  readonly retainedSizes: Float64Array;
}

/** One node in an answer: plain data for JSON and tables. */
export interface NodeFacts {
  /** V8's id, `@id` in Chrome DevTools. */
  readonly id: number;
  readonly className: string;
  readonly shallowBytes: number;
  readonly retainedBytes: number;
}

export function factsOf(snapshot: HeapSnapshot, sizes: SizedNodes, node: number): NodeFacts {
  return {
    id: snapshot.nodeIds[node]!,
    className: snapshot.className(node),
    shallowBytes: sizes.shallowSizes[node]!,
    retainedBytes: sizes.retainedSizes[node]!,
  };
}

/** Index of the node with V8's id, -1 when there is none. Cost: 1 ns a node. */
export function nodeWithId(snapshot: HeapSnapshot, id: number): number {
  return snapshot.nodeIds.indexOf(id);
}
