import type { HeapSnapshot } from '../heap-snapshot.js';
import type { SourceLocation } from '../source-locations.js';
import { DominatorTree } from './dominator-tree.js';
import type { NodeClasses } from './node-classes.js';
import type { SizedNodes } from './sized-nodes.js';

export interface ClassRow {
  readonly className: string;
  readonly location: SourceLocation | null;
  readonly count: number;
  readonly shallowBytes: number;
  /** Bytes that would be freed with all its objects: what one of them keeps inside another counts once. */
  readonly retainedBytes: number;
}

/**
 * Count, shallow and retained bytes by class, most retained first. Nodes of no bytes are not counted (DevTools' rule).
 * Cost: 40 ns a node on top of dominators and retained sizes.
 */
export function classTable(snapshot: HeapSnapshot, sizes: SizedNodes, classes: NodeClasses): ClassRow[] {
  const count = new Uint32Array(classes.classes.length);
  const shallow = new Float64Array(classes.classes.length);
  for (let node = 0; node < snapshot.nodeCount; node++) {
    const bytes = sizes.shallowSizes[node]!;
    if (bytes === 0) continue;
    const index = classes.classOf[node]!;
    count[index]!++;
    shallow[index]! += bytes;
  }
  const retained = retainedByClass(snapshot.rootIndex, sizes, classes);
  return classes.classes
    .map(({ name, location }, index) => ({
      className: name,
      location,
      count: count[index]!,
      shallowBytes: shallow[index]!,
      retainedBytes: retained[index]!,
    }))
    .filter((row) => row.count > 0)
    .sort((a, b) => b.retainedBytes - a.retainedBytes || b.shallowBytes - a.shallowBytes);
}

/**
 * Walks the dominator tree depth first; a node counts for its class when no node of the class is above it.
 * Leaving a node is a second entry of the stack, written as its complement.
 */
function retainedByClass(root: number, sizes: SizedNodes, { classOf, classes }: NodeClasses): Float64Array {
  const tree = new DominatorTree(sizes.dominators);
  const retained = new Float64Array(classes.length);
  const above = new Uint32Array(classes.length);
  const pending = [root];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    if (node < 0) {
      above[classOf[~node]!]!--;
      continue;
    }
    const index = classOf[node]!;
    if (sizes.shallowSizes[node]! > 0) {
      if (above[index] === 0) retained[index]! += sizes.retainedSizes[node]!;
      above[index]!++;
      pending.push(~node);
    }
    for (let at = tree.first[node]!; at < tree.first[node + 1]!; at++) pending.push(tree.children[at]!);
  }
  return retained;
}
