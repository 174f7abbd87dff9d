import { EDGE_TYPES, type HeapSnapshot, NODE_TYPES, type RetainingPaths } from '../heap/index.js';
import { additions, type Growth, judgeGrowth } from './growth.js';
import type { CohortLedger, Group } from './ledger.js';
import { sum } from './statistics.js';

/** Something in the heap that grows, before it has a name. Node indexes are those of the last snapshot. */
export interface HeapFinding {
  readonly growth: Growth;
  readonly unit: 'objects' | 'elements' | 'bytes';
  readonly bytesPerIteration: number;
  /** One of the members, to follow its path; the container itself where the members are plain numbers. */
  readonly member: number;
  /** The youngest object on the path that was there before observation began: what holds the growth. */
  readonly container: number;
  readonly className: string;
  /** Members now. */
  readonly population: number;
  /** Classes of what the members hold that grows with them, most bytes first. */
  readonly companions: readonly string[];
}

/** Groups of one container edge are one finding: a queue of three event classes is one leak. */
interface Cluster {
  readonly groups: readonly Group[];
  readonly growth: Growth;
}

/** What hangs at or below a cluster's groups and was born in the judged windows. */
interface Members {
  readonly bytesByClass: Map<string, number>;
  bytes: number;
  /** A typical member of the cluster's own groups; -1 without any. */
  member: number;
}

/** Growth in bytes of a fixed population below this in all is not followed. */
const MIN_VALUE_GROWTH_BYTES = 2048;

