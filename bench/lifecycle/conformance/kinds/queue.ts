// Queues of tasks: what becomes of those that wait when the queue is cleared.
import { type Case, noteOutcome, outcome, pause } from '../observation.js';

export interface QueueLike {
  /** One task runs at a time. */
  add(name: string, task: () => Promise<void>): Promise<unknown>;
  /** Gives up what has not begun. */
  clear(): unknown;
}

export interface QueueKind {
  open(): Promise<QueueLike> | QueueLike;
}

const WINDOW_MS = 1000;

const clearSettles: Case<QueueKind> = {
  name: 'clear-settles-queued',
  promise: 'Clearing a queue settles the promises of what waited in it.',
  async run(kind, log) {
    const queue = await kind.open();
    const running = noteOutcome(log, 'running', () => queue.add('running', () => pause(100)), WINDOW_MS);
    const queued = ['a', 'b', 'c'].map((name) =>
      noteOutcome(log, name, () => queue.add(name, async () => log.note('ran', name)), WINDOW_MS),
    );
    await pause(20);
    await noteOutcome(log, 'clear', () => queue.clear(), WINDOW_MS);
    await Promise.all([running, ...queued]);
  },
  judge(seen) {
    const pending = ['a', 'b', 'c'].filter((name) => outcome(seen, name) === 'pending');
    const ran = seen.names('ran');
    const words = pending.length === 0 ? 'all settled' : `${pending.length} of 3 never settle`;
    return {
      passed: pending.length === 0 && ran.length === 0,
      words: ran.length > 0 ? `${words}; ${ran.length} ran all the same` : words,
    };
  },
};

export const queueCases = [clearSettles];
