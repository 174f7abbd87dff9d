import type { HeapSnapshot } from './heap-snapshot.js';
import { EDGE_TYPES, NODE_TYPES } from './meta.js';

/** Types whose names a program chooses. */
const NAMED_FREELY = new Set(['string', 'concatenated string', 'sliced string', 'closure']);
const IS_NEVER_SCOPE = NODE_TYPES.map((type) => NAMED_FREELY.has(type));
const HIDDEN = EDGE_TYPES.indexOf('hidden');
const SCOPE_NAME = 'system / Context';
const NATIVE_CONTEXT_NAME = 'system / NativeContext';

/** True for what V8 calls the variables of a call, a block or a module; Chrome adds which: `… / scope @457`. */
export function isScopeName(name: string): boolean {
  return name === SCOPE_NAME || name.startsWith(`${SCOPE_NAME} / `);
}

/** True for the global object as the roots, its native context or its proxy lead to it; not for a frame's, by property. */
export function isGlobalObject(snapshot: HeapSnapshot, owner: number, node: number): boolean {
  if (!isGlobal(snapshot, node)) return false;
  const isOfProxy = snapshot.nodeType(owner) === 'native' && snapshot.nodeType(node) === 'object';
  if (isOfProxy && isGlobal(snapshot, owner)) return true;
  return snapshot.nodeType(owner) === 'synthetic' || isNativeContext(snapshot, owner);
}

/** True for what has the name of a global object; the window of a frame has it too. */
export function isGlobal(snapshot: HeapSnapshot, node: number): boolean {
  const type = snapshot.nodeType(node);
  return (type === 'object' || type === 'native') && /^(global|Window)\b/.test(snapshot.name(node));
}

/** True for the root of the scopes of one global object; Chrome adds its origin. */
export function isNativeContext(snapshot: HeapSnapshot, node: number): boolean {
  const name = snapshot.name(node);
  return (name === NATIVE_CONTEXT_NAME || name.startsWith(`${NATIVE_CONTEXT_NAME} / `)) && !isText(snapshot, node);
}

function isText(snapshot: HeapSnapshot, node: number): boolean {
  return IS_NEVER_SCOPE[snapshot.nodeTypes[node]!]!;
}

const known = new WeakMap<HeapSnapshot, Scopes>();

/**
 * Tells scopes of calls and blocks from those of modules and scripts, for one snapshot.
 *
 * V8 gives a module whose variables nobody captures no scope, so that the scope around a call may be the native context,
 * as it is around a module. What tells them apart is the scope info: it names the function, and modules, scripts and the
 * wrapper of CommonJS have `''` there; and a module runs once, so that two scopes of one info are no module's. What is
 * left is an unnamed function that was called once, in a module without a scope: taken for a module.
 * Cost: 1 byte a string, and a pass over the nodes, on the first question of `isCallScope` that needs it.
 */
export class Scopes {
  readonly #snapshot: HeapSnapshot;
  /** 1 by string index of a scope's name. */
  readonly #isName: Uint8Array;
  /** Outermost scopes by `scope_info` and `previous`, as `isRepeated` needs them. */
  #repeated: Map<string, number> | null = null;
  /** Names of the variables of a block, by its scope info. */
  readonly #blockNames = new Map<number, readonly string[]>();

  private constructor(snapshot: HeapSnapshot) {
    this.#snapshot = snapshot;
    this.#isName = new Uint8Array(snapshot.strings.length);
    for (const name of snapshot.strings.startingWith(SCOPE_NAME)) {
      if (isScopeName(snapshot.strings.get(name))) this.#isName[name] = 1;
    }
  }

  /** The same for all who ask about one snapshot. */
  static of(snapshot: HeapSnapshot): Scopes {
    let scopes = known.get(snapshot);
    if (scopes === undefined) {
      scopes = new Scopes(snapshot);
      known.set(snapshot, scopes);
    }
    return scopes;
  }

