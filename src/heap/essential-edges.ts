import { type Bits, hasBit, newBits } from './bits.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES } from './meta.js';
import { userOwnedNodes } from './user-roots.js';
import { WeakMapEntries } from './weak-map-entries.js';

const INTERNAL = EDGE_TYPES.indexOf('internal');
const SHORTCUT = EDGE_TYPES.indexOf('shortcut');
const WEAK = EDGE_TYPES.indexOf('weak');

/**
 * Edges that keep their target alive, by the rules of Chrome DevTools [bits, edgeCount]. Left out are
 * - weak edges, and edges of a node to itself;
 * - the table's half of an entry of a WeakMap: the value is the key's;
 * - shortcuts, but for those of the root: they repeat other edges;
 * - edges by which what the program does not own (a debugger, a handle of V8) holds what it owns, but for those of
 *   the root.
 *
 * Cost: about 7 ns an edge above that of `userOwnedNodes`; edgeCount / 8 bytes.
 *
 * @param entries of the same snapshot; what was learned about its names is kept in it.
 */
export function essentialEdges(snapshot: HeapSnapshot, entries = new WeakMapEntries(snapshot.strings)): Bits {
  const { firstEdges, edgeTypes, edgeNames, edgeTargets, nodeIds, rootIndex, nodeCount, edgeCount } = snapshot;
  const owned = userOwnedNodes(snapshot);
  const essential = newBits(edgeCount);
  // Edges come in order: a word of bits is put together in a register.
  let word = 0;
  for (let node = 0; node < nodeCount; node++) {
    const isRoot = node === rootIndex;
    const mayHoldOwned = isRoot || hasBit(owned, node);
    const end = firstEdges[node + 1]!;
    for (let edge = firstEdges[node]!; edge < end; edge++) {
      const type = edgeTypes[edge]!;
      const target = edgeTargets[edge]!;
      let isEssential = type !== WEAK && (type !== SHORTCUT || isRoot) && target !== node;
      if (isEssential && !mayHoldOwned) isEssential = !hasBit(owned, target);
      if (isEssential && type === INTERNAL) {
        const name = edgeNames[edge]!;
        if (entries.isEntry(name)) isEssential = entries.tableId(name) !== nodeIds[node];
      }
      if (isEssential) word |= 1 << (edge & 31);
      if ((edge & 31) !== 31) continue;
      essential[edge >>> 5] = word;
      word = 0;
    }
  }
  if ((edgeCount & 31) !== 0) essential[edgeCount >>> 5] = word;
  return essential;
}
