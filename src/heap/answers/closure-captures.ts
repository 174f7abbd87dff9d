import type { HeapSnapshot } from '../heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from '../meta.js';
import { Scopes } from '../scopes.js';
import type { SourceLocation } from '../source-locations.js';
import { isOddball } from './object-child.js';

export interface CapturedVariable {
  /** `(captured)` for a variable of a block whose name the file does not tell. Untrusted. */
  readonly name: string;
  /** Class of the value in the first scope. */
  readonly className: string;
  /** Bytes retained by the values in all the scopes. */
  readonly retainedBytes: number;
}

export interface ClosureFunction {
  readonly name: string;
  readonly location: SourceLocation | null;
  readonly count: number;
}

/** The scopes that calls of one function left behind, and the functions made there that keep them. */
export interface ClosureGroup {
  /** Commonest first, at most `MAX_SHOWN`. */
  readonly functions: readonly ClosureFunction[];
  /** Places in the source where a function was made that keeps one of the scopes. */
  readonly places: number;
  /** Functions that are alive. */
  readonly count: number;
  readonly scopes: number;
  /** Bytes that the scopes retain. */
  readonly retainedBytes: number;
  /** Most bytes first, at most `MAX_SHOWN`. */
  readonly captures: readonly CapturedVariable[];
  readonly variables: number;
  /** V8's id of one of the functions. */
  readonly exampleId: number;
  /** True for functions of Node itself, which a program did not write; they may keep what it did. */
  readonly isNodeInternal: boolean;
}

/** Functions and variables shown of one group: a bundle is one scope with thousands of both. */
const MAX_SHOWN = 8;
/** How Node names its own scripts. */
const NODE_SCHEME = 'node:';
const CLOSURE = NODE_TYPES.indexOf('closure');
const CONTEXT = EDGE_TYPES.indexOf('context');
const HIDDEN = EDGE_TYPES.indexOf('hidden');

/**
 * What functions keep by closing over the call that made them, most retained bytes first, those of Node itself last: each
 * program has them, and they are seldom its concern. A scope holds every variable that any function made in it uses: a
 * function may keep what it does not use itself. So functions are grouped by the scope that they share, and scopes by the
 * first of these functions. Scopes of modules are left out, as they last as long as the program; captured `null`,
 * `undefined`, `true` and `false` weigh nothing and are left out.
 *
 * @param retainedSizes of `HeapGraph`
 * Cost: 1 µs a closure, and the variables of the `top` groups.
 */
export function closureCaptures(
  snapshot: HeapSnapshot,
  retainedSizes: Float64Array,
  top = Number.POSITIVE_INFINITY,
): ClosureGroup[] {
  const bytes = (scopes: readonly number[]): number => scopes.reduce((sum, scope) => sum + retainedSizes[scope]!, 0);
  const groups = new Map<number, { scopes: number[]; closures: number[] }>();
  const places = new Places(snapshot);
  for (const [scope, closures] of closuresByScope(snapshot)) {
    const place = Math.min(...closures.slice(0, 1_000).map((closure) => places.of(closure)));
    const group = groups.get(place) ?? { scopes: [], closures: [] };
    group.scopes.push(scope);
    for (const closure of closures) group.closures.push(closure);
    groups.set(place, group);
  }
  return [...groups.values()]
    .map((group) => ({
      ...group,
      retainedBytes: bytes(group.scopes),
      isNodeInternal: places.isNodeInternal(group.closures[0]!),
    }))
    .sort(
      (a, b) =>
        Number(a.isNodeInternal) - Number(b.isNodeInternal) ||
        b.retainedBytes - a.retainedBytes ||
        b.closures.length - a.closures.length,
    )
    .slice(0, top)
    .map(({ scopes, closures, retainedBytes, isNodeInternal }) => {
      const variables = capturesOf(snapshot, scopes, retainedSizes);
      const functions = functionsOf(snapshot, places, closures);
      return {
        functions: functions.slice(0, MAX_SHOWN),
        places: functions.length,
        count: closures.length,
        scopes: scopes.length,
        retainedBytes,
        captures: variables.slice(0, MAX_SHOWN),
        variables: variables.length,
        exampleId: snapshot.nodeIds[closures[0]!]!,
        isNodeInternal,
      };
    });
}

