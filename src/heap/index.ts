/**
 * Heap snapshots: bytes in, columns and answers out. Pure; Node 20 to 26 and Chrome.
 *
 * @example
 * import { describePath, readSnapshot, RetainingPaths } from 'watertight/heap';
 *
 * const snapshot = await readSnapshot('app.heapsnapshot');
 * const paths = new RetainingPaths(snapshot);
 * for (let node = 0; node < snapshot.nodeCount; node++) {
 *   if (snapshot.className(node) === 'Session') console.log(describePath(snapshot, paths.path(node)).text);
 * }
 *
 * @module
 */
export { type ClassRow, classTable } from './answers/class-table.js';
export {
  type CapturedVariable,
  type ClosureFunction,
  type ClosureGroup,
  closureCaptures,
} from './answers/closure-captures.js';
export { type Container, containers } from './answers/container-sizes.js';
export {
  type DominatorBranch,
  type DominatorOptions,
  DominatorTree,
  dominatorBranch,
} from './answers/dominator-tree.js';
export { type DuplicateString, type DuplicateStrings, duplicateStrings } from './answers/duplicate-strings.js';
export {
  type EmitterRow,
  type EventListeners,
  eventListeners,
  type ListenerFunction,
} from './answers/event-listeners.js';
export { type ClassChange, type ContainerChange, type HeapDiff, heapDiff } from './answers/heap-diff.js';
export { type ClassCount, HeapInventory } from './answers/heap-inventory.js';
export { type HeapStats, heapStats, MEMORY_KINDS, type MemoryKind } from './answers/heap-stats.js';
export { type LargeObject, largestObjects } from './answers/largest-objects.js';
export { type NodeClass, NodeClasses } from './answers/node-classes.js';
export { type CycleGroup, objectCycles } from './answers/object-cycles.js';
export { pendingTimers, type TimerGroup } from './answers/pending-timers.js';
export { type PromiseGroup, type PromiseState, promiseStates } from './answers/promise-states.js';
export {
  type GraphEdge,
  type GraphNode,
  type GraphOptions,
  type ReferenceGraph,
  referenceGraph,
} from './answers/reference-graph.js';
export { type PathGroup, pathGroups, severalPaths } from './answers/several-paths.js';
export { type NodeFacts, nodeWithId, type SizedNodes } from './answers/sized-nodes.js';
export {
  type WeakCollection,
  type WeakReferences,
  type WeakTarget,
  weakReferences,
} from './answers/weak-references.js';
export { type ClassTotals, classCensus } from './census.js';
export type { HeapErrorCode } from './errors.js';
export { HeapGraph } from './heap-graph.js';
export { HeapSnapshot } from './heap-snapshot.js';
export { EDGE_TYPES, type EdgeType, NODE_TYPES, type NodeType } from './meta.js';
export type { PathStep } from './path-steps.js';
export { describePath } from './path-text.js';
export { type ReadSnapshotOptions, readSnapshot } from './read-snapshot.js';
export { type PathFinder, type PathIndex, RetainingPaths } from './retaining-paths.js';
export type { SourceLocation } from './source-locations.js';
export type { StringTable } from './string-table.js';
