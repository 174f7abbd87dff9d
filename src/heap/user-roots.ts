import { type Bits, hasBit, newBits, setBit } from './bits.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from './meta.js';

const ELEMENT = EDGE_TYPES.indexOf('element');
const SHORTCUT = EDGE_TYPES.indexOf('shortcut');
const WEAK = EDGE_TYPES.indexOf('weak');
const SYNTHETIC = NODE_TYPES.indexOf('synthetic');
/** The one synthetic child of the root that holds what a page made. */
const DOM_TREES = '(Document DOM trees)';

/**
 * Where what a user wrote begins, by the rule of Chrome DevTools: the children of the root that are not synthetic,
 * and the trees of the DOM. One for each edge, so that a node may come twice; none with `exposeInternals`.
 */
export function userRoots(snapshot: HeapSnapshot): number[] {
  const { edgeTargets, nodeTypes } = snapshot;
  const { from, to } = snapshot.edgesOf(snapshot.rootIndex);
  const roots: number[] = [];
  for (let edge = from; edge < to; edge++) {
    const node = edgeTargets[edge]!;
    if (nodeTypes[node] !== SYNTHETIC || snapshot.name(node) === DOM_TREES) roots.push(node);
  }
  return roots;
}

/**
 * Nodes that the program owns, as against those that only V8, an embedder or a debugger holds [bits, nodeCount]:
 * all that strong edges reach from the shortcuts of the root and from the trees of the DOM.
 *
 * Cost: about 8 ns an edge; nodeCount / 8 bytes, and up to 4 bytes a node for its stack.
 */
export function userOwnedNodes(snapshot: HeapSnapshot): Bits {
  const { firstEdges, edgeTypes, edgeTargets, nodeCount } = snapshot;
  const owned = newBits(nodeCount);
  // A node is pushed once, when its bit is set.
  const stack = new Uint32Array(nodeCount);
  let height = 0;
  for (const node of ownedEntries(snapshot)) {
    if (hasBit(owned, node)) continue;
    setBit(owned, node);
    stack[height++] = node;
  }
  while (height > 0) {
    const node = stack[--height]!;
    const end = firstEdges[node + 1]!;
    for (let edge = firstEdges[node]!; edge < end; edge++) {
      const target = edgeTargets[edge]!;
      if (edgeTypes[edge] === WEAK || hasBit(owned, target)) continue;
      setBit(owned, target);
      stack[height++] = target;
    }
  }
  return owned;
}

function ownedEntries(snapshot: HeapSnapshot): number[] {
  const { edgeTypes, edgeTargets, nodeTypes } = snapshot;
  const { from, to } = snapshot.edgesOf(snapshot.rootIndex);
  const entries: number[] = [];
  for (let edge = from; edge < to; edge++) {
    const node = edgeTargets[edge]!;
    const isTree = edgeTypes[edge] === ELEMENT && nodeTypes[node] === SYNTHETIC && snapshot.name(node) === DOM_TREES;
    if (isTree || edgeTypes[edge] === SHORTCUT) entries.push(node);
  }
  return entries;
}
