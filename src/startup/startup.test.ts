import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { WatertightError } from '../core/index.js';
import { Scope } from '../scope/index.js';
import { type Impact, Startup, type StartupOptions, type StartupReport, startupText } from './index.js';
import { PHASE_OPTION_NAMES, STARTUP_OPTION_NAMES, STEP_OPTION_NAMES, WATCHDOG_OPTION_NAMES } from './startup.js';

let scope: Scope;
beforeAll(() => void vi.useFakeTimers());
afterAll(() => void vi.useRealTimers());
beforeEach(() => {
  scope = new Scope('app');
});
afterEach(async () => {
  const closing = scope.close();
  await vi.runAllTimersAsync();
  await closing;
  vi.unstubAllEnvs();
});

const make = (options: Partial<StartupOptions> = {}) => new Startup({ scope, watchdog: false, ...options });
const never = () => new Promise<never>(() => {});
const later = <T>(ms: number, value?: T) => new Promise<T>((resolve) => setTimeout(() => resolve(value as T), ms));
/** Runs until all timers are out, and gives what came. */
async function ran<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await vi.runAllTimersAsync();
  return promise;
}
const steps = (report: StartupReport) =>
  Object.fromEntries(report.phases.flatMap((phase) => phase.steps).map((step) => [step.name, step]));
const statuses = (report: StartupReport) =>
  Object.fromEntries(Object.entries(steps(report)).map(([name, { status }]) => [name, status]));

