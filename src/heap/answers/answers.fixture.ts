import { HeapGraph } from '../heap-graph.js';
import type { HeapSnapshot } from '../heap-snapshot.js';
import { nodesOf, snapshotOf } from '../program-snapshot.fixture.js';
import { readSnapshot } from '../read-snapshot.js';
import { RetainingPaths } from '../retaining-paths.js';
import { NodeClasses } from './node-classes.js';

/** A snapshot of a small program with all that the answers ask for. */
export interface ProgramHeap {
  readonly snapshot: HeapSnapshot;
  readonly graph: HeapGraph;
  readonly paths: RetainingPaths;
  readonly classes: NodeClasses;
  /** The only node of a class. */
  only(className: string): number;
}

export async function programHeap(program: string, file?: string): Promise<ProgramHeap> {
  const snapshot = await readSnapshot(snapshotOf(program, file));
  return {
    snapshot,
    graph: new HeapGraph(snapshot),
    paths: new RetainingPaths(snapshot),
    classes: new NodeClasses(snapshot),
    only(className) {
      const nodes = nodesOf(snapshot, className);
      if (nodes.length !== 1) throw new Error(`${nodes.length} nodes of ${className}`);
      return nodes[0]!;
    },
  };
}
