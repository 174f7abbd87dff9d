import { execFile } from 'node:child_process';
import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Scope } from '../scope/index.js';
import { onMajorCollection } from './major-collections.js';
import type { WatchOutcome } from './retained-report.js';
import { type WatchOptions, watchCollected } from './watch-collected.js';

const collect = () => (globalThis as { gc?: () => void }).gc!();
const turn = () => new Promise(setImmediate);

class Session {
  constructor(readonly user: string) {}
}

/** Where a program forgets its sessions. */
const forgotten = { list: [] as Session[] };

/** Each from a call of its own: a variable of the test would keep the session. */
function watchForgotten(options: WatchOptions, label = 'session of ann'): Promise<WatchOutcome> {
  const session = new Session('ann');
  forgotten.list.push(session);
  return watchCollected(session, label, options);
}

function watchDropped(options: WatchOptions): Promise<WatchOutcome> {
  return watchCollected(new Session('bob'), 'session of bob', options);
}

function publishedWhile(): WatchOutcome[] {
  const published: WatchOutcome[] = [];
  const listener = (message: unknown) => void published.push(message as WatchOutcome);
  diagnostics.subscribe('watertight:retained', listener);
  onTestFinished(() => void diagnostics.unsubscribe('watertight:retained', listener));
  return published;
}

/** The warning about what goes by this label. */
async function warningOf(label: string): Promise<Error & { code: string; cause?: { code: string } }> {
  for (;;) {
    const [warning] = await once(process, 'warning');
    if (warning.message.startsWith(`${label} is`)) return warning;
  }
}

