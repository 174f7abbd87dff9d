import { isMainThread } from 'node:worker_threads';
import { type ProcStat, procChildren } from '../core/index.js';
import { type Native, native, whyNoNative } from '../native/index.js';
import { identityOf } from '../processes/index.js';
import type { ChildrenErrors } from './children-errors.js';
import { isLinux, type Relative } from './family.js';

/*
 * Node reaps what it started, by number. A process that is process 1 of its container, or a subreaper, also inherits orphans;
 * nobody reaps those, and each keeps a number until the process table is full. The kernel gives orphans to the main thread,
 * and keeps what workers started on the lists of the workers; so a zombie on the list of the main thread is either an orphan,
 * or one of Node's that the next turn of the main thread's loop reaps.
 */

/** For the signal of a child that ended to arrive, and be handled: it comes with the end, and takes one turn of the loop. */
const TURN_MS = 50;

/** Zombies that the main thread has inherited, those apart that are `own`. Cost: 20 µs a child process. */
export function zombies(own: (pid: number) => boolean): Relative[] {
  if (!isLinux) return [];
  return procChildren(process.pid, [process.pid])
    .filter(({ pid, state }) => state === 'Z' && !own(pid))
    .map(({ pid, startTicks, name, state }: ProcStat) => ({ pid, startTicks, name, state }));
}

/**
 * Takes the exit codes of orphans, so that they leave the process table. What is still a zombie after two turns of the
 * main thread's loop is none of Node's: taking one of those would keep its `exit` event from ever coming.
 * @throws WatertightError WT_CHILDREN_CANNOT_REAP
 */
export async function reapOrphans(own: (pid: number) => boolean, errors: ChildrenErrors): Promise<Relative[]> {
  if (!isMainThread) throw errors.cannotReap('this is a worker: only the main thread knows which are not of Node');
  const calls = native();
  if (calls === undefined) throw errors.cannotReap(whyNoNative());
  const before = zombies(own);
  if (before.length === 0) return [];
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setTimeout(resolve, TURN_MS));
  const after = new Set(zombies(own).map(identityOf));
  return before.filter((zombie) => after.has(identityOf(zombie)) && reap(calls, zombie.pid));
}

function reap(calls: Native, pid: number): boolean {
  try {
    return calls.reap(pid);
  } catch {
    // Somebody else has reaped it.
    return false;
  }
}
