import { plainText } from '../core/index.js';
import type { HeapSnapshot } from './heap-snapshot.js';
import type { PathIndex } from './retaining-paths.js';
import { isGlobal, isGlobalObject, Scopes } from './scopes.js';

/** One step of a retaining path: the edge that is followed, and the node that it leads to. */
export interface PathStep {
  /** Edge name as in the snapshot (`_events`, `[]` for any index, `history` for a variable of a closure). */
  readonly edge: string;
  /** V8's edge type: `property`, `element`, `context`, `internal`, `hidden`, `shortcut`. */
  readonly type: string;
  /** Class or name of the node that the edge leads to. */
  readonly node: string;
}

/**
 * What a step means to the author of the program. `variable`: a name in scope. `anchor`: a thing everybody knows
 * (`globalThis`, `process`, `timer`). `member`: a property. `many`: any element. `arrow`: a relation without syntax.
 */
export type StepKind = 'variable' | 'anchor' | 'member' | 'many' | 'arrow';

export interface ReadableStep extends PathStep {
  readonly kind: StepKind;
  /** How it is written: `history`, `.head`, `[]`, ` → awaiting fetchUser()`. */
  readonly text: string;
  /** True for a variable of a function or block inside another: each call makes one. */
  readonly isPerCall: boolean;
}

/** Above so many properties an object is taken for a dictionary. V8 itself gives up fast properties at 128 additions. */
const DICTIONARY_PROPERTIES = 32;

/** Longer names are cut: a property name may be a whole document. */
const MAX_NAME_CHARS = 80;
/** Most names need no clean-up, which costs a microsecond. */
const CALM_NAME = /^[!-~]{1,80}$/;

const TIMER_NODES = new Set(['Timeout', 'Immediate']);
const TIMER_CALLBACKS = new Set(['_onTimeout', '_onImmediate']);

/** Of a path longer than both together, so many edges at its start and end are read: a list is as deep as it is long. */
const READ_AT_START = 120;
const READ_AT_END = 240;
/** What is left out is a multiple of every loop of up to six edges, so that a loop goes on behind the gap. */
const GAP_UNIT = 60;

/** Turns a path by index into the steps that its author would name; V8's own layout is left out. */
export function readableSteps(snapshot: HeapSnapshot, path: readonly PathIndex[]): ReadableStep[] {
  const steps: ReadableStep[] = [];
  const extra = path.length - READ_AT_START - READ_AT_END;
  const gap = extra > 0 ? extra - (extra % GAP_UNIT) : 0;
  for (let at = 1; at < path.length; at++) {
    if (at === READ_AT_START) at += gap;
    const step = new StepReader(snapshot, path, at).read();
    if (step !== null) steps.push(step);
  }
  return steps;
}

/** Reads one edge of a path, looking a few edges back where its meaning hangs on them. */
class StepReader {
  readonly #snapshot: HeapSnapshot;
  readonly #path: readonly PathIndex[];
  readonly #at: number;
  readonly #owner: number;
  readonly #edge: number;
  readonly #node: number;

  constructor(snapshot: HeapSnapshot, path: readonly PathIndex[], at: number) {
    this.#snapshot = snapshot;
    this.#path = path;
    this.#at = at;
    this.#owner = path[at - 1]!.node;
    this.#edge = path[at]!.edge;
    this.#node = path[at]!.node;
  }

