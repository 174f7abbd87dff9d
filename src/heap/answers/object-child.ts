import type { HeapSnapshot } from '../heap-snapshot.js';

/** `null`, `undefined`, `true` and `false` are nodes of V8's own. */
const ODDBALL = /^system \/ (Oddball|Null|Undefined|True|False|Boolean)/;

/** True for `null`, `undefined`, `true`, `false`. */
export function isOddball(snapshot: HeapSnapshot, node: number): boolean {
  return snapshot.nodeType(node) === 'hidden' && ODDBALL.test(snapshot.name(node));
}

/** What a property holds when that is an object, a function or a string; -1 for anything else. */
export function objectChild(snapshot: HeapSnapshot, node: number, edgeName: string): number {
  const child = snapshot.child(node, edgeName);
  return child >= 0 && isOddball(snapshot, child) ? -1 : child;
}
