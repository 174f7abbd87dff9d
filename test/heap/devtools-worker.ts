import { Readable } from 'node:stream';
import { parse } from 'heap-snapshot-toolkit';
import { HeapGraph, readSnapshot } from '../../src/heap/index.js';

/** The columns of the worker of Chrome DevTools that we read; its nodes are rows of numbers. */
interface Worker {
  readonly nodeCount: number;
  readonly nodeFieldCount: number;
  readonly nodeSelfSizeOffset: number;
  readonly nodes: { getValue(at: number): number };
  readonly nodeDistances: Int32Array;
  readonly dominatorsTree: Uint32Array;
  readonly retainedSizes: Float64Array;
}

export interface Comparison {
  readonly nodes: number;
  /** Nodes with a distance, with one beyond the system's, and with none: they show what the snapshot put to test. */
  readonly distances: { readonly user: number; readonly system: number; readonly none: number };
  /** Nodes whose bytes went to their owner. */
  readonly emptied: number;
  /** One line for each number of a node that differs, the first hundred. */
  readonly differences: readonly string[];
}

/** Compares what DevTools' own worker and ours say about every node of a snapshot. */
export async function compareWithDevTools(bytes: Buffer): Promise<Comparison> {
  const pieces = Readable.from(piecesOf(bytes.toString('latin1')));
  const worker = (await parse(pieces as never)) as unknown as Worker;
  const graph = new HeapGraph(await readSnapshot(bytes));
  const { snapshot, distances, dominators, retainedSizes, shallowSizes } = graph;
  const differences: string[] = [];
  const compare = (what: string, node: number, ours: number, theirs: number) => {
    if (ours === theirs || differences.length >= 100) return;
    differences.push(
      `${what} of node ${node} (${snapshot.nodeType(node)} ${snapshot.name(node)}): ${ours}, not ${theirs}`,
    );
  };
  const found = { user: 0, system: 0, none: 0 };
  let emptied = 0;
  compare('count', 0, snapshot.nodeCount, worker.nodeCount);
  for (let node = 0; node < worker.nodeCount; node++) {
    compare('distance', node, distances[node]!, worker.nodeDistances[node]!);
    compare('dominator', node, dominators[node]!, worker.dominatorsTree[node]!);
    compare('retained size', node, retainedSizes[node]!, worker.retainedSizes[node]!);
    const size = worker.nodes.getValue(node * worker.nodeFieldCount + worker.nodeSelfSizeOffset);
    compare('shallow size', node, shallowSizes[node]!, size);
    found[distances[node]! < 0 ? 'none' : distances[node]! < 100_000_000 ? 'user' : 'system']++;
    if (snapshot.selfSizes[node]! > 0 && shallowSizes[node] === 0) emptied++;
  }
  return { nodes: worker.nodeCount, distances: found, emptied, differences };
}

function* piecesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += 1 << 20) yield text.slice(at, at + (1 << 20));
}
