import diagnostics from 'node:diagnostics_channel';
import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Permit } from './permit.js';
import { Semaphore } from './semaphore.js';

const closed = expect.objectContaining({ code: 'WT_BOUNDED_CLOSED' });
const full = expect.objectContaining({ code: 'WT_BOUNDED_FULL' });
const settle = () => new Promise(setImmediate);
const collect = () => (globalThis as { gc?: () => void }).gc!();

interface Asked {
  end: 'waits' | 'held' | 'released' | 'cancelled' | 'refused';
  permit?: Permit;
  readonly controller: AbortController;
}

test('Semaphore admits first come first served and never more than its permits, for every order of calls', async () => {
  const command = fc.record({
    call: fc.constantFrom('acquire', 'acquire', 'try', 'release', 'release', 'release', 'cancel'),
    which: fc.nat({ max: 30 }),
  });
  const run = async (permits: number, commands: { call: string; which: number }[], closeAt: number) => {
    const semaphore = new Semaphore(permits, { sites: 'off' });
    const asked: Asked[] = [];
    /** What each one's end is by the rules. */
    const expected: Asked['end'][] = [];
    let isClosed = false;
    const inUse = () => expected.filter((end) => end === 'held').length;
    const giveBack = (index: number) => {
      expected[index] = 'released';
      const next = expected.indexOf('waits');
      if (next >= 0) expected[next] = 'held';
    };
    for (const [at, { call, which }] of commands.entries()) {
      if (at === closeAt) {
        semaphore.close();
        isClosed = true;
        for (const [i, end] of expected.entries()) if (end === 'waits') expected[i] = 'refused';
      }
      const index = which % Math.max(asked.length, 1);
      if (call === 'acquire') {
        const one: Asked = { end: 'waits', controller: new AbortController() };
        asked.push(one);
        expected.push(isClosed ? 'refused' : inUse() < permits ? 'held' : 'waits');
        semaphore.acquire(one.controller.signal).then(
          (permit) => Object.assign(one, { permit, end: 'held' }),
          (error) => (one.end = error.code === 'WT_BOUNDED_CLOSED' ? 'refused' : 'cancelled'),
        );
      } else if (call === 'try') {
        if (isClosed) expect(() => semaphore.tryAcquire()).toThrow(closed);
        else {
          const permit = semaphore.tryAcquire();
          expect(permit !== null).toBe(inUse() < permits);
          if (permit) {
            asked.push({ end: 'held', permit, controller: new AbortController() });
            expected.push('held');
          }
        }
      } else if (call === 'release' && asked[index]?.permit) {
        const one = asked[index];
        if (expected[index] === 'held') giveBack(index);
        one.permit!.release();
        one.end = 'released';
      } else if (call === 'cancel' && asked[index]) {
        if (expected[index] === 'waits') expected[index] = 'cancelled';
        asked[index].controller.abort(new Error('cancelled'));
      }
      await settle();
      expect(asked.map(({ end }) => end)).toEqual(expected);
      expect(semaphore.free).toBe(permits - inUse());
      expect(semaphore.waiting).toBe(expected.filter((end) => end === 'waits').length);
      const listened = asked.filter(({ controller: { signal } }) => getEventListeners(signal, 'abort').length > 0);
      expect(listened.map(({ end }) => end)).toEqual(new Array(semaphore.waiting).fill('waits'));
    }
    semaphore.close();
    for (const { permit } of asked) permit?.release();
    expect(semaphore.free).toBe(permits);
  };
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(command, { maxLength: 40 }), fc.nat({ max: 60 }), run),
    { numRuns: 300 },
  );
});

describe('Semaphore.run()', () => {
  test('gives its permit back on success and on a throw, now or later', async () => {
    const semaphore = new Semaphore(1);
    expect(await semaphore.run(() => 1)).toBe(1);
    expect(await semaphore.run(async () => 2)).toBe(2);
    await expect(
      semaphore.run(() => {
        throw new Error('now');
      }),
    ).rejects.toThrow('now');
    await expect(semaphore.run(() => Promise.reject(new Error('later')))).rejects.toThrow('later');
    expect(semaphore.free).toBe(1);
  });

  test('never runs what was cancelled while it waited', async () => {
    const semaphore = new Semaphore(1);
    const permit = semaphore.tryAcquire()!;
    const controller = new AbortController();
    let ran = false;
    const waiting = semaphore.run(() => {
      ran = true;
    }, controller.signal);
    controller.abort(new Error('cancelled'));
    await expect(waiting).rejects.toThrow('cancelled');
    permit.release();
    await settle();
    expect(ran).toBe(false);
    expect(semaphore.free).toBe(1);
    await expect(semaphore.run(() => 1, controller.signal)).rejects.toThrow('cancelled');
    expect(semaphore.free).toBe(1);
  });

  test('keeps at most as many tasks running as there are permits', async () => {
    const semaphore = new Semaphore(3);
    let running = 0;
    let most = 0;
    const task = async () => {
      most = Math.max(most, ++running);
      await settle();
      running--;
    };
    await Promise.all(Array.from({ length: 50 }, () => semaphore.run(task)));
    expect(most).toBe(3);
    expect(semaphore).toMatchObject({ free: 3, waiting: 0 });
  });
});

