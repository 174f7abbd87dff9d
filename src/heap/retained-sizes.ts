import type { Dominators } from './dominators.js';

/**
 * Bytes that would be freed with each node: the sizes of all that it dominates, itself included [nodeCount].
 * Cost: about 10 ns a node; 8 bytes a node.
 */
export function retainedSizes(sizes: Uint32Array | Float64Array, dominators: Dominators): Float64Array {
  const { immediate, order } = dominators;
  const retained = new Float64Array(sizes);
  for (let at = order.length - 1; at > 0; at--) {
    const node = order[at]!;
    retained[immediate[node]!]! += retained[node]!;
  }
  return retained;
}
