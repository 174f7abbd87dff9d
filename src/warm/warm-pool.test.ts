import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { seededRandom } from '../core/index.js';
import { lease } from '../leases/index.js';
import { Scope } from '../scope/index.js';
import { Segment } from '../shm/index.js';
import { bundled } from './bundled.fixture.js';
import { type SessionReport, WarmPool, type WarmPoolOptions, type WarmSession } from './index.js';

let engine: string;
beforeAll(async () => {
  engine = await bundled(new URL('./engine.fixture.ts', import.meta.url));
});

const SEED = 20261121;
const folder = mkdtempSync(join(tmpdir(), 'wt-warm-'));
let scope: Scope;
beforeEach(() => {
  scope = new Scope('test', { closeTimeoutMs: 20_000, releaseTimeoutMs: 20_000 });
});
afterEach(async () => {
  const { failures, stuck } = await scope.close();
  expect({ failures, stuck }).toEqual({ failures: [], stuck: [] });
});

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
const outcomes = ({ members }: SessionReport) => members.map(({ outcome }) => outcome);
const names = (session: WarmSession) => session.members.map(({ member }) => member);
const script = (text: string) => {
  const file = join(mkdtempSync(join(folder, 's-')), 'member.mjs');
  writeFileSync(file, text);
  return pathToFileURL(file);
};
const isRunning = (pid: number) => existsSync(`/proc/${pid}`);
const descriptors = () => readdirSync('/proc/self/fd').length;

