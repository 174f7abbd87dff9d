import { hasBit, newBits, setBit } from './bits.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from './meta.js';
import { userRoots } from './user-roots.js';

const WEAK = EDGE_TYPES.indexOf('weak');
const HIDDEN = NODE_TYPES.indexOf('hidden');
const ARRAY = NODE_TYPES.indexOf('array');
const NATIVE = NODE_TYPES.indexOf('native');
const SYNTHETIC = NODE_TYPES.indexOf('synthetic');
const EXTERNAL_STRING = 'system / ExternalStringData';

const NOBODY = 0xffff_ffff;
const SEVERAL = 0xffff_fffe;

/**
 * Bytes of each node as Chrome DevTools shows them [nodeCount]: what V8 keeps in arrays and hidden objects of its own
 * counts for the object that has it, when that is one object. An array of numbers has its elements' bytes so.
 * The sum over all nodes is that of `selfSizes`; the sizes are those when there are no user roots (`exposeInternals`).
 *
 * 1. *Spread.* Every part gets the one owner that strong edges reach it from, over other parts; or has several.
 * 2. *Move* the bytes of parts with one owner, unless that is synthetic.
 *
 * Cost: about 10 ns an edge; kept are 4 bytes a node when all sizes together are below 4 GiB, else 8. While it runs
 * 4 bytes a node for owners and up to 8 for each part.
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
  const { firstEdges, edgeTypes, edgeTargets, nodeCount } = snapshot;
  const { parts, count } = findParts(snapshot);
  const owners = new Uint32Array(nodeCount);
  for (let node = 0; node < nodeCount; node++) owners[node] = hasBit(parts, node) ? NOBODY : node;
  // A part is pushed when it gets its owner, and again when it gets several.
  const stack = new Uint32Array(2 * count);
  for (let start = 0; start < nodeCount; start++) {
    if (hasBit(parts, start)) continue;
    let height = 0;
    let node = start;
    for (;;) {
      const owner = owners[node]!;
      const end = firstEdges[node + 1]!;
      for (let edge = firstEdges[node]!; edge < end; edge++) {
        const target = edgeTargets[edge]!;
        if (!hasBit(parts, target) || edgeTypes[edge] === WEAK) continue;
        const known = owners[target]!;
        if (known === owner || known === SEVERAL) continue;
        owners[target] = known === NOBODY ? owner : SEVERAL;
        stack[height++] = target;
      }
      if (height === 0) break;
      node = stack[--height]!;
    }
  }
  return owners;
}

/** What can be part of an object: hidden objects, arrays and the text of external strings. */
function findParts(snapshot: HeapSnapshot) {
  const { nodeTypes, nodeNames, nodeCount } = snapshot;
  const externalString = snapshot.strings.indexOf(EXTERNAL_STRING);
  const parts = newBits(nodeCount);
  let count = 0;
  for (let node = 0; node < nodeCount; node++) {
    const type = nodeTypes[node]!;
    if (type !== HIDDEN && type !== ARRAY && (type !== NATIVE || nodeNames[node] !== externalString)) continue;
    setBit(parts, node);
    count++;
  }
  return { parts, count };
}