describe('Semaphore', () => {
  test('a permit counts once, however often it is released, also by using', async () => {
    const semaphore = new Semaphore(2);
    const permit = await semaphore.acquire();
    {
      using held = permit;
      expect(held.isHeld).toBe(true);
    }
    permit.release();
    expect(permit.isHeld).toBe(false);
    expect(semaphore.free).toBe(2);
  });

  test('close() refuses those who wait, and takes permits back that are out', async () => {
    const semaphore = new Semaphore(1, { name: 'exports' });
    const permit = await semaphore.acquire();
    const waiting = [semaphore.acquire(), semaphore.run(() => 1)];
    semaphore[Symbol.dispose]();
    semaphore.close();
    expect(semaphore.waiting).toBe(0);
    for (const promise of waiting) await expect(promise).rejects.toThrow('Cannot acquire from exports as it is closed');
    await expect(semaphore.acquire()).rejects.toEqual(closed);
    expect(() => semaphore.tryAcquire()).toThrow(closed);
    permit.release();
    expect(semaphore).toMatchObject({ free: 1, isClosed: true, waiting: 0 });
  });

  test('waitingLimit bounds those who wait', async () => {
    const semaphore = new Semaphore(1, { waitingLimit: 1 });
    const permit = await semaphore.acquire();
    const second = semaphore.acquire();
    await expect(semaphore.acquire()).rejects.toEqual(full);
    permit.release();
    (await second).release();
    expect(semaphore.free).toBe(1);
  });

  test('wrong arguments are refused', () => {
    expect(() => new Semaphore(0)).toThrow(RangeError);
    expect(() => new Semaphore(1, { sites: 'often' as 'off' })).toThrow(
      'sites must be off, sampled, always, got the text "often"',
    );
    expect(() => new Semaphore(1, { waitingLimit: 0.5 })).toThrow(RangeError);
    expect(new Semaphore(1, { name: 'all', waitingLimit: 1, sites: 'off' }).free).toBe(1);
  });

  test.each<[unknown, string]>([
    [null, 'Semaphore: options must be an object, not null'],
    [{ limit: 5 }, 'Semaphore: there is no option "limit"; there are name, waitingLimit, sites'],
    [{ name: '' }, 'Semaphore: name must be a text that is not empty, got the text ""'],
  ])('refuses the options %o', (options, message) => {
    expect(() => new Semaphore(1, options as object)).toThrow(message);
  });

  test('wrong signals and tasks are refused, and cost no permit', async () => {
    const semaphore = new Semaphore(1);
    for (const free of [1, 0]) {
      const permit = free === 0 ? await semaphore.acquire() : null;
      await expect(semaphore.acquire(5 as never)).rejects.toThrow(
        'acquire(): signal must be an AbortSignal, not the number 5',
      );
      await expect(semaphore.run(() => 1, {} as never)).rejects.toThrow(
        'run(): signal must be an AbortSignal, not an object',
      );
      await expect(semaphore.run('task' as never)).rejects.toThrow('run(): task must be a function, got the text');
      expect(semaphore).toMatchObject({ free, waiting: 0 });
      permit?.release();
    }
    expect(semaphore.free).toBe(1);
  });

  test('a forgotten permit comes back, lets the next one in, and is reported with the line that acquired it', async () => {
    const semaphore = new Semaphore(2, { name: 'exports', sites: 'always' });
    const published: unknown[] = [];
    const onForgotten = (message: unknown) => published.push(message);
    diagnostics.subscribe('watertight:permit-forgotten', onForgotten);
    const warned: (Error & { code: string })[] = [];
    const onWarning = (warning: Error) => {
      if (warning.message.includes('permit of exports')) warned.push(warning as Error & { code: string });
    };
    process.on('warning', onWarning);
    const forget = async () => void (await semaphore.acquire());
    await forget();
    await forget();
    let admitted = 0;
    const waiting = semaphore.run(() => admitted++);
    while (semaphore.forgotten < 2) {
      await settle();
      collect();
    }
    await waiting;
    diagnostics.unsubscribe('watertight:permit-forgotten', onForgotten);
    expect(admitted).toBe(1);
    expect(semaphore.free).toBe(2);
    const place = expect.stringMatching(/^src\/bounded\/semaphore\.test\.ts:\d+$/);
    expect(published).toEqual(new Array(2).fill({ name: 'exports', acquiredAt: place }));
    await settle();
    process.off('warning', onWarning);
    expect(warned.map(({ code }) => code)).toEqual(['WT_BOUNDED_PERMIT_FORGOTTEN']);
    expect(warned[0]!.message).toMatch(/^A permit of exports was forgotten: it was never released; acquired at src\//);
  });

  test('a permit that was released is not forgotten when it is collected', async () => {
    const semaphore = new Semaphore(1, { sites: 'off' });
    await (async () => (await semaphore.acquire()).release())();
    const forget = async () => void (await semaphore.acquire());
    await forget();
    while (semaphore.forgotten === 0) {
      await settle();
      collect();
    }
    await settle();
    expect(semaphore).toMatchObject({ forgotten: 1, free: 1 });
  });

  test('a permit of a closed semaphore is taken back without a report', async () => {
    const semaphore = new Semaphore(1, { name: 'closed one' });
    const names: string[] = [];
    const listener = (message: unknown) => names.push((message as { name: string }).name);
    diagnostics.subscribe('watertight:permit-forgotten', listener);
    await (async () => void (await semaphore.acquire()))();
    semaphore.close();
    while (semaphore.free === 0) {
      await settle();
      collect();
    }
    diagnostics.unsubscribe('watertight:permit-forgotten', listener);
    expect(names).toEqual([]);
    expect(semaphore.forgotten).toBe(1);
  });
});