/** A folder for temporary files of this test only. */
function ownTempFolder(): string {
  const before = process.env.TMPDIR;
  const folder = mkdtempSync(join(tmpdir(), 'watertight-test-'));
  process.env.TMPDIR = folder;
  onTestFinished(() => {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** What a promise has come to after every task that is ready has run. */
async function stateOf(outcome: Promise<WatchOutcome>): Promise<string> {
  let state = 'waits';
  outcome.then((said) => (state = said.outcome));
  for (let i = 0; i < 10; i++) await turn();
  return state;
}

describe('watchCollected()', () => {
  test('says collected of an object that nobody holds, without waiting for the end of its time', async () => {
    const published = publishedWhile();
    const outcome = await watchDropped({ force: true, withinMs: 600_000 });
    expect(outcome).toEqual({ label: 'session of bob', outcome: 'collected', ms: expect.any(Number) });
    expect(published).toEqual([]);
  });

  test('says retained of one that is held, by which path, on the channel and as a warning; no file is left', async () => {
    const folder = ownTempFolder();
    const published = publishedWhile();
    const warned = warningOf('session of eve');
    const outcome = await watchForgotten({ force: true, withinMs: 30, explain: true }, 'session of eve');
    expect(outcome).toEqual({
      label: 'session of eve',
      outcome: 'retained',
      path: expect.stringMatching(/forgotten\.list\[\]$/),
      ms: expect.any(Number),
    });
    expect(outcome.ms).toBeGreaterThanOrEqual(30);
    expect(published).toEqual([outcome]);
    const warning = await warned;
    expect(warning.code).toBe('WT_WEAK_RETAINED');
    expect(warning.message).toMatch(
      /^session of eve is still held \d\.\d s after its owner ended, by .*forgotten\.list\[\]$/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test('explains all that come up together by their own paths, and says collected of what nothing keeps by then', async () => {
    const holders = { first: null as object | null, second: null as object | null, third: null as object | null };
    (globalThis as { holders?: object }).holders = holders;
    onTestFinished(() => void delete (globalThis as { holders?: object }).holders);
    const watch = (name: 'first' | 'second' | 'third') => {
      holders[name] = new Session(name);
      return watchCollected(holders[name], name, { withinMs: 0, explain: true });
    };
    const outcomes = [watch('first'), watch('second'), watch('third')];
    let majors = 0;
    // After the watches have judged, and before the snapshot: the last instant for one to go.
    const stop = onMajorCollection(() => {
      if (++majors === 2) holders.second = null;
    });
    while ((await stateOf(outcomes[0]!)) === 'waits') {
      await turn();
      if (majors < 2) collect();
    }
    stop();
    const said = await Promise.all(outcomes);
    expect(said.map(({ outcome, path }) => [outcome, path])).toEqual([
      ['retained', 'globalThis.holders.first'],
      ['collected', undefined],
      ['retained', 'globalThis.holders.third'],
    ]);
  });

  test('says retained only after two collections that began after its time', async () => {
    const outcome = watchForgotten({ withinMs: 0, explain: false });
    // Its time is over when its deadline has been seen.
    let state = await stateOf(outcome);
    const began = performance.now();
    while (performance.now() < began + 20) await turn();
    collect();
    state = await stateOf(outcome);
    expect(state).toBe('waits');
    collect();
    expect(await outcome).toMatchObject({ outcome: 'retained' });
    expect((await outcome).path).toBeUndefined();
  });

  test('says undecided when there were no two collections, and reports nothing', async () => {
    const published = publishedWhile();
    const outcome = await watchForgotten({ withinMs: 0, patienceMs: 1 });
    expect(outcome.outcome).toBe('undecided');
    expect(published).toEqual([]);
  });

  test('counts from the end of its scope’s closing, not from its begin', async () => {
    const scope = new Scope('session');
    let release!: () => void;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const outcome = (() => {
      const session = scope.acquire(
        'session',
        () => new Session('ann'),
        () => released,
      );
      return watchCollected(session, 'session', { scope, withinMs: 0, force: true });
    })();
    const closing = scope.close();
    for (let i = 0; i < 5; i++) {
      collect();
      expect(await stateOf(outcome)).toBe('waits');
    }
    release();
    expect((await closing).status).toBe('completed');
    expect((await outcome).outcome).toBe('collected');
  });

  test('waits while its scope is open, and leaves it when the object goes before', async () => {
    const scope = new Scope('session');
    const outcome = watchDropped({ scope });
    const kept = watchForgotten({ scope, withinMs: 0, force: true, explain: false });
    expect(scope.size).toBe(2);
    while ((await stateOf(outcome)) === 'waits') collect();
    expect(await outcome).toEqual({ label: 'session of bob', outcome: 'collected', ms: 0 });
    expect(scope.size).toBe(1);
    expect(await stateOf(kept)).toBe('waits');
    await scope.close();
    expect((await kept).outcome).toBe('retained');
  });

  test('refuses a scope that has begun to close, and wrong arguments', async () => {
    const scope = new Scope('session');
    await scope.close();
    expect(() => watchDropped({ scope })).toThrow(expect.objectContaining({ code: 'WT_SCOPE_CLOSED' }));
    expect(() => watchCollected(7 as unknown as object, 'seven')).toThrow(
      'watchCollected(): object must be an object, got the number 7',
    );
    expect(() => watchCollected({}, 7 as unknown as string)).toThrow('label must be a text, got the number 7');
    expect(() => watchDropped({ patienceMs: Number.NaN })).toThrow(RangeError);
  });

  test.each<[unknown, string]>([
    [5, 'options must be an object, not the number 5'],
    [{ within: 5 }, 'there is no option "within"; there are scope, withinMs, explain, patienceMs, force'],
    [{ scope: 'session' }, 'scope must be a Scope, not the text "session"'],
    [{ withinMs: -1 }, 'withinMs must be from 0 to 2147483647 ms, got the number -1'],
    [{ withinMs: '5' }, 'withinMs must be from 0 to 2147483647 ms, got the text "5"'],
    [{ patienceMs: null }, 'patienceMs must be from 0 to 2147483647 ms, got null'],
    [{ explain: 'auto' }, 'explain must be true or false, got the text "auto"'],
    [{ force: 1 }, 'force must be true or false, got the number 1'],
  ])('refuses the options %o', (options, message) => {
    expect(() => watchDropped(options as never)).toThrow(`watchCollected(): ${message}`);
  });

  test('says retained without a path when no snapshot can be written, and why', async () => {
    process.env.TMPDIR = join(ownTempFolder(), 'missing');
    const warned = warningOf('session of joe');
    const outcome = await watchForgotten({ force: true, withinMs: 0, explain: true }, 'session of joe');
    expect(outcome).toMatchObject({ outcome: 'retained' });
    expect(outcome.path).toBeUndefined();
    expect((await warned).cause?.code).toBe('ENOENT');
  });

  test('explains five times in a process by itself, not in production, and does not keep the process', async () => {
    const file = fileURLToPath(new URL('retained.fixture.ts', import.meta.url));
    const run = async (NODE_ENV: string) => {
      const env = { ...process.env, NODE_ENV, NODE_OPTIONS: '' };
      const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file], { env });
      return stdout.trim().split('\n');
    };
    const [development, production] = await Promise.all([run('development'), run('production')]);
    expect(development).toEqual([...new Array(5).fill('sessions[]'), 'no path', 'no path']);
    expect(production).toEqual(new Array(7).fill('no path'));
  });
});
