/**
 * Verdicts: is it growing, is it a leak, and what holds it. Pure: numbers and snapshots in, findings out.
 *
 * `trendOf` says whether a gauge is level; `CohortLedger` and `findHeapGrowth` decide by birth cohorts over heap
 * snapshots; `judgeIdentities` does the same for descriptors, processes and files.
 *
 * @example
 * import { trendOf } from 'watertight/leaks';
 *
 * const level = Array.from({ length: 30 }, (_, i) => [i * 100, 5_000_000] as const);
 * console.log(trendOf(level, 1, 0).shape); // level
 */
export { type Bound, boundKeepers, boundsOf } from './bounds.js';
export { additions, type Cohorts, type Growth, judgeGrowth } from './growth.js';
export { findHeapGrowth, type HeapFinding } from './heap-findings.js';
export type { Leak, LeakKind, PathStep, SourcePosition, Verdict } from './leak.js';
export { CohortLedger, type Group } from './ledger.js';
export { judgeCounts, judgeIdentities, RESOURCES, type ResourceKey } from './resources.js';
export { mean, median, type Point, sum } from './statistics.js';
export { type Trend, trendOf } from './trend.js';
