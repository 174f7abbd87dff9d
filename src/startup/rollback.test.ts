import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Scope } from '../scope/index.js';
import { type Impact, Startup, type StartupOptions, type StartupReport } from './index.js';

let scope: Scope;
beforeAll(() => void vi.useFakeTimers());
afterAll(() => void vi.useRealTimers());
beforeEach(() => {
  scope = new Scope('app');
});

const make = (options: Partial<StartupOptions> = {}) => new Startup({ scope, watchdog: false, ...options });
const never = () => new Promise<never>(() => {});
const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
async function ran<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  await vi.runAllTimersAsync();
  return promise;
}
const statuses = (report: StartupReport) =>
  Object.fromEntries(report.phases.flatMap((phase) => phase.steps.map(({ name, status }) => [name, status])));

/** Things that are open, and the order in which they were closed. */
class Things {
  readonly open = new Set<string>();
  readonly closed: string[] = [];

  take(owner: Scope, name: string): void {
    owner.acquire(
      name,
      () => this.open.add(name),
      () => this.close(name),
    );
  }

  close(name: string): void {
    if (!this.open.delete(name)) throw new Error(`${name} was released twice`);
    this.closed.push(name);
  }
}

describe('what steps take', () => {
  test('stays after success, and is released newest first when the scope closes', async () => {
    const things = new Things();
    const startup = make()
      .phase('one')
      .step('a', {}, ({ scope: own }) => things.take(own, 'a'))
      .step('b', { needs: ['a'] }, ({ scope: own }) => things.take(own, 'b'))
      .phase('two')
      .step('c', {}, ({ scope: own }) => things.take(own, 'c'));
    expect(await ran(startup.run())).toMatchObject({ status: 'completed' });
    expect(things.open.size).toBe(3);
    expect(String(scope.tree())).toMatch(/start-up[\s\S]*one[\s\S]*two/);
    expect(await ran(scope.close())).toMatchObject({ status: 'completed', initial: 3, released: 3 });
    expect(things.closed).toEqual(['c', 'b', 'a']);
  });

  test('is rolled back when a step throws: all of it, newest first, within the report', async () => {
    const things = new Things();
    const startup = make()
      .phase('one')
      .step('a', {}, ({ scope: own }) => {
        things.take(own, 'a1');
        things.take(own, 'a2');
      })
      .step('b', { needs: ['a'] }, ({ scope: own }) => things.take(own, 'b'))
      .phase('two')
      .step('c', {}, ({ scope: own }) => {
        things.take(own, 'c');
        throw new Error('no route');
      });
    const report = await ran(startup.run());
    expect(report).toMatchObject({ status: 'failed', rollback: { status: 'completed', initial: 4, released: 4 } });
    expect(things.closed).toEqual(['c', 'b', 'a2', 'a1']);
    expect(scope.tree().count).toBe(0);
    expect(scope.isClosed).toBe(false);
  });

  test('is rolled back newest step first, also where a younger step had completed and another still runs', async () => {
    const things = new Things();
    const startup = make()
      .phase('one')
      .step('fails', {}, async ({ scope: own }) => {
        things.take(own, 'oldest');
        await later(50);
        throw new Error('no route');
      })
      .step('runs', {}, ({ scope: own }) => {
        things.take(own, 'middle');
        return never();
      })
      .step('completes', {}, ({ scope: own }) => things.take(own, 'youngest'));
    expect((await ran(startup.run())).rollback).toMatchObject({ status: 'completed', released: 3 });
    expect(things.closed).toEqual(['youngest', 'middle', 'oldest']);
  });

  test('is released at once when the start-up goes on without its step', async () => {
    const things = new Things();
    const startup = make()
      .phase('one')
      .step('fails', { impact: 'degraded' }, ({ scope: own }) => {
        things.take(own, 'a');
        throw new Error('no route');
      })
      .step('looks', {}, async () => {
        await later(1);
        return [...things.closed];
      });
    const { looks } = await ran(startup.start());
    expect(looks).toEqual(['a']);
    const report = await startup.run();
    expect(report.phases[0]?.steps[0]?.released).toMatchObject({ status: 'completed', initial: 1, released: 1 });
  });

  test('is released before the report comes, where that takes less than a second', async () => {
    const startup = make()
      .phase('one')
      .step('fails', { impact: 'degraded' }, ({ scope: own }) => {
        own.defer('slow', () => later(700));
        throw new Error('no route');
      });
    const report = await ran(startup.run());
    expect(report.durationMs).toBeLessThan(50);
    expect(report.phases[0]?.steps[0]?.released).toMatchObject({ status: 'completed', released: 1 });
  });

  test('is released when its step is cut, also what arrives only afterwards', async () => {
    const things = new Things();
    const startup = make()
      .phase('one')
      .step('a', { timeoutMs: 100, impact: 'degraded' }, async ({ scope: own }) => {
        things.take(own, 'early');
        await own.acquire(
          'late',
          async () => {
            await later(1_500);
            things.open.add('late');
          },
          () => things.close('late'),
        );
      });
    const running = startup.run();
    await vi.advanceTimersByTimeAsync(1_200);
    // The start-up does not wait for what may never come: the report says that it has not been released.
    const report = await running;
    expect(report).toMatchObject({ status: 'degraded', phases: [{ steps: [{ isAbandoned: true }] }] });
    expect(report.phases[0]?.steps[0]).not.toHaveProperty('released');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(things.closed).toEqual(['late', 'early']);
    expect(things.open.size).toBe(0);
    expect(scope.tree().count).toBe(0);
  });

  test('is released once when start-up and scope are closed many times at once', async () => {
    const things = new Things();
    const startup = make()
      .phase('one')
      .step('a', {}, ({ scope: own }) => things.take(own, 'a'))
      .step('b', { needs: ['a'] }, ({ scope: own }) => {
        things.take(own, 'b');
        return never();
      });
    const running = startup.run();
    await vi.advanceTimersByTimeAsync(4_999);
    const closing = Promise.all([scope.close(), scope.close(), startup.run(), scope.close()]);
    await ran(closing);
    expect((await running).status).toBe('cancelled');
    expect(things.closed).toEqual(['b', 'a']);
  });

  test('a second owner closed meanwhile: whoever waits for the start-up gets a report', async () => {
    const things = new Things();
    const startup = make()
      .phase('one')
      .step('a', {}, ({ scope: own }) => things.take(own, 'a'))
      .step('hangs', { needs: ['a'] }, never)
      .step('behind', { needs: ['hangs'] }, () => 1);
    const waiting = [startup.run(), startup.run()];
    await vi.advanceTimersByTimeAsync(50);
    const closing = scope.close();
    const [report, again] = await ran(Promise.all(waiting));
    expect(report).toBe(again);
    expect(report.status).toBe('cancelled');
    expect(report.durationMs).toBeLessThan(100);
    expect(statuses(report)).toEqual({ a: 'completed', hangs: 'cancelled', behind: 'skipped' });
    expect(report.phases[0]?.steps[2]?.reason).toBe('the scope closes');
    expect((await closing).status).toBe('completed');
    expect(things.open.size).toBe(0);
  });
});

