// Owners of clean-ups: seven promises of their close.
import { type Case, type Log, never, noteOutcome, outcome, pause, type Seen, said } from '../observation.js';

export interface ScopeLike {
  /** Hands over one clean-up; throws or rejects when it is refused. */
  add(name: string, release: () => unknown): unknown;
  /** Builds what is closed, where that takes more than adding: its time is not that of close(). */
  ready?(): Promise<unknown>;
  close(): unknown;
}

export interface ScopeKind {
  /** `releaseMs` for each clean-up and `totalMs` for all are given to peers that know such limits. */
  open(limits: { releaseMs: number; totalMs: number }): Promise<ScopeLike> | ScopeLike;
}

const LIMITS = { releaseMs: 200, totalMs: 1000 };
/** Longer than every limit above. */
const WINDOW_MS = 2000;
/** Long enough for anything that is merely asynchronous. */
const MOMENT_MS = 100;

const quick = (log: Log, name: string) => async () => {
  log.note('release', name);
  await null;
  log.note('released', name);
};

const failing = (log: Log, name: string) => async () => {
  log.note('release', name);
  await null;
  throw new Error(`${name} failed`);
};

const list = (names: readonly string[]) => (names.length === 0 ? 'none' : names.join(', '));

function closing(seen: Seen): string {
  const how = outcome(seen, 'close');
  if (seen.ending) return seen.ending;
  return how === 'pending' ? `close() pending after ${WINDOW_MS / 1000} s` : `close() ${how}`;
}

const hangThenContinue: Case<ScopeKind> = {
  name: 'hang-then-continue',
  promise: 'A clean-up that hangs costs its own limit: the others run, and close() returns.',
  async run(kind, log) {
    const scope = await kind.open(LIMITS);
    for (const name of ['a', 'b', 'c', 'd']) {
      await scope.add(
        name,
        name !== 'b'
          ? quick(log, name)
          : () => {
              log.note('release', name);
              return never();
            },
      );
    }
    await scope.ready?.();
    await noteOutcome(log, 'close', () => scope.close(), WINDOW_MS);
  },
  judge(seen) {
    const left = ['a', 'c', 'd'].filter((name) => !seen.has('released', name));
    const returned = ['fulfilled', 'rejected'].includes(outcome(seen, 'close')) || seen.ending !== undefined;
    const released = left.length === 0 ? 'the others released' : `${list(left)} never released`;
    return { passed: returned && left.length === 0, words: `${closing(seen)}; ${released}` };
  },
};

function judgeFailures(seen: Seen, failed: readonly string[], wellReleased: readonly string[]) {
  const { messages } = said(seen, 'close');
  const missing = failed.filter((name) => !messages.includes(`${name} failed`));
  const left = wellReleased.filter((name) => !seen.has('released', name));
  const skipped = failed.filter((name) => !seen.has('release', name));
  const parts = [closing(seen)];
  if (left.length + skipped.length > 0) parts.push(`${list([...left, ...skipped])} never released`);
  parts.push(missing.length === 0 ? 'every error is in the outcome' : `not in the outcome: error of ${list(missing)}`);
  return { passed: missing.length + left.length + skipped.length === 0, words: parts.join('; ') };
}

const twoThrow: Case<ScopeKind> = {
  name: 'two-throw-both-reported',
  promise: 'Of two clean-ups that fail, both errors reach the caller of close(), and the others run.',
  async run(kind, log) {
    const scope = await kind.open(LIMITS);
    for (const name of ['a', 'b', 'c', 'd']) {
      await scope.add(name, name === 'b' || name === 'c' ? failing(log, name) : quick(log, name));
    }
    await scope.ready?.();
    await noteOutcome(log, 'close', () => scope.close(), WINDOW_MS);
  },
  judge: (seen) => judgeFailures(seen, ['b', 'c'], ['a', 'd']),
};

const syncThrow: Case<ScopeKind> = {
  name: 'sync-throw-in-release',
  promise: 'A clean-up that throws before it returns a promise counts as any other failure.',
  async run(kind, log) {
    const scope = await kind.open(LIMITS);
    await scope.add('a', quick(log, 'a'));
    await scope.add('b', () => {
      log.note('release', 'b');
      throw new Error('b failed');
    });
    await scope.add('c', quick(log, 'c'));
    await scope.ready?.();
    await noteOutcome(log, 'close', () => scope.close(), WINDOW_MS);
  },
  judge: (seen) => judgeFailures(seen, ['b'], ['a', 'c']),
};

