import { closingClock } from '../core/index.js';
import { openSegments } from '../shm/index.js';

/** Kinds with their number. */
export type OpenCounts = Readonly<Record<string, number>>;

/** These are what looking itself costs, or on their way out. */
const PASSING = new Set(['Immediate', 'CloseReq', 'TickObject', 'Microtask']);
/** A handle that was closed is gone within two turns of the event loop; a write in flight takes a few more. */
const SETTLE_MS = 20;
/** On a busy machine one turn may take all of that time. */
const SETTLE_TURNS = 4;

/**
 * What keeps this thread's event loop busy, by kind, and the segments it has open. Sockets, servers, timers and requests in
 * flight are seen; files and listeners are not. Cost: 0.3 µs and 0.05 µs a handle.
 */
export function countOpen(): OpenCounts {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (!PASSING.has(kind)) counts[kind] = (counts[kind] ?? 0) + 1;
  }
  // The timer by which a scope closes runs out by itself.
  if (closingClock.isTicking && counts.Timeout !== undefined) counts.Timeout--;
  // A thread's output travels through a port that counts until its owner has read it.
  if (isPrinting() && counts.MessagePort !== undefined) counts.MessagePort--;
  if (workers.size > 0) counts.Worker = workers.size;
  const segments = openSegments().length;
  if (segments > 0) counts.Segment = segments;
  return counts;
}

/** Node lists no thread among what is active; it tells of each that this thread starts. */
const workers = new Set<unknown>();
process.on('worker', (worker) => {
  workers.add(worker);
  worker.once('exit', () => workers.delete(worker));
});

function isPrinting(): boolean {
  return process.stdout.writableLength + process.stderr.writableLength > 0;
}

/** What is open beyond `before`, once what is being closed has had its turns. Cost: as `countOpen` when nothing is. */
export async function leftSince(before: OpenCounts): Promise<OpenCounts> {
  const until = performance.now() + SETTLE_MS;
  for (let turns = 0; ; turns++) {
    const left = beyond(before, countOpen());
    const isSettled = turns >= SETTLE_TURNS && performance.now() > until;
    if (Object.keys(left).length === 0 || isSettled) return left;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function beyond(before: OpenCounts, now: OpenCounts): OpenCounts {
  const more = Object.entries(now).map(([kind, count]) => [kind, count - (before[kind] ?? 0)] as const);
  return Object.fromEntries(more.filter(([, count]) => count > 0));
}