/** Names objects that V8 makes for its own bookkeeping. */
const INTERNAL_CLASS = /^(\(|system|code|hidden|native|object shape|symbol$|number$)/;

/** Finds what grows in the heap, root-most first: what hangs below a growing thing belongs to it. */
export function findHeapGrowth(
  ledger: CohortLedger,
  snapshot: HeapSnapshot,
  paths: RetainingPaths,
  nodeSignatures: Int32Array,
): HeapFinding[] {
  const groups = ledger.groups();
  const growing = new Map(groups.filter(({ growth }) => growth.verdict !== 'none').map((g) => [g.signature, g]));
  const leaking = new Map([...growing].filter(([, g]) => g.growth.verdict === 'leak'));
  const view: View = { ledger, snapshot, paths, nodeSignatures };
  const roots = [...rootMost(ledger, leaking), ...rootMost(ledger, growing, leaking)];
  const families = clusters(ledger, roots);
  const members = membersOf(view, families);
  const findings = [
    ...families.map((cluster, i) => describe(view, cluster, members[i]!)),
    ...growingValues(view, groups, growing),
  ];
  return findings.filter((finding) => finding !== null).sort((a, b) => b.bytesPerIteration - a.bytesPerIteration);
}

interface View {
  readonly ledger: CohortLedger;
  readonly snapshot: HeapSnapshot;
  readonly paths: RetainingPaths;
  readonly nodeSignatures: Int32Array;
}

/** Groups none of whose ancestors grows; `known` are families that are reported already. */
function rootMost(
  ledger: CohortLedger,
  set: ReadonlyMap<number, Group>,
  known: ReadonlyMap<number, Group> = new Map(),
): Group[] {
  return [...set.values()].filter(({ signature }) => {
    if (known.has(signature)) return false;
    for (let at = ledger.signatures.parents[signature]!; at > 0; at = ledger.signatures.parents[at]!) {
      if (set.has(at) || known.has(at)) return false;
    }
    return true;
  });
}

function clusters(ledger: CohortLedger, groups: readonly Group[]): Cluster[] {
  const { parents, labels } = ledger.signatures;
  const byKey = new Map<string, Group[]>();
  for (const group of groups) {
    const key = `${parents[group.signature]} ${labels[group.signature]} ${group.growth.verdict === 'leak'}`;
    const list = byKey.get(key);
    if (list) list.push(group);
    else byKey.set(key, [group]);
  }
  return [...byKey.values()].map((list) => {
    const growth = list.length === 1 ? list[0]!.growth : judgeGrowth(mergedCohorts(list));
    return { groups: list, growth };
  });
}

function describe(view: View, cluster: Cluster, { bytesByClass, member, bytes }: Members): HeapFinding | null {
  const { ledger } = view;
  const { growth } = cluster;
  if (member < 0) return null;
  // The keys of a map stand beside its values: a class says more than a string does.
  const names = cluster.groups
    .map((group) => ledger.signatures.className(group.signature))
    .sort((a, b) => Number(a === 'string') - Number(b === 'string') || bytesByClass.get(b)! - bytesByClass.get(a)!);
  const companions = [...bytesByClass].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  const speaking = [...names, ...companions].filter((name) => !INTERNAL_CLASS.test(name));
  // Bookkeeping that nothing of the program hangs on: compiled code, feedback, caches of V8's own.
  if (speaking.length === 0 && growth.verdict !== 'leak') return null;
  if (speaking.length === 0 && !reachedThroughProgram(view, member)) return null;
  const last = ledger.at.length - 1;
  const iterations = ledger.at[last - 1]! - ledger.at[growth.onset - 1]!;
  return {
    growth,
    unit: 'objects',
    bytesPerIteration: iterations > 0 ? bytes / iterations : 0,
    member,
    container: containerOf(view, member),
    className: speaking[0] ?? names[0]!,
    population: sum(cluster.groups.map((group) => group.cohorts.population[last]!)),
    companions: [...new Set(companions.filter((name) => !INTERNAL_CLASS.test(name)))].slice(0, 5),
  };
}

function mergedCohorts(groups: readonly Group[]) {
  const [first, ...rest] = groups.map((group) => group.cohorts);
  const add = (a: readonly number[], b: readonly number[]): number[] => a.map((value, i) => value + b[i]!);
  return rest.reduce(
    (merged, cohorts) => ({
      at: merged.at,
      population: add(merged.population, cohorts.population),
      alive: merged.alive.map((row, b) => add(row, cohorts.alive[b]!)),
    }),
    { at: first!.at, population: [...first!.population], alive: first!.alive.map((row) => [...row]) },
  );
}

/** Sums, in one pass over the nodes, what each cluster gained in its judged windows. */
function membersOf({ ledger, snapshot, paths, nodeSignatures }: View, families: readonly Cluster[]): Members[] {
  const { signatures } = ledger;
  // Signature → cluster at or above it; -2 not looked up yet, -1 none. Parents have lower numbers than children.
  const clusterOf = new Int32Array(signatures.count).fill(-2);
  clusterOf[0] = -1;
  const isRoot = new Uint8Array(signatures.count);
  for (const [i, { groups }] of families.entries()) {
    for (const { signature } of groups) {
      clusterOf[signature] = i;
      isRoot[signature] = 1;
    }
  }
  for (let signature = 1; signature < signatures.count; signature++) {
    if (clusterOf[signature] === -2) clusterOf[signature] = clusterOf[signatures.parents[signature]!]!;
  }
  const all: Members[] = families.map(() => ({ bytesByClass: new Map(), bytes: 0, member: -1 }));
  const last = ledger.at.length - 1;
  for (let node = 1; node < snapshot.nodeCount; node++) {
    const signature = nodeSignatures[node]!;
    const cluster = signature > 0 ? clusterOf[signature]! : -1;
    if (cluster < 0) continue;
    const cohort = ledger.cohort(snapshot, paths, node, last);
    if (cohort < families[cluster]!.growth.onset || cohort >= last) continue;
    const members = all[cluster]!;
    const size = snapshot.selfSizes[node]!;
    const name = signatures.className(signature);
    members.bytes += size;
    members.bytesByClass.set(name, (members.bytesByClass.get(name) ?? 0) + size);
    if (isRoot[signature] === 1) members.member = node;
  }
  return all;
}

/** Nearest ancestor of a member that was there at the first snapshot and that JavaScript can hold. */
function containerOf({ ledger, snapshot, paths }: View, member: number): number {
  for (let node = paths.parentNode[member]!; node > 0; node = paths.parentNode[node]!) {
    const type = NODE_TYPES[snapshot.nodeTypes[node]!]!;
    const isOld = snapshot.nodeIds[node]! <= ledger.firstNewest;
    if (isOld && (type === 'object' || type === 'closure' || snapshot.name(node) === 'system / Context')) return node;
  }
  return member;
}

const CONTEXT = EDGE_TYPES.indexOf('context');
const PROPERTY = EDGE_TYPES.indexOf('property');

/** Whether the path to a node leads through a variable or property, rather than V8's own tables only. */
function reachedThroughProgram({ snapshot, paths }: View, member: number): boolean {
  for (let node = member; node > 0; node = paths.parentNode[node]!) {
    const type = snapshot.edgeTypes[paths.parentEdge[node]!]!;
    if (type === CONTEXT || type === PROPERTY) return true;
  }
  return false;
}

/**
 * One object that is replaced by a larger one each time (`Buffer.concat`, `text += …`): the group's number stays, its
 * bytes grow evenly. Backing stores of containers grow in leaps and are followed by their lengths instead.
 */
function growingValues(view: View, groups: readonly Group[], growing: ReadonlyMap<number, Group>): HeapFinding[] {
  const { ledger, snapshot, nodeSignatures } = view;
  const findings: HeapFinding[] = [];
  for (const group of groups) {
    if (growing.has(group.signature)) continue;
    const { population, at } = group.cohorts;
    const name = ledger.signatures.className(group.signature);
    const settled = population.slice(1);
    if (Math.max(...settled) > Math.min(...settled) * 1.05 + 2) continue;
    if (name !== 'string' && !/ArrayBuffer|backing_store|Buffer|Uint8Array/.test(name)) continue;
    const growth = judgeGrowth({ at, population: group.bytes, alive: additions(group.bytes) });
    const gained = group.bytes.at(-1)! - group.bytes[0]!;
    if (growth.verdict === 'none' || gained < MIN_VALUE_GROWTH_BYTES) continue;
    const member = nodeSignatures.indexOf(group.signature);
    const container = containerOf(view, member);
    findings.push({
      growth,
      unit: 'bytes',
      bytesPerIteration: growth.perIteration,
      member,
      container,
      className: name === 'string' ? 'string' : snapshot.className(container),
      population: population.at(-1)!,
      companions: [],
    });
  }
  return findings;
}
