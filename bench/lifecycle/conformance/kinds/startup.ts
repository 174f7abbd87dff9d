// Ordered starts: what becomes of what was started when a later step fails, or hangs and the program has to go.
import { type Case, never, noteOutcome, outcome, pause } from '../observation.js';

export interface StartupLike {
  /** Steps run in the order given, each needs the one before; `stop` ends what `start` began. */
  step(name: string, start: () => Promise<unknown>, stop: () => unknown): void;
  start(): unknown;
  close(): unknown;
}

export interface StartupKind {
  open(limits: { stepMs: number; closeMs: number }): Promise<StartupLike> | StartupLike;
}

const WINDOW_MS = 2000;
const MOMENT_MS = 100;

const initFailure: Case<StartupKind> = {
  name: 'init-failure-rolls-back',
  promise: 'When a step of the start fails, what was started before is stopped without a further call.',
  async run(kind, log) {
    const startup = await kind.open({ stepMs: 1000, closeMs: 1000 });
    for (const name of ['a', 'b']) {
      startup.step(
        name,
        async () => log.note('started', name),
        () => log.note('stopped', name),
      );
    }
    startup.step(
      'c',
      async () => {
        throw new Error('c failed');
      },
      () => {},
    );
    await noteOutcome(log, 'start', () => startup.start(), WINDOW_MS);
    await pause(MOMENT_MS);
    log.note('now closed by hand');
    await noteOutcome(log, 'close', () => startup.close(), WINDOW_MS);
  },
  judge(seen) {
    const byHand = seen.happenings.findIndex((one) => one.what === 'now closed by hand');
    const alone = seen.happenings.filter((one, index) => one.what === 'stopped' && index < byHand).length;
    const all = seen.count('stopped');
    const started = seen.count('started');
    const how = `start() ${outcome(seen, 'start')}`;
    if (started < 2) return { passed: false, words: `${how}; only ${started} of 2 steps started` };
    if (alone === 2) return { passed: true, words: `${how}; both stopped` };
    const later = all === 2 ? 'stopped only by a close() after it' : `${2 - all} of 2 left open even after a close()`;
    return { passed: false, words: `${how}; ${later}` };
  },
};

const hungStartup: Case<StartupKind> = {
  name: 'close-during-hung-startup',
  promise: 'close() ends a start that hangs, long before its own limits would, and stops what was started.',
  async run(kind, log) {
    const startup = await kind.open({ stepMs: 30_000, closeMs: 1000 });
    startup.step(
      'a',
      async () => log.note('started', 'a'),
      () => log.note('stopped', 'a'),
    );
    const hangs = new Promise<void>((resolve) => {
      startup.step(
        'b',
        () => {
          log.note('hangs', 'b');
          resolve();
          return never();
        },
        () => {},
      );
    });
    const start = noteOutcome(log, 'start', () => startup.start(), 2 * WINDOW_MS);
    await Promise.race([hangs, start]);
    await pause(MOMENT_MS);
    await noteOutcome(log, 'close', () => startup.close(), WINDOW_MS);
    await start;
  },
  judge(seen) {
    const how = outcome(seen, 'close');
    const returned = how === 'fulfilled' || how === 'rejected';
    const stopped = seen.has('stopped', 'a');
    if (!seen.has('hangs')) return { passed: false, words: 'the second step never began' };
    const closing = returned ? 'close() returned' : `close() ${how} after ${WINDOW_MS / 1000} s`;
    return {
      passed: returned && stopped,
      words: `${closing}; what was started is ${stopped ? 'stopped' : 'left open'}`,
    };
  },
};

export const startupCases = [initFailure, hungStartup];