  /** True for the variables of a call, a block, a module or a script; false for -1. */
  isScope(node: number): boolean {
    if (node < 0 || isText(this.#snapshot, node)) return false;
    return this.#isName[this.#snapshot.nodeNames[node]!] === 1;
  }

  /** True for the scope of a call or a block, of which each call makes one. */
  isCallScope(node: number): boolean {
    if (!this.isScope(node)) return false;
    const previous = this.#snapshot.child(node, 'previous');
    if (previous < 0) return false;
    if (this.isScope(previous)) return true;
    const info = this.#snapshot.child(node, 'scope_info');
    return info >= 0 && (this.#isOfNamedCall(info) || this.#isRepeated(info, previous));
  }

  /**
   * Name of a variable in the scope of a block, whose edges V8 only numbers. The numbers skip slots that hold small
   * integers, so that they name a variable for certain only when the block has one, or none was skipped; else it is
   * `(captured)`. `null` for the scope of a built-in function, which has no names.
   */
  blockVariable(scope: number, index: number): string | null {
    const info = this.#snapshot.child(scope, 'scope_info');
    const names = info < 0 ? [] : this.#namesOfBlock(info);
    if (names.length === 0) return null;
    const { edgeTypes, edgeNames } = this.#snapshot;
    const { from, to } = this.#snapshot.edgesOf(scope);
    let largest = 0;
    for (let edge = from; edge < to; edge++) {
      if (edgeTypes[edge] === HIDDEN) largest = Math.max(largest, edgeNames[edge]!);
    }
    const isCertain = names.length === 1 || largest === names.length - 1;
    return (isCertain ? names[index] : undefined) ?? '(captured)';
  }

  /** Names at hidden indexes 0, 1, 2 … of a scope info, up to the first that is no string. */
  #namesOfBlock(info: number): readonly string[] {
    const known = this.#blockNames.get(info);
    if (known !== undefined) return known;
    const snapshot = this.#snapshot;
    const { from, to } = snapshot.edgesOf(info);
    const names: string[] = [];
    for (let edge = from; edge < to; edge++) {
      if (snapshot.edgeTypes[edge] !== HIDDEN || snapshot.edgeNames[edge] !== names.length) continue;
      if (snapshot.nodeType(snapshot.edgeTargets[edge]!) !== 'string') break;
      names.push(snapshot.name(snapshot.edgeTargets[edge]!));
    }
    this.#blockNames.set(info, names);
    return names;
  }

  /** A block has the names of its variables alone, a call that of its function behind them, a script only `this`. */
  #isOfNamedCall(info: number): boolean {
    const snapshot = this.#snapshot;
    const { from, to } = snapshot.edgesOf(info);
    const names: string[] = [];
    for (let edge = from; edge < to; edge++) {
      if (snapshot.edgeTypes[edge] !== HIDDEN || snapshot.nodeType(snapshot.edgeTargets[edge]!) !== 'string') continue;
      names.push(snapshot.name(snapshot.edgeTargets[edge]!));
    }
    return names.length > 0 && !names.includes('') && (names.length > 1 || names[0] !== 'this');
  }

  #isRepeated(info: number, previous: number): boolean {
    this.#repeated ??= this.#countByInfo();
    return (this.#repeated.get(`${info} ${previous}`) ?? 0) > 1;
  }

  #countByInfo(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const node of this.#outermostScopes()) {
      const info = this.#snapshot.child(node, 'scope_info');
      // Without names it is a built-in's.
      if (info < 0 || !this.#hasNames(info)) continue;
      const key = `${info} ${this.#snapshot.child(node, 'previous')}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    return counts;
  }

  /** Those within another scope are many, and nobody's question. A loop that does no more is compiled in no time. */
  #outermostScopes(): number[] {
    const { nodeNames, nodeCount, edgeNames, edgeTargets, firstEdges, strings } = this.#snapshot;
    const isName = this.#isName;
    const previous = strings.indexOf('previous');
    const found: number[] = [];
    for (let node = 0; node < nodeCount; node++) {
      if (isName[nodeNames[node]!] === 0) continue;
      let edge = firstEdges[node]!;
      const end = firstEdges[node + 1]!;
      while (edge < end && (edgeNames[edge] !== previous || isName[nodeNames[edgeTargets[edge]!]!] === 0)) edge++;
      if (edge === end) found.push(node);
    }
    return found.filter((node) => this.isScope(node));
  }

  #hasNames(info: number): boolean {
    const { from, to } = this.#snapshot.edgesOf(info);
    for (let edge = from; edge < to; edge++) if (this.#snapshot.edgeTypes[edge] === HIDDEN) return true;
    return false;
  }
}
