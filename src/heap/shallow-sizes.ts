import { setBit } from './bits.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { NODE_TYPES } from './meta.js';
import { userRoots } from './user-roots.js';

const HIDDEN = NODE_TYPES.indexOf('hidden');
const ARRAY = NODE_TYPES.indexOf('array');
const NATIVE = NODE_TYPES.indexOf('native');
const SYNTHETIC = NODE_TYPES.indexOf('synthetic');
const EXTERNAL_STRING = 'system / ExternalStringData';

/** As in wasm/graph.as.ts; `NOBODY` is one more. */
const SEVERAL = 0xffff_fffe;

/**
 * Bytes of each node as Chrome DevTools shows them [nodeCount]: what V8 keeps in arrays and hidden objects of its own
 * counts for the object that has it, when that is one object. An array of numbers has its elements' bytes so.
 * The sum over all nodes is that of `selfSizes`; the sizes are those when there are no user roots (`exposeInternals`).
 *
 * 1. *Spread.* Every part gets the one owner that strong edges reach it from, over other parts; or has several.
 * 2. *Move* the bytes of parts with one owner, unless that is synthetic.
 *
 * Cost: about 10 ns an edge; kept are 4 bytes a node when all sizes together are below 4 GiB, else 8. Owners
 * are found in the snapshot's `GraphMemory`.
 */
export function shallowSizes(snapshot: HeapSnapshot): Uint32Array | Float64Array {
  const sizes = copySizes(snapshot);
  if (userRoots(snapshot).length === 0) return sizes;
  const owners = findOwners(snapshot);
  const { nodeTypes, nodeCount, rootIndex } = snapshot;
  for (let node = 0; node < nodeCount; node++) {
    const owner = owners[node]!;
    if (owner === node || owner >= SEVERAL || owner === rootIndex || nodeTypes[owner] === SYNTHETIC) continue;
    sizes[owner]! += sizes[node]!;
    sizes[node] = 0;
  }
  return sizes;
}

/** No sum of sizes is larger than the sum of all, which decides how wide the numbers must be. */
function copySizes(snapshot: HeapSnapshot): Uint32Array | Float64Array {
  let total = 0;
  for (let node = 0; node < snapshot.nodeCount; node++) total += snapshot.selfSizes[node]!;
  return total <= 0xffff_ffff ? new Uint32Array(snapshot.selfSizes) : new Float64Array(snapshot.selfSizes);
}

/** Phase 1: node that has each node, itself for what is no part, `NOBODY`, or `SEVERAL` [nodeCount]. */
function findOwners(snapshot: HeapSnapshot): Uint32Array {
  markParts(snapshot);
  snapshot.graphMemory.findPartOwners();
  return snapshot.graphMemory.slots;
}

/** What can be part of an object: hidden objects, arrays and the text of external strings. */
function markParts({ nodeTypes, nodeNames, nodeCount, strings, graphMemory }: HeapSnapshot): void {
  const externalString = strings.indexOf(EXTERNAL_STRING);
  const parts = graphMemory.nodeBits;
  parts.fill(0);
  for (let node = 0; node < nodeCount; node++) {
    const type = nodeTypes[node]!;
    const isPart = type === HIDDEN || type === ARRAY || (type === NATIVE && nodeNames[node] === externalString);
    if (isPart) setBit(parts, node);
  }
}
