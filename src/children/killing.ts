import { monotonicMs } from '../core/index.js';
import { identityOf, liveProcess, signalProcess } from '../processes/index.js';
import type { Census } from './census.js';
import type { FamilyHead, Relative } from './family.js';

/*
 * Ending a family that may start new members all the while.
 *
 * 1. freeze: SIGSTOP to all that are found, and again to all that are new, until a look finds nobody new. What is stopped
 *    starts nobody, and stays the parent of its children, so that these are found too.
 * 2. kill: SIGKILL to all; it works on what is stopped.
 * 3. wait: until they are gone, then one more look; what slipped through goes through it all again.
 */

/** Looks in one freeze. Each finds what started during the last: more than three need a fork bomb. */
const MOST_LOOKS = 50;
/** Between two looks whether they have gone; grows from the first to the second. A killed process needs some 2 to 6 ms. */
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 25;

/** What became of a family. */
export interface Killed {
  /** Who was killed, the child itself apart, by identity: each counts once. */
  readonly killed: Map<string, Relative>;
  /** Who is still there, in the state in which they were last seen. */
  left: Relative[];
}

/**
 * Kills all descendants of a child, and the child too if `withHead`, and waits until they are gone or `deadline`
 * (`performance.now()`, ms; may be moved meanwhile). At least one look and one round of signals, however late it is.
 * @param isEvident whether something of it must be there, as its pipes are open: one look that finds nobody proves nothing then
 * Cost: one look at all processes when there is nobody to kill.
 */
export async function killFamily(
  head: FamilyHead & Relative,
  withHead: boolean,
  census: Census,
  deadline: () => number,
  isEvident: () => boolean,
): Promise<Killed> {
  const outcome: Killed = { killed: new Map(), left: [] };
  const seen = new Map<string, Relative>();
  do {
    const before = seen.size;
    if (withHead && liveProcess(head)) stop(head, seen);
    // Most leave nobody behind: one look that is shared says so.
    let found = (await census.relatives(head)).length;
    // A process has no environment in the moment in which it becomes another program.
    for (let looks = 0; found === 0 && looks < MOST_LOOKS && isEvident() && monotonicMs() < deadline(); looks++)
      found = (await census.relatives(head)).length;
    if (found > 0) freeze([head], census, seen);
    if (seen.size === before) break;
    for (const relative of seen.values()) if (signalProcess(relative, 'SIGKILL')) note(outcome, head, relative);
    outcome.left = await waitUntilGone([...seen.values()], deadline);
  } while (monotonicMs() < deadline() && outcome.left.length === 0);
  return outcome;
}

/** Asks all descendants to end, and waits until they are gone or `deadline`, whatever each of them does. */
export async function askFamily(head: FamilyHead, census: Census, deadline: () => number): Promise<void> {
  const relatives = await census.relatives(head);
  for (const relative of relatives) {
    signalProcess(relative, 'SIGTERM');
    signalProcess(relative, 'SIGCONT');
  }
  await waitUntilGone(relatives, deadline);
}

/** The same as `killFamily` without waiting, for the end of the process. */
export function killFamiliesNow(heads: readonly (FamilyHead & Relative)[], census: Census): void {
  const seen = new Map<string, Relative>();
  for (const head of heads) stop(head, seen);
  freeze(heads, census, seen);
  for (const relative of seen.values()) signalProcess(relative, 'SIGKILL');
}

/** Stops descendants until a look finds nobody new. */
function freeze(heads: readonly FamilyHead[], census: Census, seen: Map<string, Relative>): void {
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    const before = seen.size;
    const found = census.relativesNow(heads, (relative) => stop(relative, seen));
    for (const relative of found) stop(relative, seen);
    if (seen.size === before) return;
  }
}

function stop(relative: Relative, seen: Map<string, Relative>): void {
  const identity = identityOf(relative);
  if (seen.has(identity)) return;
  signalProcess(relative, 'SIGSTOP');
  seen.set(identity, { ...relative });
}

/** Those who are still there when the last has gone, or at the deadline. */
export async function waitUntilGone(relatives: readonly Relative[], deadline: () => number): Promise<Relative[]> {
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    const left = stillThere(relatives);
    const leftMs = deadline() - monotonicMs();
    if (left.length === 0 || leftMs <= 0) return left;
    await new Promise((resolve) => setTimeout(resolve, Math.min(pauseMs, Math.ceil(leftMs))));
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
  }
}

export function stillThere(relatives: readonly Relative[]): Relative[] {
  return relatives.flatMap((relative) => {
    const stat = liveProcess(relative);
    return stat ? [{ ...relative, name: stat.name, state: stat.state }] : [];
  });
}

function note({ killed }: Killed, head: FamilyHead, relative: Relative): void {
  if (relative.pid !== head.pid) killed.set(identityOf(relative), relative);
}
