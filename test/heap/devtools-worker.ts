import { Readable } from 'node:stream';
import { parse } from 'heap-snapshot-toolkit';
import { classTable, HeapGraph, NodeClasses, readSnapshot } from '../../src/heap/index.js';

/** The columns of the worker of Chrome DevTools that we read; its nodes are rows of numbers. */
interface Worker {
  readonly nodeCount: number;
  readonly nodeFieldCount: number;
  readonly nodeSelfSizeOffset: number;
  readonly nodes: { getValue(at: number): number };
  readonly nodeDistances: Int32Array;
  readonly dominatorsTree: Uint32Array;
  readonly retainedSizes: Float64Array;
  getAggregatesByClassKey(sortIndexes: boolean, key: string): Record<string, Aggregate>;
}

interface Aggregate {
  readonly name: string;
  readonly count: number;
  readonly self: number;
  readonly maxRet: number;
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
  const worker = await workerOf(bytes);
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

/**
 * Lines for classes whose count, shallow or retained bytes are not those of DevTools' table. What it calls `Detached`
 * among the native memory of Node, which never was in a document, counts with the rest of its class; retained bytes of
 * the two parts cannot be added up.
 */
export async function compareClassTables(bytes: Buffer): Promise<{ classes: number; differences: string[] }> {
  const theirs = new Map<string, number[]>();
  const split = new Set<string>();
  for (const { name, count, self, maxRet } of Object.values(
    (await workerOf(bytes)).getAggregatesByClassKey(false, 'all'),
  )) {
    const merged = name.replace(/^Detached (?=Node \/ )/, '');
    if (merged !== name) split.add(merged);
    add(theirs, merged, [count, self, maxRet]);
  }
  const snapshot = await readSnapshot(bytes);
  const ours = new Map<string, number[]>();
  for (const row of classTable(snapshot, new HeapGraph(snapshot), new NodeClasses(snapshot))) {
    add(ours, row.className, [row.count, row.shallowBytes, row.retainedBytes]);
  }
  const differences = [...new Set([...theirs.keys(), ...ours.keys()])].flatMap((name) => {
    const columns = split.has(name) ? 2 : 3;
    const [mine, other] = [ours, theirs].map((table) => String(table.get(name)?.slice(0, columns)));
    return mine === other ? [] : [`${name}: ${mine}, not ${other}`];
  });
  return { classes: ours.size, differences };
}

function add(table: Map<string, number[]>, name: string, numbers: readonly number[]): void {
  const known = table.get(name) ?? numbers.map(() => 0);
  table.set(
    name,
    known.map((number, i) => number + numbers[i]!),
  );
}

const workerOf = async (bytes: Buffer): Promise<Worker> =>
  (await parse(Readable.from(piecesOf(bytes.toString('latin1'))) as never)) as unknown as Worker;

function* piecesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += 1 << 20) yield text.slice(at, at + (1 << 20));
}
