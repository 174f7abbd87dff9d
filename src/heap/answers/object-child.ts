import type { HeapSnapshot } from '../heap-snapshot.js';
import { NODE_TYPES } from '../meta.js';

/** Type of V8's own nodes; in Chrome they are native. */
const HIDDEN = NODE_TYPES.indexOf('hidden');
const NATIVE = NODE_TYPES.indexOf('native');
/** `system / Oddball` for all of them up to Node 22, each by its value since; the hole marks what was never set. */
const ODDBALL = /^(undefined|null|true|false|system \/ (Oddball|Hole|Null|Undefined|True|False|Boolean).*)$/;

/** True for `null`, `undefined`, `true`, `false` and the hole, which are nodes of V8's own. */
export function isOddball(snapshot: HeapSnapshot, node: number): boolean {
  const type = snapshot.nodeTypes[node];
  return (type === HIDDEN || type === NATIVE) && ODDBALL.test(snapshot.name(node));
}

/** What a property holds when that is an object, a function or a string; -1 for anything else. */
export function objectChild(snapshot: HeapSnapshot, node: number, edgeName: string): number {
  const child = snapshot.child(node, edgeName);
  return child >= 0 && isOddball(snapshot, child) ? -1 : child;
}