describe.each(['worker', 'process'] as const)('WarmPool of kind %s', (kind) => {
  const make = (options: Partial<WarmPoolOptions> = {}) =>
    new WarmPool({ script: engine, kind, size: 2, scope, execArgv: [], ...options });
  test('what members say as they begin is heard by whoever opened the session', async () => {
    const pool = make();
    const session = await pool.open({ data: { does: 'says' } });
    const heard: unknown[] = [];
    await new Promise<void>((resolve) => {
      session.on('message', (value: unknown) => {
        heard.push(value);
        if (heard.length === 2) resolve();
      });
    });
    expect(heard).toEqual(['begun', 'begun']);
    await session.close();
    await pool.stop();
  });

  test('a script that begins to fail is started again ever later, once each time', async () => {
    const log = join(mkdtempSync(join(folder, 'l-')), 'starts');
    const file = script(`
      import { appendFileSync, readFileSync } from 'node:fs';
      appendFileSync(${JSON.stringify(log)}, Date.now() + '\\n');
      if (readFileSync(${JSON.stringify(log)}, 'utf8').split('\\n').length > 2) throw new Error('no device');
      await import(${JSON.stringify(engine)});`);
    const pool = make({ script: file, size: 1 });
    const session = await pool.open({ data: { does: 'exits-later' } });
    const ended = new Promise((resolve) => session.on('memberEnded', resolve));
    session.send('now');
    await ended;
    const starts = () => readFileSync(log, 'utf8').trim().split('\n').map(Number);
    while (starts().length < 5) await new Promise((resolve) => setTimeout(resolve, 20));
    const [, first, second, third, fourth] = starts() as [number, number, number, number, number];
    // Never sooner; how much later is the machine's matter. Clocks tick in whole ms.
    expect(second - first).toBeGreaterThanOrEqual(99);
    expect(third - second).toBeGreaterThanOrEqual(199);
    expect(fourth - third).toBeGreaterThanOrEqual(399);
    await pool.stop();
  });

  test('a member that leaves a thread running is not used again', async () => {
    const pool = make();
    const session = await pool.open({ data: { does: 'thread' } });
    expect((await session.close()).members.map(({ outcome }) => outcome)).not.toContain('warm');
    await pool.stop();
  });

  const makeWords = () => {
    const words = Segment.create({ bytes: 4096, scope });
    return { words, view: new Int32Array(words.buffer, 0, 16) };
  };

  /** Descriptors of this process without a pool, once one has been there: libraries keep some. */
  const descriptorsAround = async () => {
    const pool = make();
    await (await pool.open()).close();
    await pool.stop();
    return descriptors();
  };

  test('start() starts all members, once, and says how long it took', async () => {
    const pool = make({ spare: 1 });
    const [report, again] = await Promise.all([pool.start(), pool.start()]);
    expect(report).toMatchObject({ members: 3, durationMs: expect.any(Number) });
    expect(again).toBe(report);
    expect(pool.usage()).toMatchObject({ state: 'running', warm: 3, started: 3, busy: 0, sessions: 0 });
  });

  test('open() gives every member segments and data, and the owner what each returned', async () => {
    const pool = make();
    const { words, view } = makeWords();
    const session = await pool.open({ segments: { words }, data: { does: 'add' } });
    expect([...session.results].sort()).toEqual([0, 1]);
    expect(view[0]).toBe(2);
    expect((await session.close()).status).toBe('completed');
    const second = await pool.open({ data: { does: 'describe', list: new Map([[1, 2]]) }, members: 1 });
    expect(second.results).toEqual([
      { number: 2, index: 0, members: 1, data: { does: 'describe', list: new Map([[1, 2]]) }, scope: 'session 2' },
    ]);
    await second.close();
  });

  test('messages go both ways, to all members or to one', async () => {
    const pool = make();
    const session = await pool.open({ data: { does: 'echo' } });
    const heard: unknown[] = [];
    const three = new Promise<void>((resolve) => {
      session.on('message', (value, index) => {
        if (heard.push([value, index]) === 3) resolve();
      });
    });
    session.send('all');
    session.send('one', { to: 1 });
    await three;
    expect(heard.sort()).toEqual([
      ['all', 0],
      ['all', 1],
      ['one', 1],
    ]);
    expect(() => session.send(1, { to: 2 })).toThrow('to must be 0 to 1, got 2');
    await session.close();
    expect(() => session.send('late')).toThrow(expect.objectContaining({ code: 'WT_WARM_SESSION_CLOSED' }));
  });

  test('the same members serve session after session, and nothing is left of any', async () => {
    const pool = make();
    const { words, view } = makeWords();
    await pool.start();
    const first = await pool.open({ segments: { words }, data: { does: 'count' } });
    const members = names(first);
    await first.close();
    const before = descriptors();
    for (let n = 0; n < 50; n++) {
      const session = await pool.open({ segments: { words }, data: { does: n % 2 ? 'count' : 'socket' } });
      expect(names(session).sort()).toEqual(members.sort());
      const report = await session.close();
      expect(report, JSON.stringify(report)).toMatchObject({ status: 'completed', replaced: [], reclaimed: 0 });
    }
    expect(view[0]).toBe(0);
    expect(descriptors()).toBe(before);
    expect(pool.usage()).toMatchObject({ warm: 2, started: 2, replaced: 0, opened: 51, sessions: 0 });
  });

  test.each([
    ['fails-at-end', 'failed', { failures: [{ path: 'session 1/speaker', error: new Error('no answer') }] }],
    ['hangs-at-end', 'held', { stuck: ['session 1/speaker'] }],
    ['spins-at-end', 'timeout', {}],
    ['exits-at-end', 'ended', { exitCode: 7 }],
    ['leaves-timer', 'held', { left: { Timeout: 1 } }],
    ['leaves-segment', 'held', { left: { Segment: 1 } }],
    ['leaves-socket', 'held', { left: { UDPWrap: 1 } }],
  ] as const)('a member that %s is replaced, and the report says why: %s', async (does, outcome, detail) => {
    const pool = make({ endTimeoutMs: 1_000 });
    const session = await pool.open({ data: { does, only: 1 } });
    const [, culprit] = names(session);
    const report = await session.close();
    expect(report).toMatchObject({ status: 'failed', replaced: [1] });
    expect(report.members[1]).toMatchObject({ index: 1, member: culprit, outcome, ...detail });
    expect(report.members[0]).toMatchObject({ outcome: 'warm', failures: [], stuck: [], left: {} });
    const next = await pool.open();
    expect(names(next)).not.toContain(culprit);
    expect(outcomes(await next.close())).toEqual(['warm', 'warm']);
    expect(pool.usage()).toMatchObject({ replaced: 1, warm: 2 });
  });

  test('what a member prints is nothing left open, even while nobody reads it', async () => {
    const pool = make();
    const session = await pool.open({ data: { does: 'prints-at-end' } });
    const closing = session.close();
    // Longer than a member looks for what is left.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    expect(await closing).toMatchObject({ status: 'completed', replaced: [] });
  });

  test('leftovers: "report" keeps the member and names what stays', async () => {
    const pool = make({ size: 1, leftovers: 'report' });
    const session = await pool.open({ data: { does: 'leaves-socket' } });
    const report = await session.close();
    expect(report).toMatchObject({ status: 'completed', members: [{ outcome: 'warm', left: { UDPWrap: 1 } }] });
    expect(pool.usage()).toMatchObject({ replaced: 0 });
  });

  test.each([
    ['exits-later', { exitCode: 7 }, /exit code 7/],
    ['throws-later', { exitCode: 1 }, kind === 'worker' ? /out of tune/ : /exit code 1/],
  ])('a member that %s in a session is told to it, and replaced', async (does, details, why) => {
    const pool = make();
    const session = await pool.open({ data: { does } });
    const ended = new Promise<[Error, number]>((resolve) => {
      session.on('memberEnded', (error, index) => resolve([error, index]));
    });
    session.send('now', { to: 1 });
    const [error, index] = await ended;
    expect(index).toBe(1);
    expect(error).toMatchObject({ code: 'WT_WARM_MEMBER_ENDED', details: { session: 1, index: 1, ...details } });
    expect(error.message).toMatch(why);
    expect(session.members.map(({ isRunning }) => isRunning)).toEqual([true, false]);
    session.send('only the other one', { to: 1 });
    expect(outcomes(await session.close())).toEqual(['warm', 'ended']);
    expect(outcomes(await (await pool.open()).close())).toEqual(['warm', 'warm']);
  });

  test('what a killed member had leased is reclaimed, and the report says so', async () => {
    const pool = make({ size: 1, endTimeoutMs: 200 });
    const session = await pool.open({ data: { does: 'leases-and-spins' } });
    const [path] = session.results as [string];
    expect(existsSync(path)).toBe(true);
    const report = await session.close();
    expect(outcomes(report)).toEqual(['timeout']);
    expect(report.reclaimed).toBeGreaterThanOrEqual(1);
    expect(existsSync(path)).toBe(false);
  });

  test('a member that dies at a random moment, 50 times: no session hangs, and nothing is left', async () => {
    const { words } = makeWords();
    const before = await descriptorsAround();
    const pool = make();
    const random = seededRandom(SEED);
    const whole = async () => outcomes(await (await pool.open({ segments: { words } })).close());
    const seen = new Set<string>();
    for (let n = 0; n < 50; n++) {
      const data = { does: 'dies', only: n % 2, afterMs: random() * 3 };
      const end = pool.open({ segments: { words }, data }).then((session) => session.close());
      seen.add(
        await end.then(
          (report) => outcomes(report)[n % 2]!,
          (error: { code: string }) => error.code,
        ),
      );
    }
    expect(['ended', 'warm', 'WT_WARM_MEMBER_ENDED']).toEqual(expect.arrayContaining([...seen]));
    // Those that were warm again before they died: their timers are over by the time that replacements are there.
    while (pool.usage().warm < 2) await whole();
    const { started, replaced } = pool.usage();
    expect(pool.usage()).toMatchObject({ sessions: 0, waiting: 0, busy: 0 });
    expect(started).toBe(2 + replaced);
    await pool.stop();
    expect(descriptors()).toBe(before);
    expect(lease.list().filter(({ path }) => path.includes('dying'))).toEqual([]);
  });

  test('begin() that throws in one member ends the session in all others, and names the member', async () => {
    const { words, view } = makeWords();
    const before = await descriptorsAround();
    const pool = make();
    const failed = pool.open({ segments: { words }, data: { does: 'throws', only: 1 } });
    const error = await failed.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'WT_WARM_BEGIN_FAILED',
      details: { session: 1, index: 1 },
      cause: { name: 'RangeError', message: 'no such model', code: 'E_MODEL' },
    });
    expect(pool.usage()).toMatchObject({ sessions: 0, busy: 0, warm: 2 });
    const counting = await pool.open({ segments: { words }, data: { does: 'count' } });
    await counting.close();
    expect(view[0]).toBe(0);
    expect(pool.usage().replaced).toBe(0);
    await pool.stop();
    expect(descriptors()).toBe(before);
  });

  test('open() refuses what cannot be cloned, either way, and keeps the members', async () => {
    const pool = make();
    await expect(pool.open({ data: () => {} })).rejects.toThrow(/could not be cloned/);
    await expect(pool.open({ data: { does: 'uncloneable' } })).rejects.toMatchObject({
      code: 'WT_WARM_BEGIN_FAILED',
      message: expect.stringContaining('could not be cloned'),
    });
    expect(outcomes(await (await pool.open()).close())).toEqual(['warm', 'warm']);
    expect(pool.usage()).toMatchObject({ replaced: 0 });
  });

  test('open() with a segment that is gone says so', async () => {
    const pool = make();
    await pool.start();
    const segment = Segment.create({ bytes: 4096 });
    const { handle } = segment;
    segment.close();
    await expect(pool.open({ segments: { words: handle } })).rejects.toMatchObject({
      code: 'WT_WARM_BEGIN_FAILED',
      cause: { code: 'WT_SHM_GONE' },
    });
    expect(() => segment.handle).toThrow('closed');
    await expect(pool.open({ segments: { words: segment } })).rejects.toMatchObject({ code: 'WT_SHM_CLOSED' });
    expect(pool.usage()).toMatchObject({ sessions: 0, busy: 0 });
  });

  test.each(['hangs', 'waits', 'spins'])('open() ends by timeoutMs when a member %s, and names it', async (does) => {
    // The other member has to end in this time, on a busy machine too.
    const pool = make({ endTimeoutMs: 1_000 });
    const { words } = makeWords();
    await pool.start();
    const startedAt = performance.now();
    const error = await pool
      .open({ segments: { words }, data: { does, only: 1 }, timeoutMs: 1_000 })
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'WT_WARM_OPEN_TIMEOUT', details: { session: 1, indexes: [1] } });
    expect(performance.now() - startedAt).toBeLessThan(6_000);
    expect(outcomes(await (await pool.open()).close())).toEqual(['warm', 'warm']);
    expect(pool.usage().replaced).toBe(does === 'waits' ? 0 : 1);
  });

  test('open() ends with the reason of its signal, and what had begun has ended', async () => {
    const pool = make();
    await pool.start();
    const controller = new AbortController();
    const opening = pool.open({ data: { does: 'waits', only: 0 }, signal: controller.signal });
    controller.abort(new Error('another model'));
    await expect(opening).rejects.toThrow('another model');
    await expect(pool.open({ signal: controller.signal })).rejects.toThrow('another model');
    expect(pool.usage()).toMatchObject({ sessions: 0, warm: 2, replaced: 0 });
  });

  test('a member that ends while it begins fails open(), and is replaced', async () => {
    const pool = make();
    await expect(pool.open({ data: { does: 'exits', only: 0 } })).rejects.toMatchObject({
      code: 'WT_WARM_MEMBER_ENDED',
      details: { index: 0, exitCode: 7 },
    });
    expect(outcomes(await (await pool.open()).close())).toEqual(['warm', 'warm']);
  });

  test('maxSessions: a member is retired after so many, without a failure', async () => {
    const pool = make({ size: 1, maxSessions: 2 });
    const used: string[] = [];
    const ends: string[] = [];
    for (let n = 0; n < 5; n++) {
      const session = await pool.open();
      used.push(...names(session));
      ends.push(...outcomes(await session.close()));
    }
    expect(ends).toEqual(['warm', 'retired', 'warm', 'retired', 'warm']);
    expect(new Set(used).size).toBe(3);
  });

  test('a spare takes the place of a lost member at once', async () => {
    const pool = make({ size: 1, spare: 1 });
    await pool.start();
    const session = await pool.open({ data: { does: 'leaves-timer' } });
    await session.close();
    const next = await pool.open();
    expect([...names(session), ...names(next)]).toEqual(['warm#1', 'warm#2']);
    await next.close();
  });

  describe('a script that is no member', () => {
    test('ends without serveSessions', async () => {
      const pool = make({ script: script('1 + 1') });
      await expect(pool.start()).rejects.toMatchObject({
        code: 'WT_WARM_CANNOT_START',
        message: expect.stringContaining('before it called serveSessions'),
      });
      expect(pool.usage()).toMatchObject({ state: 'new', starting: 0, warm: 0 });
    });

    test('runs without serveSessions', async () => {
      const pool = make({ script: script('setInterval(() => {}, 1000)'), startTimeoutMs: 300 });
      const startedAt = performance.now();
      await expect(pool.start()).rejects.toThrow('did not call serveSessions within 300 ms');
      expect(performance.now() - startedAt).toBeLessThan(2_000);
      expect(pool.usage()).toMatchObject({ starting: 0, leaving: 0 });
    });

    test('throws', async () => {
      const pool = make({ script: script('throw new RangeError("no device")'), execArgv: ['--no-warnings'] });
      await expect(pool.open()).rejects.toMatchObject({ code: 'WT_WARM_CANNOT_START' });
    });

    test('is not there', async () => {
      const pool = make({ script: join(folder, 'nowhere.mjs') });
      await expect(pool.start()).rejects.toMatchObject({ code: 'WT_WARM_CANNOT_START' });
      await expect(pool.start()).rejects.toMatchObject({ code: 'WT_WARM_CANNOT_START' });
    });
  });

  describe('stop()', () => {
    test('ends all members, once, and the pool refuses then', async () => {
      const pool = make();
      await pool.start();
      const session = await pool.open();
      const ids = session.members.map(({ id }) => id);
      const [report, again] = await Promise.all([pool.stop(), pool.stop()]);
      expect(report).toMatchObject({ status: 'completed', sessions: 1, members: 2, terminated: 0, remaining: [] });
      expect(again).toEqual({ ...report, status: 'already-stopped' });
      expect(session.isClosed).toBe(true);
      if (kind === 'process') expect(ids.map(isRunning)).toEqual([false, false]);
      expect(await codeOf(pool.open())).toBe('WT_WARM_CLOSED');
      expect(await codeOf(pool.start())).toBe('WT_WARM_CLOSED');
      expect(pool.usage()).toMatchObject({ state: 'stopped', warm: 0, busy: 0, sessions: 0 });
    });

    test('works while the pool starts', async () => {
      const pool = make();
      const starting = codeOf(pool.start());
      const opening = codeOf(pool.open());
      expect((await pool.stop()).status).toBe('completed');
      expect(await Promise.all([starting, opening])).toEqual(['WT_WARM_CLOSED', 'WT_WARM_CLOSED']);
    });

    test('works before the pool was started', async () => {
      const pool = make();
      expect(await pool.stop()).toMatchObject({ status: 'completed', members: 0 });
    });

    test('works while a session is being opened, by one that hangs, and while one waits', async () => {
      const pool = make({ endTimeoutMs: 200 });
      await pool.start();
      const opening = codeOf(pool.open({ data: { does: 'hangs' } }));
      const waiting = codeOf(pool.open());
      const startedAt = performance.now();
      expect(await pool.stop({ timeoutMs: 2_000 })).toMatchObject({ status: 'completed', sessions: 1 });
      expect(performance.now() - startedAt).toBeLessThan(2_050);
      expect(await Promise.all([opening, waiting])).toEqual(['WT_WARM_CLOSED', 'WT_WARM_CLOSED']);
    });

    test('works while a session is being closed, by one that spins', async () => {
      const pool = make({ endTimeoutMs: 20_000 });
      const session = await pool.open({ data: { does: 'spins-at-end' } });
      const closing = session.close();
      const startedAt = performance.now();
      expect(await pool.stop({ timeoutMs: 1_000 })).toMatchObject({ status: 'completed', terminated: 2 });
      // Not the time of the session.
      expect(performance.now() - startedAt).toBeLessThan(4_000);
      // Ended under it, by the stop.
      expect(outcomes(await closing)).toEqual(['ended', 'ended']);
    });
  });

  describe('a session in its lifetime', () => {
    test('is released on success, with what its members hold', async () => {
      const { words, view } = makeWords();
      const pool = make();
      {
        await using session = await pool.open({ segments: { words }, data: { does: 'count' } });
        expect(view[0]).toBe(2);
        expect(session.isClosed).toBe(false);
      }
      expect(view[0]).toBe(0);
    });

    test('is released when its scope fails', async () => {
      const { words, view } = makeWords();
      const pool = make();
      const work = Scope.run('work', async (inner) => {
        await pool.open({ segments: { words }, data: { does: 'count' }, scope: inner });
        expect(view[0]).toBe(2);
        throw new Error('no');
      });
      await expect(work).rejects.toThrow('no');
      expect(view[0]).toBe(0);
      expect(pool.usage()).toMatchObject({ sessions: 0, warm: 2 });
    });

    test('is released once when it is closed twice', async () => {
      const { words, view } = makeWords();
      const pool = make();
      const session = await pool.open({ segments: { words }, data: { does: 'count' } });
      const [first, second] = await Promise.all([session.close(), session.close()]);
      expect(second).toEqual({ ...first, status: 'already-closed' });
      expect(view[0]).toBe(0);
    });

    test('that comes after its scope has closed is released at once', async () => {
      const pool = make();
      const inner = scope.child('inner');
      const opening = codeOf(pool.open({ scope: inner }));
      await inner.close();
      expect(await opening).toBe('WT_SCOPE_CLOSED');
      expect(pool.usage()).toMatchObject({ sessions: 0, warm: 2 });
    });

    test('ends with the scope of its pool, and whoever waits is refused', async () => {
      const inner = scope.child('inner');
      const pool = make({ scope: inner, size: 1 });
      const session = await pool.open();
      const waiting = codeOf(pool.open());
      const report = await inner.close();
      expect(report).toMatchObject({ status: 'completed', failures: [] });
      expect(await waiting).toBe('WT_WARM_CLOSED');
      expect(session.isClosed).toBe(true);
      expect(pool.usage().state).toBe('stopped');
    });
  });
});