const secondCloseWaits: Case<ScopeKind> = {
  name: 'second-close-waits',
  promise: 'Whoever closes while a close is under way waits for it.',
  async run(kind, log) {
    const scope = await kind.open({ releaseMs: 10_000, totalMs: 20_000 });
    let open!: () => void;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    await scope.add('a', async () => {
      log.note('release', 'a');
      await gate;
      log.note('released', 'a');
    });
    await scope.ready?.();
    const first = noteOutcome(log, 'close', () => scope.close(), WINDOW_MS);
    await pause(MOMENT_MS);
    const second = noteOutcome(log, 'second close', () => scope.close(), WINDOW_MS);
    await pause(MOMENT_MS);
    open();
    await Promise.all([first, second]);
  },
  judge(seen) {
    const second = seen.happenings.find((one) => one.what.startsWith('second close: '));
    const releasedAt = seen.happenings.findIndex((one) => one.what === 'released');
    const waited = second !== undefined && releasedAt >= 0 && seen.happenings.indexOf(second) > releasedAt;
    const how = outcome(seen, 'second close');
    const runs = seen.count('release', 'a');
    const twice = runs > 1 ? `; the clean-up ran ${runs} times` : '';
    if (how === 'none' || how === 'pending') {
      return { passed: false, words: `second close(): ${how === 'none' ? (seen.ending ?? how) : how}${twice}` };
    }
    return {
      passed: waited && runs === 1,
      words: waited ? `it waited${twice}` : `it ${how} while the clean-up ran${twice}`,
    };
  },
};

const releaseOnce: Case<ScopeKind> = {
  name: 'release-once-under-concurrent-close',
  promise: 'Ten closes at once release once.',
  async run(kind, log) {
    const scope = await kind.open(LIMITS);
    await scope.add('a', async () => {
      log.note('release', 'a');
      await pause(MOMENT_MS);
    });
    await scope.ready?.();
    const closes = Array.from({ length: 10 }, () => noteOutcome(log, 'close', () => scope.close(), WINDOW_MS));
    await Promise.all(closes);
  },
  judge(seen) {
    const runs = seen.count('release', 'a');
    return { passed: runs === 1, words: `released ${runs} time${runs === 1 ? '' : 's'}` };
  },
};

function judgeLate(seen: Seen, name = 'late') {
  const how = outcome(seen, `add ${name}`);
  const ran = seen.has('released', name);
  const refused = how === 'rejected' || how === 'threw';
  const after = seen.happenings.findIndex((one) => one.what === 'released' && one.name === name);
  const closedAt = seen.happenings.findIndex((one) => one.what === 'close: fulfilled');
  const late = ran && closedAt >= 0 && after > closedAt ? ', after close() had returned' : '';
  const accepted = how === 'pending' ? 'pending' : 'accepted';
  const words = refused
    ? `refused${ran ? ' and released at once' : ''}`
    : ran
      ? `released${late}`
      : `${accepted}, never released`;
  return { passed: refused || ran, words };
}

const addAfterClose: Case<ScopeKind> = {
  name: 'add-after-close',
  promise: 'What is added after close() is refused or released at once, never kept in silence.',
  async run(kind, log) {
    const scope = await kind.open(LIMITS);
    await scope.add('a', quick(log, 'a'));
    await scope.ready?.();
    await noteOutcome(log, 'close', () => scope.close(), WINDOW_MS);
    await noteOutcome(log, 'add late', () => scope.add('late', quick(log, 'late')), MOMENT_MS);
    await pause(MOMENT_MS);
  },
  judge: (seen) => judgeLate(seen),
};

const addWhileClosing: Case<ScopeKind> = {
  name: 'add-while-closing',
  promise: 'What is added while close() runs is refused or released, never kept in silence.',
  async run(kind, log) {
    const scope = await kind.open(LIMITS);
    const adding = (name: string) => () =>
      noteOutcome(log, `add ${name}`, () => scope.add(name, quick(log, name)), MOMENT_MS);
    await scope.add('a', adding('from the last'));
    await scope.add('b', adding('from the first'));
    await scope.ready?.();
    await noteOutcome(log, 'close', () => scope.close(), WINDOW_MS);
    await pause(MOMENT_MS);
  },
  judge(seen) {
    const first = judgeLate(seen, 'from the first');
    const last = judgeLate(seen, 'from the last');
    const words = first.words === last.words ? first.words : `${first.words}; from the last one: ${last.words}`;
    return { passed: first.passed && last.passed, words };
  },
};

export const scopeCases = [
  hangThenContinue,
  twoThrow,
  syncThrow,
  secondCloseWaits,
  releaseOnce,
  addAfterClose,
  addWhileClosing,
];
