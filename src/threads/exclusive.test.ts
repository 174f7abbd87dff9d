import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Scope } from '../scope/index.js';
import { exclusive } from './index.js';

class Account {
  balance: number;
  readonly #log: string[] = [];
  constructor(balance: number) {
    this.balance = balance;
  }
  get log(): readonly string[] {
    return this.#log;
  }
  /** Wrong when another call comes in between: it reads, waits, writes. */
  async take(amount: number): Promise<number> {
    const before = this.balance;
    await null;
    await null;
    if (amount > before) throw new RangeError(`only ${before}`);
    this.balance = before - amount;
    this.#log.push(`take ${amount}`);
    return this.balance;
  }
  async takeTwice(amount: number): Promise<number> {
    await this.take(amount);
    return this.take(amount);
  }
  sum(a: number, b: number): number {
    return a + b;
  }
}
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    (error: { code?: string; message: string }) => error.code ?? error.message,
  );
function gate(): { promise: Promise<void>; open: () => void } {
  let open = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

describe('exclusive()', () => {
  test('runs calls one after the other, in the order in which they came', async () => {
    const plain = new Account(100);
    await Promise.all([1, 2, 3].map((n) => plain.take(n)));
    expect(plain.balance).toBe(97);
    const guarded = new Account(100);
    const account = exclusive(guarded);
    expect(await Promise.all([1, 2, 3].map((n) => account.take(n)))).toEqual([99, 97, 94]);
    expect(guarded.log).toEqual(['take 1', 'take 2', 'take 3']);
  });

  test('a free object is entered at once, and a synchronous method gives a promise', async () => {
    let entered = false;
    const facade = exclusive({ enter: () => (entered = true), sum: (a: number, b: number) => a + b });
    const done = facade.enter();
    expect(entered).toBe(true);
    await done;
    expect(await facade.sum(1, 2)).toBe(3);
    expect(await exclusive(new Account(0)).sum(2, 2)).toBe(4);
  });

  test('a call that fails lets the next one in', async () => {
    const account = exclusive(new Account(5));
    const calls = [account.take(9), account.take(2)];
    await expect(calls[0]).rejects.toThrow('only 5');
    expect(await calls[1]).toBe(3);
    const broken = exclusive({
      fail() {
        throw new Error('at once');
      },
      ok: () => 1,
    });
    expect(await Promise.all([codeOf(broken.fail()), broken.ok()])).toEqual(['at once', 1]);
  });

  test('methods call each other freely', async () => {
    const account = exclusive(new Account(10));
    expect(await Promise.all([account.takeTwice(2), account.take(1)])).toEqual([6, 5]);
  });

  test('shows methods only, and can be awaited and printed', async () => {
    const account = exclusive(new Account(10)) as unknown as Record<string, unknown>;
    expect(() => account.balance).toThrow('Account.balance must be read inside exclusive.run');
    expect(() => {
      account.balance = 1;
    }).toThrow('Account.balance must be set inside exclusive.run');
    expect(account.nothing).toBeUndefined();
    expect('take' in account).toBe(true);
    expect(await account).toBe(account);
    expect(() => `${Object.prototype.toString.call(account)}`).not.toThrow();
    expect(account.take).toBe(account.take);
  });

  test('refuses wrong arguments, naming them', () => {
    expect(() => exclusive(null as never)).toThrow('object must be an object, not null');
    expect(() => exclusive(1 as never)).toThrow(TypeError);
    expect(() => exclusive({}, { timeoutMs: 0 })).toThrow('timeoutMs must be above 0, not 0');
    expect(() => exclusive({}, { scope: {} as never })).toThrow('scope must be a Scope, not an object');
    expect(() => exclusive({}, { owner: {} } as never)).toThrow('there is no option "owner"; there are name, scope');
    expect(() => exclusive({}, { name: 5 as never })).toThrow('name must be a text, not the number 5');
    expect(() => exclusive({}, 50 as never)).toThrow('options must be an object, not the number 50');
    expect(() => exclusive.run({} as never, () => 1)).toThrow('facade must come from exclusive()');
    expect(() => exclusive.run(exclusive({}), 5 as never)).toThrow('body must be a function, not the number 5');
  });

  test('any mix of calls ends as if there had been one caller', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 3 })), { maxLength: 30 }),
        async (calls) => {
          let model = 100;
          const expected = calls.map(([amount]) => {
            if (amount > model) return `only ${model}`;
            model -= amount;
            return `${model}`;
          });
          const account = exclusive(new Account(100));
          const results: Promise<string>[] = [];
          for (const [amount, ticks] of calls) {
            results.push(account.take(amount).then(String, (error: Error) => error.message));
            for (let n = 0; n < ticks; n++) await null;
          }
          expect(await Promise.all(results)).toEqual(expected);
        },
      ),
    );
  });
});

