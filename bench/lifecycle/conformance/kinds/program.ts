// Owners of a process: what SIGTERM does to a program that is still acquiring, and to two owners in one process.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Case, type Log, pause } from '../observation.js';

export interface ProgramKind {
  /**
   * Runs a program that acquires one thing at its start, as the documents of the peer say. `open` ends early when it is
   * given a signal that aborts; it then leaves nothing behind. Need not return.
   */
  acquire(open: (signal?: AbortSignal) => Promise<string>, release: (value: string) => Promise<void>): unknown;
  /** One part of a program that wants its clean-up run on SIGTERM; called twice in a process, returns when that is set up. */
  own(name: string, release: () => Promise<void>): Promise<void>;
}

const WINDOW_MS = 3000;
const MOMENT_MS = 200;

/** A lease that is granted at once and usable 400 ms later: a folder stands for the row in a lock server. */
function lease(log: Log) {
  let begin!: () => void;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const open = async (signal?: AbortSignal) => {
    const folder = mkdtempSync(join(tmpdir(), 'wt-lease-'));
    log.note('lease granted', folder);
    begin();
    try {
      await delay(2 * MOMENT_MS, undefined, { signal });
    } catch (error) {
      rmSync(folder, { recursive: true });
      log.note('acquiring cancelled', folder);
      throw error;
    }
    log.note('acquired', folder);
    return folder;
  };
  const release = async (folder: string) => {
    log.note('release', folder);
    await pause(MOMENT_MS / 4);
    rmSync(folder, { recursive: true });
  };
  return { begun, open, release };
}

const signalDuringAcquire: Case<ProgramKind> = {
  name: 'signal-during-acquire',
  promise: 'SIGTERM while a resource is being acquired: it is given back before the process ends.',
  async run(kind, log) {
    const { begun, open, release } = lease(log);
    void kind.acquire(open, release);
    await begun;
    await pause(MOMENT_MS);
    log.note('SIGTERM');
    process.kill(process.pid, 'SIGTERM');
    await pause(WINDOW_MS);
  },
  judge(seen) {
    const folder = seen.first('lease granted')?.name;
    if (folder === undefined || !seen.has('SIGTERM')) return { passed: false, words: 'it never began to acquire' };
    const left = existsSync(folder);
    if (left) rmSync(folder, { recursive: true });
    const ending = seen.ending ?? `still running ${WINDOW_MS / 1000} s after SIGTERM`;
    const how = seen.has('acquiring cancelled')
      ? 'acquiring was cancelled'
      : seen.has('release')
        ? 'it was released'
        : seen.has('acquired')
          ? 'it was acquired and never released'
          : 'the process went while acquiring: never released';
    return { passed: !left && seen.ending !== undefined, words: `${ending}; ${how}` };
  },
};

const twoOwners: Case<ProgramKind> = {
  name: 'two-owners-of-SIGTERM',
  promise: 'Two parts of one process own clean-ups of 100 and 500 ms: SIGTERM ends neither before it is done.',
  async run(kind, log) {
    for (const [name, ms] of [
      ['short', 100],
      ['long', 500],
    ] as const) {
      await kind.own(name, async () => {
        log.note('release', name);
        await pause(ms);
        log.note('released', name);
      });
    }
    await pause(MOMENT_MS);
    process.kill(process.pid, 'SIGTERM');
    await pause(WINDOW_MS);
  },
  judge(seen) {
    const cut = ['short', 'long'].filter((name) => !seen.has('released', name));
    const runs = Math.max(seen.count('release', 'short'), seen.count('release', 'long'));
    const ending = seen.ending ?? `still running ${WINDOW_MS / 1000} s after SIGTERM`;
    const done = cut.length === 0 ? 'both done' : `${cut.join(', ')} cut off`;
    const often = runs > 1 ? `; a clean-up ran ${runs} times` : '';
    return { passed: cut.length === 0 && runs === 1 && seen.ending !== undefined, words: `${ending}; ${done}${often}` };
  },
};

export const programCases = [signalDuringAcquire, twoOwners];
