import type { Dominators } from './dominators.js';

/**
 * Bytes that would be freed with each node: the sizes of all that it dominates, itself included [nodeCount].
 * @param retained where they go
 * Cost: about 10 ns a node.
 */
export function retainedSizes(
  sizes: Uint32Array | Float64Array,
  { immediate, order }: Dominators,
  retained: Float64Array = new Float64Array(sizes.length),
): Float64Array {
  retained.set(sizes);
  for (let at = order.length - 1; at > 0; at--) {
    const node = order[at]!;
    retained[immediate[node]!]! += retained[node]!;
  }
  return retained;
}
