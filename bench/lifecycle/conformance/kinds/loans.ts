// Things lent out, one at a time: a loan given back twice, and a loan that never comes back.
import { type Case, noteOutcome, outcome, pause } from '../observation.js';

export interface LoansLike {
  take(): Promise<{ giveBack(): unknown }>;
  /** Settles when nobody holds the one thing any more. */
  free(): Promise<unknown>;
  close(): unknown;
}

export interface LoansKind {
  /** A capacity of one; `closeMs` for peers that know a limit of their close. */
  open(limits: { closeMs: number }): Promise<LoansLike> | LoansLike;
}

const WINDOW_MS = 2000;
const MOMENT_MS = 200;

const doubleRelease: Case<LoansKind> = {
  name: 'double-release-of-someone-else',
  promise: 'Giving back twice never gives back what another has taken meanwhile.',
  async run(kind, log) {
    const loans = await kind.open({ closeMs: 1000 });
    const first = await loans.take();
    await noteOutcome(log, 'give back', () => first.giveBack(), MOMENT_MS);
    await loans.take();
    log.note('taken by another');
    await noteOutcome(log, 'give back again', () => first.giveBack(), MOMENT_MS);
    await noteOutcome(log, 'free', () => loans.free(), MOMENT_MS);
  },
  judge(seen) {
    if (!seen.has('taken by another')) return { passed: false, words: 'the other never got it' };
    const second = outcome(seen, 'give back again');
    const refused = second === 'rejected' || second === 'threw' ? 'refused' : 'accepted';
    const held = outcome(seen, 'free') === 'pending';
    const kept = held ? 'the other keeps it' : 'the other has lost it: free while in use';
    return { passed: held, words: `second giving back ${refused}; ${kept}` };
  },
};

const leakedLoan: Case<LoansKind> = {
  name: 'leaked-loan-close-bounded',
  promise: 'close() returns though a loan never comes back.',
  async run(kind, log) {
    const loans = await kind.open({ closeMs: 500 });
    await loans.take();
    await noteOutcome(log, 'close', () => loans.close(), WINDOW_MS);
    await pause(0);
  },
  judge(seen) {
    const how = outcome(seen, 'close');
    const returned = how === 'fulfilled' || how === 'rejected';
    return { passed: returned, words: returned ? 'close() returned' : `close() ${how} after ${WINDOW_MS / 1000} s` };
  },
};

export const loansCases = [doubleRelease, leakedLoan];