describe('WarmPool.open() in line', () => {
  test('serves those who wait in order, and one that wants many before one that wants few', async () => {
    const pool = new WarmPool({ script: engine, size: 2, scope, execArgv: [] });
    const first = await pool.open({ members: 1 });
    const order: string[] = [];
    const noted = async (members: number, name: string) => {
      const session = await pool.open({ members });
      order.push(name);
      return session;
    };
    const both = noted(2, 'both');
    const one = noted(1, 'one');
    expect(pool.usage()).toMatchObject({ waiting: 2, warm: 1, busy: 1 });
    await first.close();
    await (await both).close();
    await (await one).close();
    expect(order).toEqual(['both', 'one']);
  });

  test('says WT_WARM_BUSY when no member comes free in time, and leaves the line', async () => {
    const pool = new WarmPool({ script: engine, size: 1, scope, execArgv: [] });
    const session = await pool.open();
    await expect(pool.open({ timeoutMs: 20 })).rejects.toMatchObject({ code: 'WT_WARM_BUSY' });
    expect(pool.usage().waiting).toBe(0);
    await session.close();
    await (await pool.open()).close();
  });

  test('says why when replacements do not start', async () => {
    const file = script(`
      import { existsSync, writeFileSync } from 'node:fs';
      if (existsSync(process.argv[2])) throw new Error('no device');
      writeFileSync(process.argv[2], '');
      await import(process.argv[3]);`);
    const argv = [join(folder, `once-${process.pid}`), engine];
    const pool = new WarmPool({ script: file, size: 1, scope, execArgv: [], argv });
    const session = await pool.open({ data: { does: 'leaves-timer' } });
    await session.close();
    await expect(pool.open({ timeoutMs: 500 })).rejects.toMatchObject({
      code: 'WT_WARM_BUSY',
      cause: { code: 'WT_WARM_CANNOT_START', cause: { message: 'no device' } },
    });
  });

  test('many callers at once, 50 times: each gets its members, none is lost', async () => {
    const pool = new WarmPool({ script: engine, size: 2, scope, execArgv: [] });
    await pool.start();
    for (let round = 0; round < 50; round++) {
      const sessions = Array.from({ length: 6 }, async (_, n) => {
        const session = await pool.open({ members: 1 + (n % 2), data: { does: 'describe', n } });
        expect(session.results).toHaveLength(1 + (n % 2));
        const [a, b] = await Promise.all([session.close(), session.close()]);
        expect([a.status, b.status]).toEqual(['completed', 'already-closed']);
      });
      await Promise.all(sessions);
    }
    expect(pool.usage()).toMatchObject({ opened: 300, replaced: 0, waiting: 0, sessions: 0, warm: 2 });
  });
});

