import { hasBit, setBit } from './bits.js';
import { SEVERAL } from './graph-memory.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { NODE_TYPES } from './meta.js';
import { userRoots } from './user-roots.js';

const HIDDEN = NODE_TYPES.indexOf('hidden');
const ARRAY = NODE_TYPES.indexOf('array');
const NATIVE = NODE_TYPES.indexOf('native');
const SYNTHETIC = NODE_TYPES.indexOf('synthetic');
const EXTERNAL_STRING = 'system / ExternalStringData';

/**
 * Bytes of each node as Chrome DevTools shows them [nodeCount]: what V8 keeps in arrays and hidden objects of its own
 * counts for the object that has it, when that is one object. An array of numbers has its elements' bytes so.
 * The sum over all nodes is that of `selfSizes`; the sizes are those when there are no user roots (`exposeInternals`).
 *
 * 1. *Spread.* Every part gets the one owner that strong edges reach it from, over other parts; or has several.
 * 2. *Move* the bytes of parts with one owner, unless that is synthetic.
 *
 * Cost: about 10 ns an edge; 4 bytes a node when all sizes together are below 4 GiB, else 8. Owners are found in the
 * snapshot's `GraphMemory`.
 *
 * @param into where they go, in place of an array of their own
 */
export function shallowSizes<Into extends Float64Array>(snapshot: HeapSnapshot, into: Into): Into;
export function shallowSizes(snapshot: HeapSnapshot): Uint32Array | Float64Array;
export function shallowSizes(snapshot: HeapSnapshot, into?: Float64Array): Uint32Array | Float64Array {
  const sizes = into ?? newSizes(snapshot);
  sizes.set(snapshot.selfSizes);
  if (userRoots(snapshot).length === 0) return sizes;
  const { nodeTypes, nodeCount, rootIndex, graphMemory } = snapshot;
  graphMemory.findPartOwners(markParts(snapshot));
  const { parts, partOwners } = graphMemory;
  let part = 0;
  for (let node = 0; node < nodeCount; node++) {
    if (!hasBit(parts, node)) continue;
    const owner = partOwners[part++]!;
    if (owner >= SEVERAL || owner === rootIndex || nodeTypes[owner] === SYNTHETIC) continue;
    sizes[owner]! += sizes[node]!;
    sizes[node] = 0;
  }
  return sizes;
}

/** No sum of sizes is larger than the sum of all, which decides how wide the numbers must be. */
function newSizes({ nodeCount, selfSizes }: HeapSnapshot): Uint32Array | Float64Array {
  let total = 0;
  for (let node = 0; node < nodeCount; node++) total += selfSizes[node]!;
  return total <= 0xffff_ffff ? new Uint32Array(nodeCount) : new Float64Array(nodeCount);
}

/** What can be part of an object: hidden objects, arrays and the text of external strings. Returns their number. */
function markParts({ nodeTypes, nodeNames, nodeCount, strings, graphMemory }: HeapSnapshot): number {
  const externalString = strings.indexOf(EXTERNAL_STRING);
  const { parts, partsBefore } = graphMemory;
  let count = 0;
  for (let node = 0; node < nodeCount; node++) {
    if ((node & 31) === 0) partsBefore[node >>> 5] = count;
    const type = nodeTypes[node]!;
    if (type !== HIDDEN && type !== ARRAY && (type !== NATIVE || nodeNames[node] !== externalString)) continue;
    setBit(parts, node);
    count++;
  }
  return count;
}
