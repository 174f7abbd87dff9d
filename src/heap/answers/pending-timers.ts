import type { HeapSnapshot } from '../heap-snapshot.js';
import { NODE_TYPES } from '../meta.js';
import type { SourceLocation } from '../source-locations.js';
import { calledFunction } from './called-function.js';
import { isOddball, objectChild } from './object-child.js';

export interface TimerGroup {
  readonly kind: 'timeout' | 'interval' | 'immediate';
  /** Function that is called; `(cleared)` where `clearTimeout` took it away. */
  readonly functionName: string;
  readonly location: SourceLocation | null;
  readonly count: number;
  /** Timers that are not in Node's lists: run or cleared, and kept by somebody. */
  readonly inactive: number;
  readonly retainedBytes: number;
  readonly exampleId: number;
}

const OBJECT = NODE_TYPES.indexOf('object');
const KINDS = [
  { className: 'Timeout', callback: '_onTimeout' },
  { className: 'Immediate', callback: '_onImmediate' },
] as const;
const CLEARED = { functionName: '(cleared)', location: null };

/**
 * Timers and immediates by the function that they call, commonest first. Delays are small integers, which snapshots
 * leave out.
 * Cost: one look-up a timer, about 1 µs.
 */
export function pendingTimers(snapshot: HeapSnapshot, retainedSizes: Float64Array): TimerGroup[] {
  const groups = new Map<string, TimerGroup>();
  for (const { className, callback } of KINDS) {
    const name = snapshot.strings.indexOf(className);
    for (let node = 0; name >= 0 && node < snapshot.nodeCount; node++) {
      if (snapshot.nodeNames[node] !== name || snapshot.nodeTypes[node] !== OBJECT) continue;
      const called = objectChild(snapshot, node, callback);
      const isActive = objectChild(snapshot, node, '_idleNext') >= 0;
      // Prototypes have the name of their instances.
      if (snapshot.child(node, 'constructor') >= 0) continue;
      const kind = className === 'Immediate' ? 'immediate' : isInterval(snapshot, node) ? 'interval' : 'timeout';
      const { functionName, location } = called < 0 ? CLEARED : calledFunction(snapshot, called);
      const key = `${kind} ${functionName} ${location?.file}:${location?.line}:${location?.column}`;
      const known = groups.get(key) ?? {
        kind,
        functionName,
        location,
        count: 0,
        inactive: 0,
        retainedBytes: 0,
        exampleId: snapshot.nodeIds[node]!,
      };
      groups.set(key, {
        ...known,
        count: known.count + 1,
        inactive: known.inactive + (isActive ? 0 : 1),
        retainedBytes: known.retainedBytes + retainedSizes[node]!,
      });
    }
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || b.retainedBytes - a.retainedBytes);
}

/** `_repeat` is `null`, or a number, which a snapshot leaves out or has as a number. */
function isInterval(snapshot: HeapSnapshot, timer: number): boolean {
  const repeat = snapshot.child(timer, '_repeat');
  return repeat < 0 || !isOddball(snapshot, repeat);
}
