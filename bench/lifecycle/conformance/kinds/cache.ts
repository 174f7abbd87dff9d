// Caches of things that need an asynchronous release.
import { type Case, noteOutcome, outcome, pause, said } from '../observation.js';

export interface CacheLike {
  /** Puts a value in, or another in its place. */
  set(key: string, value: string): unknown;
  close(): unknown;
}

export interface CacheKind {
  open(capacity: number, release: (value: string) => Promise<void>): Promise<CacheLike> | CacheLike;
}

const WINDOW_MS = 2000;
const RELEASE_MS = 200;

const evictAsync: Case<CacheKind> = {
  name: 'evict-with-async-release',
  promise: 'Evicted and replaced values are released once each; close() waits for that, and a failure is told.',
  async run(kind, log) {
    const cache = await kind.open(2, async (value) => {
      log.note('release', value);
      await pause(RELEASE_MS);
      if (value === 'replaced') throw new Error('release of replaced failed');
      log.note('released', value);
    });
    const puts: [string, string][] = [
      ['first', 'evicted'],
      ['second', 'replaced'],
      ['third', 'kept'],
      ['second', 'replacement'],
    ];
    for (const [key, value] of puts) {
      await noteOutcome(log, `set ${value}`, () => cache.set(key, value), WINDOW_MS);
    }
    await noteOutcome(log, 'close', () => cache.close(), WINDOW_MS);
    log.note('close returned');
    await pause(3 * RELEASE_MS);
  },
  judge(seen) {
    const values = ['evicted', 'replaced', 'kept', 'replacement'];
    const wrong = values.filter((value) => seen.count('release', value) !== 1);
    const closedAt = seen.happenings.findIndex((one) => one.what === 'close returned');
    const early = seen.happenings.filter((one, index) => one.what === 'released' && index > closedAt).length;
    const told = ['close', ...values.map((value) => `set ${value}`)].some((what) =>
      said(seen, what).messages.includes('release of replaced failed'),
    );
    const parts: string[] = [];
    if (outcome(seen, 'close') === 'pending') parts.push('close() pending');
    for (const value of wrong) parts.push(`${value} value released ${seen.count('release', value)} times`);
    if (early > 0) parts.push(`close() returned before ${early} of 3 releases had ended`);
    if (!told)
      parts.push(`the failure ${seen.has('unhandled rejection') ? 'is an unhandled rejection' : 'is not told'}`);
    return {
      passed: parts.length === 0,
      words: parts.length === 0 ? 'each released once, awaited, told' : parts.join('; '),
    };
  },
};

export const cacheCases = [evictAsync];
