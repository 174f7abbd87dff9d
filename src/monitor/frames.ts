// Stacks as data. 1. capture: V8 hands over its call sites, unformatted. 2. key: each call site is reduced to script
// and offset, which costs no line table. 3. resolve: only a stack that was never seen before gets files and lines.
import { fileURLToPath } from 'node:url';

/** One call of a stack, in the code that runs: source maps are not applied. */
export interface Frame {
  /** Function name; `(anonymous)` where it has none. */
  readonly function: string;
  /** Absolute path, or URL or name of a script that is no file. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** A stack without the frames of Node and of this package, innermost call first; equal keys are equal stacks. */
export interface Stack {
  readonly key: string;
  readonly frames: readonly Frame[];
}

/** Deepest stack taken: leaks are read from the first frames, and V8 walks each one at every event. */
const STACK_DEPTH = 48;
/** Scripts known by number; a program that evaluates ever new scripts starts over here. */
const SCRIPT_LIMIT = 10_000;

const UNKNOWN_STACK: Stack = { key: '', frames: [] };
const OWN_ROOT = fileURLToPath(new URL('..', import.meta.url));

type CallSite = NodeJS.CallSite & { getPosition(): number };
type ScriptOwner = 'node' | 'watertight' | 'program';
interface Script {
  readonly id: number;
  readonly owner: ScriptOwner;
}

/**
 * The distinct stacks seen so far, at most `limit`; a stack beyond it is the empty stack.
 * It holds text and numbers only, never a function or an object of the program.
 */
export class StackTable {
  readonly #limit: number;
  readonly #stacks = new Map<string, Stack>();
  readonly #scripts = new Map<string, Script>();
  #scriptCount = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * The stack of the caller of `below`; undefined when only code of this package is on it. Without a single frame of
   * the program it is the empty stack. Cost: ≈ 10 µs; 30 µs the first time that a stack is seen.
   */
  // biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace takes any function.
  capture(below: Function): Stack | undefined {
    const sites: CallSite[] = [];
    let key = '';
    let isOwn = false;
    for (const site of callSites(below)) {
      const file = site.getFileName();
      if (file === null || file === undefined) continue;
      const script = this.#script(file);
      if (script.owner === 'watertight') isOwn = true;
      if (script.owner !== 'program') continue;
      key += `${script.id}:${site.getPosition()},`;
      sites.push(site);
    }
    if (sites.length === 0) return isOwn ? undefined : UNKNOWN_STACK;
    return this.#stacks.get(key) ?? this.#add(key, sites);
  }

  clear(): void {
    this.#stacks.clear();
  }

  #add(key: string, sites: readonly CallSite[]): Stack {
    if (this.#stacks.size >= this.#limit) return UNKNOWN_STACK;
    const stack = { key, frames: sites.map(frameOf) };
    this.#stacks.set(key, stack);
    return stack;
  }

  #script(file: string): Script {
    let script = this.#scripts.get(file);
    if (!script) {
      if (this.#scripts.size >= SCRIPT_LIMIT) this.#scripts.clear();
      script = { id: this.#scriptCount++, owner: ownerOf(pathOf(file)) };
      this.#scripts.set(file, script);
    }
    return script;
  }
}

/** The program's frames below `below`, innermost first, without a table: for rare events. Cost: ≈ 30 µs. */
// biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace takes any function.
export function captureFrames(below: Function): Frame[] {
  const isProgram = (site: CallSite) => {
    const file = site.getFileName();
    return typeof file === 'string' && ownerOf(pathOf(file)) === 'program';
  };
  return callSites(below).filter(isProgram).map(frameOf);
}

/** Both settings belong to the program: they are put back before anything else runs, absent if they were absent. */
// biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace takes any function.
function callSites(below: Function): CallSite[] {
  const hadPrepare = Object.hasOwn(Error, 'prepareStackTrace');
  const hadLimit = Object.hasOwn(Error, 'stackTraceLimit');
  const { prepareStackTrace, stackTraceLimit } = Error;
  const holder: { stack?: unknown } = {};
  try {
    Error.prepareStackTrace = giveCallSites;
    Error.stackTraceLimit = STACK_DEPTH;
    Error.captureStackTrace(holder, below);
    const sites = holder.stack;
    return Array.isArray(sites) ? sites : [];
  } catch {
    // `Error` is frozen (--frozen-intrinsics): events are counted without their place.
    return [];
  } finally {
    if (hadPrepare) restore('prepareStackTrace', prepareStackTrace);
    else Reflect.deleteProperty(Error, 'prepareStackTrace');
    if (hadLimit) restore('stackTraceLimit', stackTraceLimit);
    else Reflect.deleteProperty(Error, 'stackTraceLimit');
  }
}

function restore(name: 'prepareStackTrace' | 'stackTraceLimit', value: unknown): void {
  Reflect.set(Error, name, value);
}

function giveCallSites(_error: Error, sites: NodeJS.CallSite[]): NodeJS.CallSite[] {
  return sites;
}

function frameOf(site: CallSite): Frame {
  return {
    function: site.getFunctionName() || '(anonymous)',
    file: pathOf(site.getFileName() ?? ''),
    line: site.getLineNumber() ?? 0,
    column: site.getColumnNumber() ?? 0,
  };
}

function pathOf(file: string): string {
  if (!file.startsWith('file:')) return file;
  try {
    return fileURLToPath(file);
  } catch {
    return file;
  }
}

function ownerOf(file: string): ScriptOwner {
  if (file.startsWith('node:')) return 'node';
  // Our tests are programs that happen to live beside the code.
  return file.startsWith(OWN_ROOT) && !file.includes('.test.') ? 'watertight' : 'program';
}