describe('Startup.run()', () => {
  test('runs phases one after another and independent steps of a phase together', async () => {
    const startup = make()
      .phase('one')
      .step('a', {}, () => later(100))
      .step('b', {}, () => later(100))
      .step('c', { needs: ['a'] }, () => later(100))
      .phase('two')
      .step('d', {}, () => later(100));
    const report = await ran(startup.run());
    expect(report.status).toBe('completed');
    const begun = Object.fromEntries(
      Object.entries(steps(report)).map(([name, { startedAfterMs = -1 }]) => [
        name,
        Math.round(startedAfterMs / 10) * 10,
      ]),
    );
    expect(begun).toEqual({ a: 0, b: 0, c: 100, d: 200 });
    expect(Math.round(report.durationMs)).toBe(300);
    expect(report.phases.map(({ durationMs }) => Math.round(durationMs))).toEqual([200, 100]);
  });

  test('gives a step the values that it needs, and only those', async () => {
    const startup = make()
      .phase('one')
      .step('url', {}, () => 'db://1')
      .step('other', {}, () => 1)
      .phase('two')
      .step('database', { needs: ['url'] }, ({ results }) => ({ results, length: results.url.length }));
    expect((await ran(startup.start())).database).toEqual({ results: { url: 'db://1' }, length: 6 });
  });

  test('runs once: every call gives the one report, and nothing can be declared any more', async () => {
    const run = vi.fn();
    const startup = make().phase('one').step('a', {}, run);
    const [first, second] = await ran(Promise.all([startup.run(), startup.run()]));
    expect(first).toBe(second);
    expect(run).toHaveBeenCalledTimes(1);
    expect(() => startup.phase('two')).toThrow(RangeError);
    expect(() => startup.step('b', {}, run)).toThrow('steps must be declared before the start-up runs');
  });

  test('leaves no timer of a step that is done', async () => {
    const startup = make()
      .phase('one')
      .step('a', {}, () => 1);
    await startup.run();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('is complete at once without steps', async () => {
    expect((await ran(make().run())).status).toBe('completed');
  });

  test('runs nothing when needs are wrong', async () => {
    const run = vi.fn();
    const startup = make()
      .phase('one')
      .step('a', {}, run)
      .step('b', { needs: ['nobody'] }, run);
    await expect(ran(startup.run())).rejects.toThrow('needs must name steps, received nobody');
    expect(run).not.toHaveBeenCalled();
  });
});

describe('limits', () => {
  test('a step is cut at its limit of 5 s, and the report names step, limit and time', async () => {
    const report = await ran(make().phase('one').step('hangs', {}, never).run());
    expect(report.status).toBe('failed');
    expect(report.failed).toMatchObject({
      phase: 'one',
      name: 'hangs',
      status: 'timeout',
      impact: 'blocking',
      limitOf: 'step',
      grantedMs: 5_000,
      isAbandoned: true,
      error: {
        code: 'WT_STARTUP_STEP_TIMEOUT',
        message: 'Cannot finish the step one/hangs within 5000 ms, its own limit',
      },
    });
    expect(report.failed?.durationMs).toBeGreaterThanOrEqual(5_000);
    expect(report.failed?.durationMs).toBeLessThan(5_050);
    expect(report.failed?.declaredAt).toMatch(/startup\.test\.ts:\d+$/);
  });

  test('ten steps of 5 s inside a start-up of 30 s end at 30 s', async () => {
    let startup = make({ criticalTimeoutMs: 60_000 }).phase('all', { timeoutMs: 60_000 });
    for (let i = 0; i < 10; i++) {
      const needs = i === 0 ? [] : [`s${i - 1}`];
      startup = startup.step(`s${i}`, { needs }, () => later(4_900)) as typeof startup;
    }
    const report = await ran(startup.run());
    expect(report.status).toBe('failed');
    expect(report.durationMs).toBeGreaterThanOrEqual(30_000);
    expect(report.durationMs).toBeLessThan(30_050);
    expect(statuses(report)).toEqual({
      ...Object.fromEntries([0, 1, 2, 3, 4, 5].map((i) => [`s${i}`, 'completed'])),
      s6: 'timeout',
      ...Object.fromEntries([7, 8, 9].map((i) => [`s${i}`, 'skipped'])),
    });
    expect(report.failed).toMatchObject({ name: 's6', limitOf: 'start-up' });
    expect(report.failed?.grantedMs).toBeCloseTo(600, -2);
  });

  test('blocking steps end with the critical path at 20 s, others may go on to 30 s', async () => {
    const startup = make()
      .phase('one')
      .step('slow', { timeoutMs: 14_000, impact: 'warning' }, () => later(13_000))
      .phase('two')
      .step('vital', { timeoutMs: 14_000, needs: [] }, never)
      .step('extra', { timeoutMs: 14_000, impact: 'degraded' }, () => later(10_000));
    const report = await ran(startup.run());
    expect(report.failed).toMatchObject({ name: 'vital', limitOf: 'critical path' });
    expect(report.failed?.grantedMs).toBeCloseTo(7_000, -2);

    scope = new Scope('again');
    const spared = make()
      .phase('one')
      .step('slow', { timeoutMs: 14_000, impact: 'warning' }, () => later(13_000))
      .phase('two')
      .step('extra', { timeoutMs: 14_000, impact: 'degraded' }, () => later(10_000));
    expect((await ran(spared.run())).status).toBe('completed');
  });

  test('steps end with their phase at 15 s, and those that wait are skipped with the reason', async () => {
    const startup = make()
      .phase('one')
      .step('a', { timeoutMs: 20_000, impact: 'degraded' }, never)
      .step('b', { timeoutMs: 10_000, impact: 'degraded' }, () => later(9_000))
      .step('c', { timeoutMs: 10_000, impact: 'degraded', needs: ['b'] }, () => later(9_000))
      .step('d', { impact: 'degraded', needs: ['c'] }, never)
      .phase('two')
      .step('e', {}, () => 1);
    const report = await ran(startup.run());
    expect(report.status).toBe('degraded');
    expect(statuses(report)).toEqual({ a: 'timeout', b: 'completed', c: 'timeout', d: 'skipped', e: 'completed' });
    expect(steps(report).a).toMatchObject({ limitOf: 'phase', grantedMs: 15_000 });
    expect(steps(report).c).toMatchObject({ limitOf: 'phase' });
    expect(steps(report).d?.reason).toBe('it needs c, which did not complete');
  });

  test('a step that could begin when nothing is left is skipped', async () => {
    const startup = make({ timeoutMs: 1_000 })
      .phase('one')
      .step('a', { impact: 'degraded' }, never)
      .phase('two')
      .step('b', { impact: 'degraded' }, () => 1);
    const report = await ran(startup.run());
    expect(statuses(report)).toEqual({ a: 'timeout', b: 'skipped' });
    expect(steps(report).b?.reason).toBe('the start-up had nothing left of 1000 ms');
  });

  test('extend() gives a step that makes progress more time, as far as its phase goes', async () => {
    const granted: number[] = [];
    const startup = make()
      .phase('one', { timeoutMs: 12_000 })
      .step('migration', {}, async ({ extend, deadlineAt }) => {
        granted.push(deadlineAt);
        for (let part = 0; part < 6; part++) {
          await later(3_000);
          granted.push(extend(5_000));
        }
      });
    const report = await ran(startup.run());
    expect(report.failed).toMatchObject({ status: 'timeout', limitOf: 'phase' });
    const [first = 0, ...extended] = granted;
    expect(extended.map((at) => Math.round((at - first) / 100) * 100)).toEqual([
      3_000, 6_000, 7_000, 7_000, 7_000, 7_000,
    ]);
    expect(report.durationMs).toBeGreaterThanOrEqual(12_000);
    expect(report.durationMs).toBeLessThan(12_050);
  });

  test('extend() refuses what is no time, and does nothing any more after the end', async () => {
    let extend: (ms: number) => number = () => 0;
    const startup = make()
      .phase('one')
      .step('a', {}, (context) => {
        ({ extend } = context);
        return context.deadlineAt;
      });
    const { a } = await ran(startup.start());
    for (const ms of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) expect(() => extend(ms)).toThrow(RangeError);
    expect(extend(60_000)).toBe(a);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a step that comes back after its limit has timed out, though no timer could say so', async () => {
    const report = await ran(
      make()
        .phase('one')
        .step('blocks', { timeoutMs: 1_000 }, () => {
          // As if it had computed for 1.5 s: the clock has moved, no timer has fired.
          const now = performance.now();
          vi.spyOn(performance, 'now').mockImplementation(() => now + 1_500);
        })
        .run()
        .finally(() => vi.restoreAllMocks()),
    );
    expect(report.failed).toMatchObject({ status: 'timeout', isAbandoned: false });
  });
});

describe('signal', () => {
  test('a step that gives up when its signal aborts has timed out, and is not abandoned', async () => {
    const startup = make()
      .phase('one')
      .step('obeys', { impact: 'degraded' }, ({ signal }) => {
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      });
    const report = await ran(startup.run());
    expect(steps(report).obeys).toMatchObject({ status: 'timeout', isAbandoned: false });
    expect(steps(report).obeys?.error).toMatchObject({ code: 'WT_STARTUP_STEP_TIMEOUT' });
  });

  test('aborts at the limit of its step with the reason, before anything of it is released', async () => {
    const seen: unknown[] = [];
    const startup = make()
      .phase('one')
      .step('a', { impact: 'degraded' }, ({ signal, scope: own }) => {
        own.defer('thing', () => seen.push('released'));
        signal.addEventListener('abort', () => seen.push((signal.reason as WatertightError).code));
        return never();
      });
    await ran(startup.run());
    expect(seen).toEqual(['WT_STARTUP_STEP_TIMEOUT', 'released']);
  });

  test('aborts what a failed step left running beside it, and when another step ends the start-up', async () => {
    const reasons: unknown[] = [];
    const watch = (name: string, signal: AbortSignal) =>
      signal.addEventListener('abort', () => reasons.push([name, (signal.reason as Error).message]));
    const startup = make()
      .phase('one')
      .step('fails', {}, async ({ signal }) => {
        watch('fails', signal);
        await later(10);
        throw new Error('no route');
      })
      .step('waits', {}, ({ signal }) => {
        watch('waits', signal);
        return never();
      });
    const report = await ran(startup.run());
    expect(reasons).toEqual([
      ['fails', 'no route'],
      ['waits', 'Cannot go on as the step one/fails ended the start-up'],
    ]);
    expect(statuses(report)).toEqual({ fails: 'failed', waits: 'cancelled' });
  });

  test('is aborted from the start for whoever asks for it too late, and never for a step that completed', async () => {
    const contexts: { signal: AbortSignal }[] = [];
    const startup = make()
      .phase('one')
      .step('good', {}, (context) => void contexts.push(context))
      .step('late', { impact: 'degraded' }, (context) => {
        contexts.push(context);
        return never();
      });
    await ran(startup.run());
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([false, true]);
  });
});

describe('impact and policy', () => {
  const failing = (impact: Impact, options: Partial<StartupOptions> = {}) =>
    make(options)
      .phase('one')
      .step('fails', { impact }, () => {
        throw new Error('no route');
      })
      .step('needs it', { needs: ['fails'], impact: 'warning' }, () => 1)
      .step('alone', {}, () => later(10));

  test('a blocking failure ends the start-up', async () => {
    const report = await ran(failing('blocking').run());
    expect(report).toMatchObject({ status: 'failed', failed: { name: 'fails', error: { message: 'no route' } } });
    expect(statuses(report)).toEqual({ fails: 'failed', 'needs it': 'skipped', alone: 'cancelled' });
    expect(steps(report)['needs it']?.reason).toBe('the step one/fails ended the start-up');
  });

  test('a degraded failure lets it go on with less, dependents are skipped with the reason', async () => {
    const report = await ran(failing('degraded').run());
    expect(report.status).toBe('degraded');
    expect(report.failed).toBeUndefined();
    expect(report.rollback).toBeUndefined();
    expect(statuses(report)).toEqual({ fails: 'failed', 'needs it': 'skipped', alone: 'completed' });
    expect(steps(report)['needs it']?.reason).toBe('it needs fails, which did not complete');
  });

  test('a warning alone leaves the start-up complete', async () => {
    expect((await ran(failing('warning').run())).status).toBe('completed');
  });

  test('a blocking step that cannot run, as what it needs is missing, ends the start-up', async () => {
    const startup = make()
      .phase('one')
      .step('cache', { impact: 'warning' }, never)
      .step('http', { needs: ['cache'] }, () => 1);
    const report = await ran(startup.run());
    expect(report).toMatchObject({ status: 'failed', failed: { name: 'http', status: 'skipped' } });
  });

  test('strict: any failure ends it', async () => {
    expect((await ran(failing('warning', { policy: 'strict' }).run())).status).toBe('failed');
  });

  test('skip: nothing ends it, and the report says what is missing', async () => {
    const report = await ran(failing('blocking', { policy: 'skip' }).run());
    expect(report).toMatchObject({ status: 'degraded', policy: 'skip' });
    expect(statuses(report)).toEqual({ fails: 'failed', 'needs it': 'skipped', alone: 'completed' });
  });

  test('WATERTIGHT_STARTUP decides where the code does not; skip is refused in production', async () => {
    vi.stubEnv('WATERTIGHT_STARTUP', 'strict');
    expect((await ran(failing('warning').run())).policy).toBe('strict');
    vi.stubEnv('WATERTIGHT_STARTUP', 'skip');
    vi.stubEnv('NODE_ENV', 'production');
    expect(() => make()).toThrow(expect.objectContaining({ code: 'WT_STARTUP_SKIP_REFUSED' }));
    expect((await ran(failing('blocking', { policy: 'skip', allowSkipInProduction: true }).run())).policy).toBe('skip');
  });
});

describe('check', () => {
  const counting = (actual: number, impact: Impact, options: Partial<StartupOptions> = {}) =>
    make(options)
      .phase('one')
      .step(
        'agents',
        { impact },
        () => actual,
        (tools) => ({ name: 'tools', expected: 3, actual: tools }),
      );

  test('reports counts that are right', async () => {
    const report = await ran(counting(3, 'blocking').run());
    expect(report.status).toBe('completed');
    expect(steps(report).agents?.checks).toEqual([{ name: 'tools', expected: 3, actual: 3, status: 'healthy' }]);
  });

  test('too few are a warning, and end only a strict start-up', async () => {
    const report = await ran(counting(2, 'blocking').run());
    expect(report.status).toBe('completed');
    expect(steps(report).agents?.checks[0]?.status).toBe('warning');
    scope = new Scope('strict');
    expect((await ran(counting(2, 'blocking', { policy: 'strict' }).run())).status).toBe('failed');
  });

  test('none at all fails a blocking step, and what it took is released', async () => {
    const released = vi.fn();
    const startup = make()
      .phase('one')
      .step(
        'agents',
        {},
        ({ scope: own }) => {
          own.defer('thing', released);
          return [] as string[];
        },
        (list) => [{ name: 'agents', expected: 1, actual: list.length }],
      );
    const report = await ran(startup.run());
    expect(report.failed?.error).toMatchObject({
      code: 'WT_STARTUP_COUNT_TOO_LOW',
      message: 'Cannot accept the step one/agents as there are 0 of at least 1 agents',
    });
    expect(report.failed?.checks).toEqual([{ name: 'agents', expected: 1, actual: 0, status: 'critical' }]);
    expect(released).toHaveBeenCalledTimes(1);
  });

  test('none at all is a warning for a step that does not block, and under skip', async () => {
    expect(steps(await ran(counting(0, 'degraded').run())).agents).toMatchObject({ status: 'completed' });
    scope = new Scope('skip');
    expect(steps(await ran(counting(0, 'blocking', { policy: 'skip' }).run())).agents).toMatchObject({
      status: 'completed',
      checks: [{ status: 'critical' }],
    });
  });

  test('one that throws fails its step', async () => {
    const check = () => {
      throw new Error('cannot count');
    };
    const report = await ran(
      make()
        .phase('one')
        .step('a', {}, () => 1, check)
        .run(),
    );
    expect(report.failed).toMatchObject({ status: 'failed', error: { message: 'cannot count' } });
  });
});

describe('Startup.start()', () => {
  test('gives the values by name, without those that are missing', async () => {
    const startup = make()
      .phase('one')
      .step('port', {}, async () => 3000)
      .step('cache', { impact: 'degraded' }, (): string => {
        throw new Error('no cache');
      });
    const started = await ran(startup.start());
    const port: number = started.port;
    const cache: string | undefined = started.cache;
    expect([port, cache]).toEqual([3000, undefined]);
  });

  test('throws WT_STARTUP_FAILED with the report, caused by what the step threw', async () => {
    const cause = new Error('no route');
    const startup = make()
      .phase('one')
      .step('a', {}, () => Promise.reject(cause));
    await expect(ran(startup.start())).rejects.toMatchObject({
      code: 'WT_STARTUP_FAILED',
      message: 'Cannot start as the step one/a did not complete: no route',
      cause,
      details: { report: { status: 'failed' } },
    });
  });

  test('throws WT_STARTUP_FAILED also for what is no error', async () => {
    for (const thrown of [undefined, null, 0, 'text']) {
      scope = new Scope('again');
      const startup = make()
        .phase('one')
        .step('a', {}, () => Promise.reject(thrown));
      await expect(ran(startup.start())).rejects.toMatchObject({ code: 'WT_STARTUP_FAILED' });
      const { failed } = await startup.run();
      expect(failed?.error).toEqual(thrown ?? new Error(`The step one/a threw ${thrown}`));
    }
  });

  test('throws WT_STARTUP_CANCELLED when the scope closes', async () => {
    const starting = make().phase('one').step('a', {}, never).start();
    starting.catch(() => {});
    void scope.close();
    await expect(ran(starting)).rejects.toMatchObject({ code: 'WT_STARTUP_CANCELLED' });
  });
});

describe('wrong arguments', () => {
  test('are refused with parameter, rule and what was received', () => {
    const run = () => {};
    const one = () => make().phase('one');
    const wrong: [() => unknown, RegExp][] = [
      [() => new Startup({ scope: {} as Scope }), /scope must be a Scope/],
      [() => make({ timeoutMs: 0 }), /timeoutMs }\) must be a time in ms above 0 .* received 0/],
      [() => make({ criticalTimeoutMs: Number.NaN }), /criticalTimeoutMs.* received NaN/],
      [() => make({ rollbackTimeoutMs: 2 ** 31 }), /rollbackTimeoutMs.* received 2147483648/],
      [() => make({ watchdog: { graceMs: 10 } }), /graceMs must be .* from 50, received 10/],
      [() => make({ watchdog: { exitCode: 0 } }), /exitCode must be an integer from 1 to 255, received 0/],
      [() => make({ watchdog: { exitCode: 256 } }), /received 256/],
      [() => make().step('a', {}, run), /a phase must be begun first/],
      [() => make().phase(''), /name must not be empty/],
      [() => one().phase('one'), /name must be new, received 'one' again/],
      [() => one().phase('two', { timeoutMs: -1 }), /phase 'two': timeoutMs .* received -1/],
      [() => one().step('a', {}, run).phase('two').step('a', {}, run), /name must be new, received 'a' again/],
      [() => one().step(1 as never, {}, run), /name must be a string, received number/],
      [() => one().step('a', {}, undefined as never), /run must be a function, received undefined/],
      [() => one().step('a', { impact: 'bad' as Impact }, run), /impact must be one of .* received bad/],
      [() => one().step('a', { timeoutMs: '1' as never }, run), /step 'a': timeoutMs .* received 1/],
      [() => new Startup(undefined as never), /options must be an object, not undefined/],
      [() => new Startup({ scope: 5 as never }), /scope must be a Scope, not the number 5/],
      [() => make({ timeout: 5 } as never), /there is no option "timeout"; there are scope, name, timeoutMs/],
      [() => make({ name: 5 as never }), /name must be a string, received number/],
      [() => make({ watchdog: true as never }), /options must be an object, not the boolean true/],
      [() => make({ watchdog: { grace: 5 } as never }), /there is no option "grace"; there are graceMs, exitCode/],
      [() => make({ watchdog: { graceMs: '100' as never } }), /graceMs must be .* received 100/],
      [() => one().phase('two', 50 as never), /phase 'two': options must be an object, not the number 50/],
      [() => one().phase('two', { timeout: 5 } as never), /phase 'two': there is no option "timeout"/],
      [() => one().step('a', run as never, run), /step 'a': options must be an object, not a function/],
      [() => one().step('a', { need: ['b'] } as never, run), /step 'a': there is no option "need"/],
      [() => one().step('a', {}, run, 5 as never), /step 'a': check must be a function, not the number 5/],
      [() => one().step('a', { needs: 'config' as never }, run), /needs must be an array .*, not the text "config"/],
      [() => one().step('a', { needs: 5 as never }, run), /needs must be an array of names of steps, not the number 5/],
      [() => one().step('a', { needs: [5] as never }, run), /needs must be an array .*, not one with the number 5/],
    ];
    for (const [make, message] of wrong) expect(make).toThrow(message);
  });

  test('leave the name of a refused step free', () => {
    const startup = make().phase('one');
    expect(() => startup.step('a', { needs: 5 as never }, () => {})).toThrow(TypeError);
    expect(() => startup.step('a', {}, () => {})).not.toThrow();
  });

  test('a count that is none fails its step', async () => {
    const startup = make()
      .phase('one')
      .step(
        'tools',
        {},
        () => [],
        () => ({ name: 'tools', expected: Number.NaN, actual: 'x' as never }),
      );
    await expect(ran(startup.start())).rejects.toMatchObject({
      code: 'WT_STARTUP_FAILED',
      cause: {
        name: 'TypeError',
        message: expect.stringContaining('expected must be a number from 0, not the number NaN'),
      },
    });
  });
});

