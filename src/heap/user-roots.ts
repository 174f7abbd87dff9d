import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from './meta.js';

const ELEMENT = EDGE_TYPES.indexOf('element');
const SHORTCUT = EDGE_TYPES.indexOf('shortcut');
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
 * Edges of the root by which the program owns what it owns, as against what only V8, an embedder or a debugger holds:
 * shortcuts, and those to the trees of the DOM.
 */
export function ownedEntries(snapshot: HeapSnapshot): number[] {
  const { edgeTypes, edgeTargets, nodeTypes } = snapshot;
  const { from, to } = snapshot.edgesOf(snapshot.rootIndex);
  const entries: number[] = [];
  for (let edge = from; edge < to; edge++) {
    const node = edgeTargets[edge]!;
    const isTree = edgeTypes[edge] === ELEMENT && nodeTypes[node] === SYNTHETIC && snapshot.name(node) === DOM_TREES;
    if (isTree || edgeTypes[edge] === SHORTCUT) entries.push(edge);
  }
  return entries;
}
