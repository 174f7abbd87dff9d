import { type Bits, clearBit, hasBit, newBits, setBit } from './bits.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from './meta.js';

const NATIVE = NODE_TYPES.indexOf('native');
const HIDDEN_EDGE = EDGE_TYPES.indexOf('hidden');
const WEAK = EDGE_TYPES.indexOf('weak');
/** Native memory of Node.js, which marks as detached what never was in a document. */
const OF_NODE = 'Node / ';

/**
 * Native nodes that are not part of a document any more [bits, nodeCount], by the rule of Chrome DevTools: what a browser
 * knows of some spreads to the native nodes that they hold, first that they are attached. Native memory of Node.js is
 * left out, which DevTools calls detached too.
 *
 * Cost: the edges of the native nodes.
 */
export function detachedNodes(
  snapshot: HeapSnapshot,
  known: { readonly attached: readonly number[]; readonly detached: readonly number[] },
): Bits {
  const { nodeTypes, nodeCount, strings, nodeNames } = snapshot;
  const seen = newBits(nodeCount);
  const detached = newBits(nodeCount);
  const native = (nodes: readonly number[]) => nodes.filter((node) => nodeTypes[node] === NATIVE);
  const [attachedStarts, detachedStarts] = [native(known.attached), native(known.detached)];
  // What is known does not change.
  for (const node of [...attachedStarts, ...detachedStarts]) setBit(seen, node);
  spread(snapshot, seen, attachedStarts, () => {});
  for (const node of detachedStarts) setBit(detached, node);
  spread(snapshot, seen, detachedStarts, (node) => setBit(detached, node));
  for (let node = 0; node < nodeCount; node++) {
    if (hasBit(detached, node) && strings.get(nodeNames[node]!).startsWith(OF_NODE)) clearBit(detached, node);
  }
  return detached;
}

function spread(snapshot: HeapSnapshot, seen: Bits, starts: readonly number[], found: (node: number) => void): void {
  const { nodeTypes, edgeTypes, edgeTargets } = snapshot;
  const pending = [...starts];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const { from, to } = snapshot.edgesOf(node);
    for (let edge = from; edge < to; edge++) {
      const target = edgeTargets[edge]!;
      const isPlain = edgeTypes[edge] !== WEAK && edgeTypes[edge] !== HIDDEN_EDGE;
      if (!isPlain || nodeTypes[target] !== NATIVE || hasBit(seen, target)) continue;
      setBit(seen, target);
      found(target);
      pending.push(target);
    }
  }
}