  read(): ReadableStep | null {
    const type = this.#snapshot.edgeType(this.#edge);
    if (isGlobalObject(this.#snapshot, this.#owner, this.#node))
      return this.#step('anchor', 'globalThis', 'globalThis');
    if (this.#snapshot.nodeType(this.#owner) === 'synthetic') return this.#rooted();
    const name = this.#snapshot.edgeName(this.#edge);
    if (type === 'context') return this.#variable(name);
    if (type === 'element') return this.#many();
    if (type === 'property') return this.#property(name);
    if (type === 'hidden') return this.#hidden(Number(name));
    return this.#internal(name);
  }

  #step(kind: StepKind, edge: string, text: string): ReadableStep {
    const type = this.#snapshot.edgeType(this.#edge);
    const node = cleanText(this.#snapshot.className(this.#node));
    return { kind, edge: cleanText(edge), type, node, text, isPerCall: kind === 'variable' && this.#isInnerScope() };
  }

  #variable(name: string): ReadableStep {
    if (this.#isProcess()) return this.#step('anchor', 'process', 'process');
    return this.#step('variable', name, variableText(name));
  }

  #many(): ReadableStep {
    return this.#step('many', '[]', '[]');
  }

  /** What hangs on a GC root directly: a handle of native code, or a frame of the stack. */
  #rooted(): ReadableStep | null {
    if (this.#snapshot.nodeType(this.#node) === 'synthetic' || this.#isScope(this.#node)) return null;
    if (this.#isProcess()) return this.#step('anchor', 'process', 'process');
    const name = cleanText(this.#snapshot.className(this.#node));
    return name.startsWith('system / ') ? null : this.#step('member', name, `.${name}`);
  }

  #property(name: string): ReadableStep | null {
    if (this.#isProcess()) return this.#step('anchor', 'process', 'process');
    const nodeClass = this.#snapshot.className(this.#node);
    const ownerClass = this.#snapshot.className(this.#owner);
    if (TIMER_CALLBACKS.has(name) && TIMER_NODES.has(ownerClass)) {
      return this.#step('arrow', name, ` → ${this.#functionText(this.#node)}`);
    }
    if (nodeClass === 'TimersList' || nodeClass === 'ImmediateList') return null;
    if (TIMER_NODES.has(nodeClass) && this.#isTimerQueue(ownerClass, name))
      return this.#step('anchor', 'timer', 'timer');
    if (this.#isModuleCache(name, ownerClass)) return this.#step('anchor', 'require.cache', 'require.cache');
    if (this.#isDictionary(ownerClass)) return this.#dictionaryEntry(name);
    return this.#step('member', name, memberText(name));
  }

  #isTimerQueue(ownerClass: string, name: string): boolean {
    return (
      ownerClass === 'TimersList' || ownerClass === 'ImmediateList' || name === '_idleNext' || name === '_idlePrev'
    );
  }

  /** `Module._cache`, which is also `cache` of every `require` function. */
  #isModuleCache(name: string, ownerClass: string): boolean {
    return (name === '_cache' && ownerClass === 'Module()') || (name === 'cache' && ownerClass === 'require()');
  }

  #dictionaryEntry(name: string): ReadableStep {
    const nodeClass = this.#snapshot.className(this.#node);
    if (nodeClass !== 'Module' || !/[\\/]/.test(name)) return this.#many();
    return this.#step('member', name, `["${cleanText(name.split(/[\\/]/).at(-1)!)}"]`);
  }

  #isDictionary(ownerClass: string): boolean {
    const snapshot = this.#snapshot;
    if (snapshot.nodeType(this.#owner) === 'closure' || isGlobal(snapshot, this.#owner) || ownerClass === 'process')
      return false;
    if (snapshot.className(this.#node) === 'Module') return true;
    const { from, to } = snapshot.edgesOf(this.#owner);
    let own = 0;
    for (let edge = from; edge < to && own <= DICTIONARY_PROPERTIES; edge++) {
      if (snapshot.edgeType(edge) === 'property' && snapshot.edgeName(edge) !== '__proto__') own++;
    }
    return own > DICTIONARY_PROPERTIES;
  }

  /** Hidden edges of a block's scope are its variables; the names stand in its scope info. */
  #hidden(index: number): ReadableStep | null {
    if (this.#snapshot.name(this.#owner) === 'system / PromiseReaction') return this.#reaction();
    if (!this.#isScope(this.#owner)) return null;
    const name = Scopes.of(this.#snapshot).blockVariable(this.#owner, index);
    return name === null ? null : this.#step('variable', name, variableText(name));
  }

  /** A callback given to `then`; the one that resumes an async function is named by its generator instead. */
  #reaction(): ReadableStep | null {
    const context = this.#snapshot.child(this.#node, 'context');
    const resumes = context >= 0 && this.#snapshot.child(context, 'extension') >= 0;
    if (resumes || this.#snapshot.nodeType(this.#node) !== 'closure') return null;
    return this.#step('arrow', 'then', ` → then ${this.#functionText(this.#node)}`);
  }

  #internal(name: string): ReadableStep | null {
    if (name === 'extension') return this.#awaiting();
    if (name === 'buffer') return this.#step('member', name, '.buffer');
    if (name === 'bound_this') return this.#step('arrow', name, ' → bound this');
    if (name.startsWith('bound_argument_')) return this.#step('arrow', 'bound_argument', ' → bound argument');
    if (name === 'reactions_or_result' && this.#snapshot.name(this.#node) !== 'system / PromiseReaction') {
      return this.#step('arrow', name, ' → resolved value');
    }
    const isEntry = this.#snapshot.weakMapEntries.isEntry(this.#snapshot.edgeNames[this.#edge]!);
    if (isEntry) return this.#step('arrow', 'WeakMap value', ' → WeakMap value');
    if (/^\d+$/.test(name) && this.#isContainerSlot()) return this.#many();
    return null;
  }

  #awaiting(): ReadableStep | null {
    const resumed = this.#snapshot.child(this.#node, 'function');
    if (resumed < 0) return null;
    return this.#step('arrow', 'awaiting', ` → awaiting ${this.#functionText(resumed)}`);
  }

  /** The store of a Map or Set, or an array's; registers of a suspended function are not a container. */
  #isContainerSlot(): boolean {
    const stored = this.#at >= 2 ? this.#snapshot.edgeName(this.#path[this.#at - 1]!.edge) : '';
    return stored === 'table' || stored === 'elements' || stored === 'properties';
  }

  #functionText(node: number): string {
    return cleanText(
      this.#snapshot.nodeType(node) === 'closure' ? `${this.#snapshot.functionName(node)}()` : 'callback',
    );
  }

  #isScope(node: number): boolean {
    return Scopes.of(this.#snapshot).isScope(node);
  }

  #isInnerScope(): boolean {
    return Scopes.of(this.#snapshot).isCallScope(this.#owner);
  }

  #isProcess(): boolean {
    return this.#snapshot.nodeType(this.#node) === 'object' && this.#snapshot.name(this.#node) === 'process';
  }
}

function cleanText(text: string): string {
  return CALM_NAME.test(text) ? text : plainText(text, MAX_NAME_CHARS);
}

/** Variables that V8 adds itself begin with a dot, which reads as a property: `.home_object`. */
function variableText(name: string): string {
  return cleanText(name.replace(/^\./, ''));
}

/** `.name`, `["any text"]` or `[Symbol(name)]`. */
function memberText(name: string): string {
  const symbol = /^<symbol ?(.*)>$/s.exec(name);
  if (symbol !== null) return `[Symbol(${cleanText(symbol[1]!)})]`;
  const text = cleanText(name);
  return /^#?[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(text) ? `.${text}` : `[${JSON.stringify(text)}]`;
}
