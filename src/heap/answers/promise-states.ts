import type { HeapSnapshot } from '../heap-snapshot.js';
import { NODE_TYPES } from '../meta.js';
import { calledFunction } from './called-function.js';
import { objectChild } from './object-child.js';

/**
 * What a snapshot tells of a promise. `awaited`: pending, and something waits for it. `settled`: it holds an object or
 * string. `quiet`: pending and nobody waits, or settled with a number, a boolean or nothing: both look the same.
 */
export type PromiseState = 'awaited' | 'settled' | 'quiet';

export interface PromiseGroup {
  readonly state: PromiseState;
  /** Who waits: `async fetchUser()`, `5 × async fetchUser()`, `then onDone() and 2 others`; class of the value for `settled`; empty for `quiet`. Untrusted. */
  readonly detail: string;
  /** Promises. */
  readonly count: number;
  /** What waits for these promises: a promise may be awaited many times. */
  readonly waiters: number;
  readonly retainedBytes: number;
  readonly exampleId: number;
}

const OBJECT = NODE_TYPES.indexOf('object');
/** Longest chain of reactions of one promise that is followed. */
const MAX_REACTIONS = 1_000_000;

/**
 * Promises by state and by who waits or what they hold, commonest first.
 * Cost: about 2 µs a promise and 2 µs for each that waits.
 */
export function promiseStates(snapshot: HeapSnapshot, retainedSizes: Float64Array): PromiseGroup[] {
  const groups = new Map<string, PromiseGroup>();
  const name = snapshot.strings.indexOf('Promise');
  for (let node = 0; name >= 0 && node < snapshot.nodeCount; node++) {
    if (snapshot.nodeNames[node] !== name || snapshot.nodeTypes[node] !== OBJECT) continue;
    // `Promise.prototype` has the name of its instances.
    if (snapshot.child(node, 'constructor') >= 0) continue;
    const { state, detail, waiters } = stateOf(snapshot, node);
    const key = `${state} ${detail}`;
    const exampleId = snapshot.nodeIds[node]!;
    const known = groups.get(key) ?? { state, detail, count: 0, waiters: 0, retainedBytes: 0, exampleId };
    groups.set(key, {
      ...known,
      count: known.count + 1,
      waiters: known.waiters + waiters,
      retainedBytes: known.retainedBytes + retainedSizes[node]!,
    });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || b.retainedBytes - a.retainedBytes);
}

function stateOf(snapshot: HeapSnapshot, promise: number): Pick<PromiseGroup, 'state' | 'detail' | 'waiters'> {
  const held = objectChild(snapshot, promise, 'reactions_or_result');
  if (held < 0) return { state: 'quiet', detail: '', waiters: 0 };
  if (!isReaction(snapshot, held)) return { state: 'settled', detail: snapshot.className(held), waiters: 0 };
  const reactions = reactionsFrom(snapshot, held);
  return { state: 'awaited', detail: waitersText(snapshot, reactions), waiters: reactions.length };
}

/** A reaction for each time that somebody waits, chained, the newest first. */
function reactionsFrom(snapshot: HeapSnapshot, newest: number): number[] {
  const reactions: number[] = [];
  for (let at = newest; at >= 0 && reactions.length < MAX_REACTIONS; at = nextReaction(snapshot, at)) {
    reactions.push(at);
  }
  return reactions;
}

function nextReaction(snapshot: HeapSnapshot, reaction: number): number {
  const { from, to } = snapshot.edgesOf(reaction);
  for (let edge = from; edge < to; edge++) {
    const target = snapshot.edgeTargets[edge]!;
    if (isReaction(snapshot, target)) return target;
  }
  return -1;
}

/** The commonest of those who wait, and how many others. */
function waitersText(snapshot: HeapSnapshot, reactions: readonly number[]): string {
  const counts = new Map<string, number>();
  for (const reaction of reactions) {
    const name = waiter(snapshot, reaction);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const [name, count] = [...counts].reduce((best, next) => (next[1] > best[1] ? next : best));
  const others = reactions.length - count;
  const more = others > 0 ? ` and ${others} ${others === 1 ? 'other' : 'others'}` : '';
  return `${count > 1 ? `${count} × ` : ''}${name}${more}`;
}

/** Its type is hidden, in Chrome native. */
function isReaction(snapshot: HeapSnapshot, node: number): boolean {
  return snapshot.nodeType(node) !== 'string' && snapshot.name(node) === 'system / PromiseReaction';
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
    callback ||= `then ${calledFunction(snapshot, handler).functionName}()`;
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