function closuresByScope(snapshot: HeapSnapshot): Map<number, number[]> {
  const scopes = Scopes.of(snapshot);
  const byScope = new Map<number, number[]>();
  for (let node = 0; node < snapshot.nodeCount; node++) {
    if (snapshot.nodeTypes[node] !== CLOSURE) continue;
    const scope = snapshot.child(node, 'context');
    if (!scopes.isCallScope(scope)) continue;
    const closures = byScope.get(scope);
    if (closures) closures.push(node);
    else byScope.set(scope, [node]);
  }
  return byScope;
}

/** Numbers the places where closures are made, in the order in which they are met. */
class Places {
  readonly #snapshot: HeapSnapshot;
  readonly #known = new Map<string, number>();

  constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot;
  }

  of(closure: number): number {
    const location = this.#snapshot.location(closure);
    const key = location
      ? `${location.file}:${location.line}:${location.column}`
      : `${this.#snapshot.nodeNames[closure]}`;
    let place = this.#known.get(key);
    if (place === undefined) {
      place = this.#known.size;
      this.#known.set(key, place);
    }
    return place;
  }

  /** Functions that share a scope come from one script. */
  isNodeInternal(closure: number): boolean {
    return this.#snapshot.location(closure)?.file.startsWith(NODE_SCHEME) ?? false;
  }
}

function functionsOf(snapshot: HeapSnapshot, places: Places, closures: readonly number[]): ClosureFunction[] {
  const byPlace = new Map<number, { first: number; count: number }>();
  for (const closure of closures) {
    const place = places.of(closure);
    const known = byPlace.get(place);
    if (known) known.count++;
    else byPlace.set(place, { first: closure, count: 1 });
  }
  return [...byPlace.values()]
    .sort((a, b) => b.count - a.count)
    .map(({ first, count }) => ({ name: snapshot.functionName(first), location: snapshot.location(first), count }));
}

/** The variables of scopes that were made at one place, most bytes first. */
function capturesOf(
  snapshot: HeapSnapshot,
  scopes: readonly number[],
  retainedSizes: Float64Array,
): CapturedVariable[] {
  const variables = new Map<string, { name: string; className: string; retainedBytes: number }>();
  for (const scope of scopes) {
    const { from, to } = snapshot.edgesOf(scope);
    for (let edge = from; edge < to; edge++) {
      const name = variableName(snapshot, scope, edge);
      if (name === null) continue;
      const value = variableValue(snapshot, snapshot.edgeTargets[edge]!);
      if (value < 0 || isOddball(snapshot, value)) continue;
      const known = variables.get(name);
      if (known) known.retainedBytes += retainedSizes[value]!;
      else variables.set(name, { name, className: snapshot.className(value), retainedBytes: retainedSizes[value]! });
    }
  }
  return [...variables.values()].sort((a, b) => b.retainedBytes - a.retainedBytes);
}

/** Since V8 13 a variable that is assigned later may have a cell of its own; -1 for a cell with a number. */
function variableValue(snapshot: HeapSnapshot, target: number): number {
  return snapshot.name(target) === 'system / ContextCell' ? snapshot.child(target, '0') : target;
}

/** Scopes of blocks number their variables. */
function variableName(snapshot: HeapSnapshot, scope: number, edge: number): string | null {
  if (snapshot.edgeTypes[edge] === CONTEXT) return snapshot.edgeName(edge);
  if (snapshot.edgeTypes[edge] !== HIDDEN) return null;
  return Scopes.of(snapshot).blockVariable(scope, snapshot.edgeNames[edge]!) ?? '(captured)';
}
