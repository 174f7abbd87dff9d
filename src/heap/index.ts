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
export { type ClassTotals, classCensus } from './census.js';
export type { HeapErrorCode } from './errors.js';
export { HeapSnapshot } from './heap-snapshot.js';
export { EDGE_TYPES, type EdgeType, NODE_TYPES, type NodeType } from './meta.js';
export type { PathStep } from './path-steps.js';
export { describePath } from './path-text.js';
export { type ReadSnapshotOptions, readSnapshot } from './read-snapshot.js';
export { type PathIndex, RetainingPaths } from './retaining-paths.js';
export type { SourceLocation } from './source-locations.js';
export type { StringTable } from './string-table.js';
