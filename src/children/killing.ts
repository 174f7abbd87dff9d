import { monotonicMs } from '../core/index.js';
import type { Census } from './census.js';
import { type FamilyHead, identityOf, look, type Relative, signalTo } from './family.js';

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
 * Cost: one look at all processes when there is nobody to kill.
 */
export async function killFamily(
  head: FamilyHead & Relative,
  withHead: boolean,
  census: Census,
  deadline: () => number,
) {
  const outcome: Killed = { killed: new Map(), left: [] };
  const seen = new Map<string, Relative>();
  do {
    const before = seen.size;
    if (withHead && signalTo(head, 'SIGSTOP')) seen.set(identityOf(head), head);
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      const fresh = (await census.relatives(head)).filter((relative) => !seen.has(identityOf(relative)));
      if (fresh.length === 0) break;
      for (const relative of fresh) {
        signalTo(relative, 'SIGSTOP');
        seen.set(identityOf(relative), relative);
      }
    }
    if (seen.size === before) break;
    for (const relative of seen.values()) if (signalTo(relative, 'SIGKILL')) note(outcome, head, relative);
    outcome.left = await waitUntilGone([...seen.values()], deadline);
  } while (monotonicMs() < deadline() && outcome.left.length === 0);
  return outcome;
}

/** Asks all descendants to end, and waits until they are gone or `deadline`, whatever each of them does. */
export async function askFamily(head: FamilyHead, census: Census, deadline: () => number): Promise<void> {
  const relatives = await census.relatives(head);
  for (const relative of relatives) {
    signalTo(relative, 'SIGTERM');
    signalTo(relative, 'SIGCONT');
  }
  await waitUntilGone(relatives, deadline);
}

/** The same as `killFamily` without waiting, for the end of the process. */
export function killFamiliesNow(heads: readonly (FamilyHead & Relative)[], census: Census): void {
  const seen = new Map<string, Relative>();
  for (let looks = 0; looks < MOST_LOOKS; looks++) {
    const found = looks === 0 ? [...heads, ...census.relativesNow(heads)] : census.relativesNow(heads);
    const fresh = found.filter((relative) => !seen.has(identityOf(relative)));
    if (fresh.length === 0) break;
    for (const relative of fresh) {
      signalTo(relative, 'SIGSTOP');
      seen.set(identityOf(relative), relative);
    }
  }
  for (const relative of seen.values()) signalTo(relative, 'SIGKILL');
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
    const stat = look(relative);
    return stat ? [{ ...relative, name: stat.name, state: stat.state }] : [];
  });
}

function note({ killed }: Killed, head: FamilyHead, relative: Relative): void {
  if (relative.pid !== head.pid) killed.set(identityOf(relative), relative);
}