describe('a scope that closes', () => {
  test('before the start-up runs cancels it whole, and runs nothing', async () => {
    const run = vi.fn();
    await ran(scope.close());
    const report = await ran(make().phase('one').step('a', {}, run).run());
    expect(report.status).toBe('cancelled');
    expect(statuses(report)).toEqual({ a: 'skipped' });
    expect(run).not.toHaveBeenCalled();
  });

  test('tells running steps at once, while other things still drain', async () => {
    let abortedAt = 0;
    scope.hold('server', undefined, () => {}, { drain: () => later(2_000) });
    const startup = make()
      .phase('one')
      .step('a', {}, ({ signal }) => {
        signal.addEventListener('abort', () => {
          abortedAt = performance.now();
        });
        return never();
      });
    const running = startup.run();
    await vi.advanceTimersByTimeAsync(100);
    const closedAt = performance.now();
    void scope.close();
    const report = await ran(running);
    expect(report.status).toBe('cancelled');
    expect(abortedAt - closedAt).toBeLessThan(5);
    expect(report.phases[0]?.steps[0]?.reason).toBe('Cannot go on as the scope app closes');
  });

  test('by a step of the start-up itself cancels it, and nobody waits for anybody for ever', async () => {
    const startup = make()
      .phase('one')
      .step('a', { timeoutMs: 20_000 }, async () => {
        await scope.close();
      });
    const report = await ran(startup.run());
    expect(report.status).toBe('cancelled');
    expect(report.durationMs).toBeLessThan(100);
  });

  test('is waited for: the report of a cancelled start-up comes when all is released, and tells what was', async () => {
    let isReleased = false;
    const startup = make()
      .phase('one')
      .step('slow', {}, ({ scope: own }) => {
        own.defer('slow', async () => {
          await later(2_000);
          isReleased = true;
        });
        return never();
      });
    const running = startup.run().then((report) => ({ report, isReleased }));
    await vi.advanceTimersByTimeAsync(10);
    void scope.close();
    const { report, ...then } = await ran(running);
    expect(report).toMatchObject({ status: 'cancelled', rollback: { status: 'completed' } });
    expect(then).toEqual({ isReleased: true });
  });

  test('because a step failed leaves the start-up failed', async () => {
    const startup = make()
      .phase('one')
      .step('listens', {}, ({ signal }) => {
        signal.addEventListener('abort', () => void scope.close());
        return never();
      })
      .step('fails', {}, () => Promise.reject(new Error('no route')));
    expect(await ran(startup.run())).toMatchObject({ status: 'failed', failed: { name: 'fails' } });
  });

  test('after a failure has begun to roll back does not turn it into a cancel', async () => {
    const startup = make()
      .phase('one')
      .step('a', {}, ({ scope: own }) => {
        own.defer('slow', () => later(3_000));
        throw new Error('no route');
      });
    const running = startup.run();
    await vi.advanceTimersByTimeAsync(1_000);
    void scope.close();
    expect((await ran(running)).status).toBe('failed');
  });

  test('leaves no timer and no listener behind, however the start-up ended', async () => {
    const process = new Startup({ scope, watchdog: false })
      .phase('one')
      .step('a', {}, () => 1)
      .step('b', { impact: 'degraded', timeoutMs: 10 }, never);
    await ran(process.run());
    await ran(scope.close());
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('rolling back', () => {
  test('returns by its limit when a release hangs, and names it', async () => {
    const things = new Things();
    const startup = make({ rollbackTimeoutMs: 1_000 })
      .phase('one')
      .step('a', {}, ({ scope: own }) => things.take(own, 'a'))
      .step('hangs', { needs: ['a'] }, ({ scope: own }) => {
        own.defer('stuck', never);
      })
      .step('fails', { needs: ['hangs'] }, () => {
        throw new Error('no route');
      });
    const from = performance.now();
    const report = await ran(startup.run());
    expect(performance.now() - from).toBeLessThan(10_000);
    expect(report.rollback).toMatchObject({ status: 'timeout', remaining: 1 });
    expect(report.rollback?.durationMs).toBeLessThan(1_050);
    expect(report.rollback?.stuck[0]?.path).toBe('app/start-up/one/hangs/stuck');
    expect(things.closed).toEqual(['a']);
  });

  test('keeps every error of releases in the report, and goes on after each', async () => {
    const things = new Things();
    const startup = make()
      .phase('one')
      .step('a', {}, ({ scope: own }) => {
        things.take(own, 'a');
        for (const name of ['x', 'y']) {
          own.defer(name, () => {
            throw new Error(name);
          });
        }
        return 1;
      })
      .step('fails', { needs: ['a'] }, () => {
        throw new Error('no route');
      });
    const report = await ran(startup.run());
    expect(report.rollback?.status).toBe('failed');
    expect(report.rollback?.failures.map(({ error }) => (error as Error).message)).toEqual(['y', 'x']);
    expect(things.closed).toEqual(['a']);
  });

  test('leaves nothing open when the n-th thing fails, hangs, comes late or closes the scope, for every n and impact', async () => {
    const ways = ['throw', 'hang', 'late', 'close'] as const;
    for (const way of ways) {
      for (const impact of ['blocking', 'degraded'] as const) {
        for (let n = 0; n < 12; n++) await checkFault(n, way, impact);
      }
    }
  });

  async function checkFault(n: number, way: 'throw' | 'hang' | 'late' | 'close', impact: Impact): Promise<void> {
    const things = new Things();
    const app = new Scope(`app ${n} ${way} ${impact}`);
    let count = 0;
    let startup = new Startup({ scope: app, watchdog: false });
    for (let at = 0; at < 4; at++) {
      if (at % 2 === 0) startup = startup.phase(`phase ${at}`);
      startup = startup.step(
        `step ${at}`,
        { impact, needs: at % 2 === 1 ? [`step ${at - 1}`] : [] },
        async ({ scope: own }) => {
          for (let thing = 0; thing < 3; thing++) {
            const number = count++;
            await own.acquire(
              `thing ${number}`,
              async () => {
                await later(10);
                if (number === n) await fault();
                things.open.add(`${number}`);
              },
              () => things.close(`${number}`),
            );
          }
        },
      ) as typeof startup;
    }
    async function fault(): Promise<void> {
      if (way === 'throw') throw new Error('no route');
      if (way === 'hang') await never();
      if (way === 'late') await later(6_000);
      if (way === 'close') void app.close();
    }
    const report = await ran(startup.run());
    const expected = way === 'close' ? 'cancelled' : impact === 'blocking' ? 'failed' : 'degraded';
    expect(`${n} ${way}: ${report.status}`).toBe(`${n} ${way}: ${expected}`);
    if (expected !== 'degraded') expect([...things.open]).toEqual([]);
    await ran(app.close());
    expect([...things.open]).toEqual([]);
  }

  test('any graph of steps with any faults: dependents close before what they need, nothing stays, the report is true', async () => {
    const kinds = fc.constantFrom('ok', 'ok', 'ok', 'slow', 'throw', 'hang');
    const impacts = fc.constantFrom('blocking', 'degraded', 'warning') as fc.Arbitrary<Impact>;
    const one = fc.record({
      kind: kinds,
      impact: impacts,
      needs: fc.array(fc.nat(), { maxLength: 3 }),
      phase: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 10 }), async (plan) => {
        const things = new Things();
        const app = new Scope('app');
        let startup = new Startup({ scope: app, watchdog: false }).phase('phase 0');
        const needsOf = plan.map(({ needs }, at) => [
          ...new Set(needs.map((need) => need % Math.max(at, 1)).filter((need) => need < at)),
        ]);
        for (const [at, { kind, impact, phase }] of plan.entries()) {
          if (phase) startup = startup.phase(`phase ${at + 1}`);
          const needs = needsOf[at]!.map(String);
          startup = startup.step(`${at}`, { impact, needs, timeoutMs: 500 }, async ({ scope: own }) => {
            things.take(own, `${at}`);
            if (kind === 'slow') await later(300);
            if (kind === 'throw') throw new Error('no route');
            if (kind === 'hang') await never();
          }) as typeof startup;
        }
        const report = await ran(startup.run());
        const status = statuses(report);
        const completes = plan.map(
          ({ kind }, at) =>
            (kind === 'ok' || kind === 'slow') && needsOf[at]!.every((need) => status[need] === 'completed'),
        );
        const isVital = plan.some(({ impact }, at) => impact === 'blocking' && !completes[at]);
        expect(report.status === 'failed').toBe(isVital);
        if (isVital) expect(things.open.size).toBe(0);
        else expect(things.open).toEqual(new Set(plan.flatMap((_, at) => (completes[at] ? [`${at}`] : []))));
        await ran(app.close());
        expect(things.open.size).toBe(0);
        for (const [at, needs] of needsOf.entries()) {
          const closed = things.closed.indexOf(`${at}`);
          if (closed >= 0) for (const need of needs) expect(closed).toBeLessThan(things.closed.indexOf(`${need}`));
        }
      }),
      { numRuns: 200 },
    );
  });
});
