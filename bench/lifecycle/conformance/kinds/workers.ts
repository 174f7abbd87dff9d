// Pools of threads: an orderly close with work in flight.
import { type Case, noteOutcome, outcome, pause } from '../observation.js';

export interface WorkersLike {
  /** Runs `ms` of waiting in a thread. */
  work(ms: number): Promise<unknown>;
  close(): unknown;
}

export interface WorkersKind {
  open(threads: number): Promise<WorkersLike> | WorkersLike;
}

const WINDOW_MS = 5000;

const drainTwo: Case<WorkersKind> = {
  name: 'drain-with-two-tasks',
  promise: 'An orderly close lets both running tasks end.',
  async run(kind, log) {
    const pool = await kind.open(2);
    // Both threads are up before the tasks that count.
    await Promise.all([pool.work(50), pool.work(50)]);
    const short = noteOutcome(log, 'short', () => pool.work(300), WINDOW_MS);
    const long = noteOutcome(log, 'long', () => pool.work(900), WINDOW_MS);
    await pause(100);
    await noteOutcome(log, 'close', () => pool.close(), WINDOW_MS);
    await Promise.all([short, long]);
  },
  judge(seen) {
    const fates = ['short', 'long'].map((name) => [name, outcome(seen, name)] as const);
    const killed = fates.filter(([, fate]) => fate !== 'fulfilled');
    const words = killed.length === 0 ? 'both ended' : killed.map(([name, fate]) => `${name} task ${fate}`).join(', ');
    return { passed: killed.length === 0, words: seen.ending ? `${words}; ${seen.ending}` : words };
  },
};

export const workersCases = [drainTwo];
