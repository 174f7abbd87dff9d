import { type HeapSnapshot, NODE_TYPES, type RetainingPaths } from '../heap/index.js';
import type { HeapFinding } from './heap-findings.js';

/**
 * Reasons to believe that a growing thing will stop by itself: a stated capacity that is not reached yet, a lifetime,
 * or one-shot timers that will let go. Read from the program's own numbers.
 */
export interface Bound {
  readonly kind: 'capacity' | 'timer' | 'ttl';
  /** Property that states it. */
  readonly name: string;
  /** Members (capacity) or milliseconds (timer, ttl). */
  readonly value: number;
}

interface NumberProperty {
  readonly name: string;
  readonly value: number;
}

const CAPACITY = /max|limit|capacity|bound|quota/i;
const NOT_CAPACITY =
  /listener|header|socket|redirect|retr|attempt|safe|int|value|depth|delay|age|ttl|time|byte|length$/i;
const LIFETIME = /^[#_]*(std)?ttl|max_?age|expir|time_?to_?live/i;
/** A capacity beyond this is no promise that anyone could rely on. */
const MAX_CAPACITY = 10_000_000;
/** Objects up the path whose limits count: the container, its class, and that class's owner. */
const OWNERS = 3;

/** Nodes whose numbers may state a bound: the container and its owners, and the timer on the path. */
export function boundKeepers(
  snapshot: HeapSnapshot,
  paths: RetainingPaths,
  finding: HeapFinding,
): { owners: number[]; timer: number } {
  const owners: number[] = [];
  let timer = -1;
  for (let node = finding.member; node > 0; node = paths.parentNode[node]!) {
    if (timer < 0 && snapshot.name(node) === 'Timeout') timer = node;
  }
  for (let node = finding.container; node > 0 && owners.length < OWNERS; node = paths.parentNode[node]!) {
    const name = snapshot.name(node);
    // Beyond a variable begins somebody else's business.
    if (name === 'system / Context') break;
    if (NODE_TYPES[snapshot.nodeTypes[node]!] === 'object' && !name.startsWith('system / ')) owners.push(node);
  }
  return { owners, timer };
}

export function boundsOf(
  finding: HeapFinding,
  ownerNumbers: readonly NumberProperty[],
  timerNumbers: readonly NumberProperty[],
): Bound[] {
  const bounds: Bound[] = [];
  for (const { name, value } of ownerNumbers) {
    const isCapacity = CAPACITY.test(name) && !NOT_CAPACITY.test(name) && value >= 1 && value <= MAX_CAPACITY;
    if (isCapacity && value > finding.population) bounds.push({ kind: 'capacity', name, value });
    else if (LIFETIME.test(name) && value > 0 && Number.isFinite(value)) bounds.push({ kind: 'ttl', name, value });
  }
  const repeats = timerNumbers.some(({ name }) => name === '_repeat');
  const delay = timerNumbers.find(({ name }) => name === '_idleTimeout')?.value ?? 0;
  if (!repeats && delay > 0) bounds.push({ kind: 'timer', name: 'setTimeout', value: delay });
  return bounds;
}