describe('the report', () => {
  test('is printed as its tree wherever Node prints it, and is plain data otherwise', async () => {
    const refused = new Error('connect ECONNREFUSED 127.0.0.1:5432');
    const startup = make()
      .phase('one')
      .step('database', {}, () => {
        throw new Error('Cannot connect', { cause: refused });
      });
    const error = (await ran(startup.start()).catch((thrown: unknown) => thrown)) as WatertightError;
    const report = error.details.report as StartupReport;
    expect(inspect(report)).toBe(startupText(report));
    const printed = inspect(error);
    expect(printed).toMatch(/└─ ✗ database {2}failed after .*Cannot connect ← connect ECONNREFUSED 127\.0\.0\.1:5432/);
    expect(printed).not.toContain('phases: [');
    expect(Reflect.ownKeys({ ...report })).toEqual(Object.keys(report));
    expect(JSON.parse(JSON.stringify(report))).toMatchObject({ status: 'failed', failed: { name: 'database' } });
    expect(structuredClone(report)).toEqual(report);
  });
});

test('docs/startup.md names every option', () => {
  const page = readFileSync(new URL('../../docs/startup.md', import.meta.url), 'utf8');
  const names = [
    ...STARTUP_OPTION_NAMES.filter((name) => name !== 'watchdog'),
    ...WATCHDOG_OPTION_NAMES.map((name) => `watchdog.${name}`),
    ...PHASE_OPTION_NAMES.map((name) => `phase ${name}`),
    ...STEP_OPTION_NAMES.map((name) => `step ${name}`),
  ];
  const rowOf = (name: string) => new RegExp(`^\\| ${name.replace(/^(phase |step |)(.*)$/, '$1`$2`')} +\\|`, 'm');
  expect(names.filter((name) => !rowOf(name).test(page))).toEqual([]);
});