describe('exclusive.run()', () => {
  test('keeps several calls together', async () => {
    const account = exclusive(new Account(10));
    const both = exclusive.run(account, async (own) => {
      await own.take(1);
      await own.take(2);
      return own.balance;
    });
    const other = account.take(3);
    expect(await both).toBe(7);
    expect(await other).toBe(4);
  });

  test('a deadlock ends by timeoutMs and names who holds the object', async () => {
    const account = exclusive(new Account(10), { timeoutMs: 30, name: 'till' });
    const error = await exclusive.run(account, () => account.take(1)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'WT_THREADS_LOCK_TIMEOUT',
      message: expect.stringMatching(/^Cannot enter till\.take as run has held it for \d+ ms$/),
      details: { object: 'till', call: 'take', holder: 'run' },
    });
    expect(await account.take(1)).toBe(9);
  });

  test('detectReentry refuses at once a call that would wait for itself, also after awaits', async () => {
    const account = exclusive(new Account(10), { detectReentry: true });
    const codes = await exclusive.run(account, async () => {
      const now = await codeOf(account.take(1));
      await new Promise(setImmediate);
      return [now, await codeOf(exclusive.run(account, () => 1))];
    });
    expect(codes).toEqual(['WT_THREADS_WOULD_DEADLOCK', 'WT_THREADS_WOULD_DEADLOCK']);
    expect(await account.take(1)).toBe(9);
  });

  test('detectReentry lets others wait: callers beside, other objects, work left behind unawaited', async () => {
    const one = exclusive(new Account(10), { detectReentry: true });
    const two = exclusive(new Account(20), { detectReentry: true });
    const { promise, open } = gate();
    let left: Promise<string> | undefined;
    const inside = exclusive.run(one, async () => {
      left = promise.then(() => codeOf(one.take(1)));
      return two.take(1);
    });
    const beside = one.take(2);
    expect(await inside).toBe(19);
    expect(await beside).toBe(8);
    // The call that left it behind is over, and another one is followed meanwhile.
    const other = gate();
    const busy = exclusive.run(two, () => other.promise);
    open();
    expect(await left).toBe('resolved');
    other.open();
    await busy;
  });
});

describe('an exclusive object ends', () => {
  test('on success: close() waits for the call inside and rejects those that wait', async () => {
    const { promise, open } = gate();
    const facade = exclusive({ hold: () => promise, next: () => 1 });
    const inside = facade.hold();
    const waiting = codeOf(facade.next());
    let isClosed = false;
    const closing = exclusive.close(facade).then(() => {
      isClosed = true;
    });
    expect(await waiting).toBe('WT_THREADS_LOCK_CLOSED');
    expect(await codeOf(facade.next())).toBe('WT_THREADS_LOCK_CLOSED');
    expect(isClosed).toBe(false);
    open();
    await Promise.all([inside, closing]);
  });

  test('on throw: the one inside fails, closing goes on', async () => {
    const facade = exclusive({ fail: () => Promise.reject(new Error('inside')) });
    const inside = codeOf(facade.fail());
    await exclusive.close(facade);
    expect(await inside).toBe('inside');
  });

  test('on cancel: a wait that runs out leaves no place in the line', async () => {
    const { promise, open } = gate();
    const facade = exclusive({ hold: () => promise, next: (n: number) => n }, { timeoutMs: 30 });
    const inside = facade.hold();
    expect(await Promise.all([1, 2, 3].map((n) => codeOf(facade.next(n))))).toEqual(
      Array(3).fill('WT_THREADS_LOCK_TIMEOUT'),
    );
    open();
    await inside;
    expect(await facade.next(4)).toBe(4);
  });

  test('on double close, and from inside itself: returns', async () => {
    const facade = exclusive(
      { end: (): Promise<unknown> => Promise.all([facade[Symbol.asyncDispose](), 1]) },
      { detectReentry: true },
    );
    await facade.end();
    await Promise.all([exclusive.close(facade), exclusive.close(facade)]);
  });

  test('on its owner closing while someone waits', async () => {
    const scope = new Scope('owner');
    const { promise, open } = gate();
    const facade = exclusive({ hold: () => promise, next: () => 1 }, { scope });
    const inside = facade.hold();
    const waiting = codeOf(facade.next());
    const closing = scope.close();
    expect(await waiting).toBe('WT_THREADS_LOCK_CLOSED');
    open();
    await inside;
    expect(await closing).toMatchObject({ status: 'completed' });
  });

  test('close() gives up by timeoutMs and names the call inside', async () => {
    const facade = exclusive({ hold: () => new Promise(() => {}) }, { name: 'stuck' });
    void facade.hold();
    const error = await exclusive.close(facade, { timeoutMs: 30 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'WT_THREADS_LOCK_TIMEOUT', details: { object: 'stuck', holder: 'hold' } });
  });

  test('an early close() takes it out of its owner', async () => {
    const scope = new Scope('owner');
    const facade = exclusive({}, { scope });
    expect(scope.size).toBe(1);
    await exclusive.close(facade);
    expect(scope.size).toBe(0);
    await scope.close();
  });
});
