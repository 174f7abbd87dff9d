import { EdgeCosts } from '../edge-costs.js';
import type { HeapSnapshot } from '../heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from '../meta.js';
import { Machinery } from './machinery.js';
import { StrongComponents } from './strong-components.js';

export interface CycleGroup {
  /** Classes in the circle, commonest first; V8's own stores are left out. Untrusted. */
  readonly classes: readonly string[];
  /** Classes beyond those six. */
  readonly moreClasses: number;
  /** One shortest loop: `Parent.children[] → Child.parent → Parent`. */
  readonly loop: string;
  /** Separate circles of these classes. */
  readonly circles: number;
  readonly objects: number;
  /** Shallow bytes of all nodes in them. */
  readonly bytes: number;
  /** V8's id of a node in one of them. */
  readonly exampleId: number;
}

const MAX_CLASSES = 6;
const MAX_LOOP_STEPS = 12;
const OBJECT = NODE_TYPES.indexOf('object');
const BARRED_TYPES = new Set(['synthetic', 'code', 'object shape', 'native']);
const IS_BARRED_TYPE = NODE_TYPES.map((type) => BARRED_TYPES.has(type));
const ELEMENT = EDGE_TYPES.indexOf('element');
const PROPERTY = EDGE_TYPES.indexOf('property');
const CONTEXT = EDGE_TYPES.indexOf('context');
const PLAIN_COST = 1;
/** Through these everything refers to everything. */
const GLOBALS = /^(process$|global\b|Window\b)/;

/**
 * Which classes refer to each other in circles, most bytes first.
 *
 * 1. *Edges.* Those that a program writes: properties, elements, captured variables, container stores, entries of a
 *    WeakMap from their key. Not `__proto__`, `constructor`, maps and code, through which everything knows everything;
 *    nor edges into the global object, `process` and the scopes of modules, for the same reason.
 * 2. *Components.* `StrongComponents`.
 * 3. *Group* components by the classes in them, and show the shortest loop through one object of the first.
 *
 * A circle is not a leak: the collector frees it when nothing outside refers to it.
 * Cost: about 40 ns an edge and 16 bytes a node while it works.
 */
export function objectCycles(snapshot: HeapSnapshot): CycleGroup[] {
  if (snapshot.edgeTargets.length === 0) return [];
  const machinery = new Machinery(snapshot);
  const edges = new WrittenEdges(snapshot, machinery);
  const components = new StrongComponents(snapshot, (owner, edge) => edges.follows(owner, edge));
  const groups = new Map<string, { row: CycleGroup; circles: number; objects: number; bytes: number }>();
  for (const nodes of components.cyclic()) {
    const classes = classesOf(snapshot, machinery, nodes);
    const key = classes.join('\0');
    let group = groups.get(key);
    if (!group) {
      const start = nodes.find((node) => !machinery.has(node)) ?? nodes[0]!;
      const loop = loopText(snapshot, machinery, components, edges, start);
      const exampleId = snapshot.nodeIds[start]!;
      const shown = classes.slice(0, MAX_CLASSES);
      const moreClasses = classes.length - shown.length;
      group = {
        row: { classes: shown, moreClasses, loop, exampleId, circles: 0, objects: 0, bytes: 0 },
        circles: 0,
        objects: 0,
        bytes: 0,
      };
      groups.set(key, group);
    }
    group.circles++;
    for (const node of nodes) {
      if (!machinery.has(node)) group.objects++;
      group.bytes += snapshot.selfSizes[node]!;
    }
  }
  return [...groups.values()]
    .map(({ row, circles, objects, bytes }) => ({ ...row, circles, objects, bytes }))
    .sort((a, b) => b.bytes - a.bytes || b.objects - a.objects);
}

/** Phase 1. */
class WrittenEdges {
  readonly #snapshot: HeapSnapshot;
  readonly #costs: EdgeCosts;
  /** 1 for nodes that no circle is followed through [nodeCount]. */
  readonly #barred: Uint8Array;

  constructor(snapshot: HeapSnapshot, machinery: Machinery) {
    this.#snapshot = snapshot;
    this.#costs = new EdgeCosts(snapshot);
    this.#barred = barredNodes(snapshot, machinery);
  }

  follows(owner: number, edge: number): boolean {
    if (this.#barred[owner] === 1 || this.#barred[this.#snapshot.edgeTargets[edge]!] === 1) return false;
    return this.#costs.of(owner, edge) <= PLAIN_COST;
  }
}

/** Roots, code, the global object, `process`, the native context, and scopes that stand directly below it. */
function barredNodes(snapshot: HeapSnapshot, machinery: Machinery): Uint8Array {
  const barred = new Uint8Array(snapshot.nodeCount);
  for (let node = 0; node < snapshot.nodeCount; node++) {
    if (IS_BARRED_TYPE[snapshot.nodeTypes[node]!]) barred[node] = 1;
    else if (machinery.isScope(node)) barred[node] = machinery.isCallScope(node) ? 0 : 1;
    else if (machinery.has(node))
      barred[node] = /^system \/ (NativeContext|ScriptContextTable)/.test(snapshot.name(node)) ? 1 : 0;
    else if (snapshot.nodeTypes[node] === OBJECT) barred[node] = GLOBALS.test(snapshot.name(node)) ? 1 : 0;
  }
  return barred;
}

/** Names of the classes in a component, commonest first, of equals in the order of the alphabet. */
function classesOf(snapshot: HeapSnapshot, machinery: Machinery, nodes: readonly number[]): string[] {
  const counts = new Map<string, number>();
  for (const node of nodes) {
    if (machinery.has(node)) continue;
    const name = snapshot.className(node);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  if (counts.size === 0) return ['(V8 system)'];
  return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([name]) => name);
}

/** Phase 3: breadth first from a node back to itself, inside its component. */
function loopText(
  snapshot: HeapSnapshot,
  machinery: Machinery,
  components: StrongComponents,
  edges: WrittenEdges,
  start: number,
): string {
  const from = new Map<number, { owner: number; edge: number }>();
  const queue = [start];
  for (let at = 0; at < queue.length && !from.has(start); at++) {
    const owner = queue[at]!;
    const { from: first, to } = snapshot.edgesOf(owner);
    for (let edge = first; edge < to; edge++) {
      const target = snapshot.edgeTargets[edge]!;
      if (components.of[target] !== components.of[start] || from.has(target) || !edges.follows(owner, edge)) continue;
      from.set(target, { owner, edge });
      queue.push(target);
    }
  }
  const steps: string[] = [];
  for (let node = start; from.has(node); ) {
    const { owner, edge } = from.get(node)!;
    steps.unshift(stepText(snapshot, machinery, owner, edge));
    node = owner;
    if (node === start) break;
  }
  const kept = steps.length > MAX_LOOP_STEPS ? [...steps.slice(0, MAX_LOOP_STEPS), ' → …'] : steps;
  return `${kept.join('').replace(/^ → /, '')} → ${snapshot.className(start)}`;
}

/** An edge with its owner. A scope shows as the variable, V8's stores as `[]` behind the object that they serve. */
function stepText(snapshot: HeapSnapshot, machinery: Machinery, owner: number, edge: number): string {
  const type = snapshot.edgeTypes[edge]!;
  const name = snapshot.edgeName(edge);
  if (machinery.isScope(owner)) return type === CONTEXT ? ` → ${name}` : '';
  const text = machinery.has(owner) ? '' : ` → ${snapshot.className(owner)}`;
  if (type === PROPERTY) return `${text}.${name}`;
  return type === ELEMENT || /^\d+$/.test(name) ? `${text}[]` : text;
}
