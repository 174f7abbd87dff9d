import type { HeapSnapshot } from '../heap-snapshot.js';
import type { SourceLocation } from '../source-locations.js';
import { objectChild } from './object-child.js';

export interface CalledFunction {
  /** `bound onMessage` for what `bind` made; the class for what is no function. Untrusted. */
  readonly functionName: string;
  /** Of the function that `bind` was given. */
  readonly location: SourceLocation | null;
}

/** Functions bound over and over are followed so far. */
const MAX_BINDS = 20;

/** Name and place of what is called in the end: V8 names a bound function `native_bind` and gives it no place. */
export function calledFunction(snapshot: HeapSnapshot, node: number): CalledFunction {
  let target = node;
  let binds = 0;
  for (let next = boundFunction(snapshot, target); next >= 0 && binds < MAX_BINDS; binds++) {
    target = next;
    next = boundFunction(snapshot, target);
  }
  const isFunction = snapshot.nodeType(target) === 'closure';
  const name = isFunction ? snapshot.functionName(target) : snapshot.className(target);
  return { functionName: `${binds > 0 ? 'bound ' : ''}${name}`, location: snapshot.location(target) };
}

function boundFunction(snapshot: HeapSnapshot, node: number): number {
  return snapshot.nodeType(node) === 'closure' ? objectChild(snapshot, node, 'bound_function') : -1;
}
