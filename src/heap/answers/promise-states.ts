import type { HeapSnapshot } from '../heap-snapshot.js';
import { NODE_TYPES } from '../meta.js';
import { objectChild } from './object-child.js';

/**
 * What a snapshot tells of a promise. `awaited`: pending, and something waits for it. `settled`: it holds an object or
 * string. `quiet`: pending and nobody waits, or settled with a number, a boolean or nothing: both look the same.
 */
export type PromiseState = 'awaited' | 'settled' | 'quiet';

export interface PromiseGroup {
  readonly state: PromiseState;
  /** Who waits: `async fetchUser()`, `then onDone()`; class of the value for `settled`; empty for `quiet`. Untrusted. */
  readonly detail: string;
  readonly count: number;
  readonly retainedBytes: number;
  readonly exampleId: number;
}

const OBJECT = NODE_TYPES.indexOf('object');
const HIDDEN = NODE_TYPES.indexOf('hidden');

/**
 * Promises by state and by who waits or what they hold, commonest first.
 * Cost: about 2 µs a promise.
 */
export function promiseStates(snapshot: HeapSnapshot, retainedSizes: Float64Array): PromiseGroup[] {
  const groups = new Map<string, PromiseGroup>();
  const name = snapshot.strings.indexOf('Promise');
  for (let node = 0; name >= 0 && node < snapshot.nodeCount; node++) {
    if (snapshot.nodeNames[node] !== name || snapshot.nodeTypes[node] !== OBJECT) continue;
    // `Promise.prototype` has the name of its instances.
    if (snapshot.child(node, 'constructor') >= 0) continue;
    const { state, detail } = stateOf(snapshot, node);
    const key = `${state} ${detail}`;
    const known = groups.get(key) ?? { state, detail, count: 0, retainedBytes: 0, exampleId: snapshot.nodeIds[node]! };
    const retainedBytes = known.retainedBytes + retainedSizes[node]!;
    groups.set(key, { ...known, count: known.count + 1, retainedBytes });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || b.retainedBytes - a.retainedBytes);
}

function stateOf(snapshot: HeapSnapshot, promise: number): { state: PromiseState; detail: string } {
  const held = objectChild(snapshot, promise, 'reactions_or_result');
  if (held < 0) return { state: 'quiet', detail: '' };
  if (snapshot.name(held) === 'system / PromiseReaction' && snapshot.nodeTypes[held] === HIDDEN) {
    return { state: 'awaited', detail: waiter(snapshot, held) };
  }
  return { state: 'settled', detail: snapshot.className(held) };
}

/** The function that runs next: an async function that goes on, or a callback given to `then`. */
function waiter(snapshot: HeapSnapshot, reaction: number): string {
  let callback = '';
  const { from, to } = snapshot.edgesOf(reaction);
  for (let edge = from; edge < to; edge++) {
    const handler = snapshot.edgeTargets[edge]!;
    if (snapshot.nodeType(handler) !== 'closure') continue;
    const resumed = resumedFunction(snapshot, handler);
    if (resumed !== null) return resumed;
    callback ||= `then ${snapshot.functionName(handler)}()`;
  }
  return callback || 'another promise';
}

/** The built-in that resumes an async function keeps its generator in its scope. */
function resumedFunction(snapshot: HeapSnapshot, handler: number): string | null {
  const scope = snapshot.child(handler, 'context');
  const generator = scope < 0 ? -1 : snapshot.child(scope, 'extension');
  const resumed = generator < 0 ? -1 : snapshot.child(generator, 'function');
  return resumed < 0 ? null : `async ${snapshot.functionName(resumed)}()`;
}