test('wrong options are refused by name, rule and value', () => {
  const make = (options: object) => () => new WarmPool({ script: engine, size: 1, ...options } as WarmPoolOptions);
  expect(make({ size: 0 })).toThrow('new WarmPool(options): size must be a whole number from 1, got 0');
  expect(make({ spare: 1.5 })).toThrow('spare must be a whole number from 0, got 1.5');
  expect(make({ kind: 'thread' })).toThrow('kind must be "worker" or "process", not the text "thread"');
  expect(make({ script: 5 })).toThrow('script must be a URL or a path, not the number 5');
  expect(make({ script: new URL('https://a.b/c.js') })).toThrow('script must be a file: URL, not https:');
  expect(make({ startTimeoutMs: 0 })).toThrow('startTimeoutMs must be more than 0 and at most 2147483647 ms, got 0');
  expect(make({ threads: 1 })).toThrow('there is no option "threads"');
  expect(make({ scope: {} })).toThrow('scope must be a Scope');
  expect(make({ execArgv: '--x' })).toThrow('execArgv must be an array of strings');
  expect(make({ kind: 'process', workerData: 1 })).toThrow('workerData is for threads');
  expect(make({ leftovers: true })).toThrow('leftovers must be "replace" or "report", not the boolean true');
});

test('wrong options of open() are refused before a member is taken', async () => {
  const pool = new WarmPool({ script: engine, size: 1, scope, execArgv: [] });
  const open = (options: object) => pool.open(options as never);
  await expect(open({ members: 2 })).rejects.toThrow('members must be at most size (1), got 2');
  await expect(open({ timeoutMs: -1 })).rejects.toThrow(RangeError);
  await expect(open({ segments: { a: 1 } })).rejects.toThrow(
    'segments.a must be a Segment or its handle, not the number 1',
  );
  await expect(open({ signal: 1 })).rejects.toThrow(TypeError);
  expect(pool.usage()).toMatchObject({ state: 'new', started: 0 });
});
