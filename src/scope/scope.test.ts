import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EventEmitter, getEventListeners } from 'node:events';
import { tmpdir } from 'node:os';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Scope } from './scope.js';

const never = () => new Promise<never>(() => {});
const code = (expected: string) => expect.objectContaining({ code: expected });

/** A promise and its two ends. */
function gate<T = void>() {
  let open!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

describe('Scope.close()', () => {
  test('releases newest first, and once', async () => {
    const order: number[] = [];
    const scope = new Scope('test');
    for (const n of [1, 2, 3]) scope.defer(() => order.push(n));
    const report = await scope.close();
    expect(order).toEqual([3, 2, 1]);
    expect(report).toMatchObject({ scope: 'test', status: 'completed', initial: 3, released: 3, remaining: 0 });
    expect(report.failures).toEqual([]);
    expect(report.stuck).toEqual([]);
  });

  test('releases children before parents, the newest child first, whatever was acquired in between', async () => {
    const order: string[] = [];
    const root = new Scope('root');
    root.defer('first', () => order.push('root first'));
    const older = root.child('older');
    const newer = root.child('newer');
    newer.child('deep').defer('deep', async () => order.push('deep'));
    root.defer('last', () => order.push('root last'));
    newer.defer('newer', async () => order.push('newer'));
    older.defer('older', () => order.push('older'));
    const report = await root.close();
    expect(order).toEqual(['deep', 'newer', 'older', 'root last', 'root first']);
    expect(report).toMatchObject({ status: 'completed', initial: 5, released: 5 });
    expect(report.entries().map(({ path }) => path)).toEqual([
      'root/newer/deep/deep',
      'root/newer/newer',
      'root/older/older',
      'root/last',
      'root/first',
    ]);
  });

  test('closes children together where the scope says so', async () => {
    const root = new Scope('root', { together: true });
    const gates = [gate(), gate(), gate()];
    const begun: number[] = [];
    for (const [n, { promise }] of gates.entries()) {
      root.child(`${n}`).defer(() => {
        begun.push(n);
        return promise;
      });
    }
    const closing = root.close();
    await Promise.resolve();
    expect(begun).toEqual([2, 1, 0]);
    for (const { open } of gates) open();
    expect(await closing).toMatchObject({ status: 'completed', released: 3 });
  });

  test('runs every release and keeps every failure, in order', async () => {
    const order: string[] = [];
    const scope = new Scope('test');
    scope.defer('d', () => order.push('last'));
    scope.defer('c', () => Promise.reject(new Error('two')));
    scope.defer('b', () => {
      throw undefined;
    });
    scope.defer('a', () => {
      throw new Error('one');
    });
    const report = await scope.close();
    expect(order).toEqual(['last']);
    expect(report).toMatchObject({ status: 'failed', initial: 4, released: 4, remaining: 0 });
    expect(report.failures.map(({ path, phase }) => `${path} ${phase}`)).toEqual([
      'test/a release',
      'test/b release',
      'test/c release',
    ]);
    expect((report.failures[2]!.error as Error).message).toBe('two');
    expect(report.entries().map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'failed', 'released']);
  });

  test('runs once for ten callers at once, who get the same report; later ones get its figures', async () => {
    let runs = 0;
    const scope = new Scope('test');
    const { promise, open } = gate();
    scope.defer(() => {
      runs++;
      return promise;
    });
    const callers = Array.from({ length: 10 }, () => scope.close());
    open();
    const reports = await Promise.all(callers);
    expect(runs).toBe(1);
    expect(new Set(reports).size).toBe(1);
    expect(await scope.close()).toMatchObject({ status: 'already-closed', initial: 1, released: 1 });
    expect((await scope.close()).entries()).toHaveLength(1);
    expect(runs).toBe(1);
  });

  test('second close waits for the first', async () => {
    const scope = new Scope('test');
    const { promise, open } = gate();
    scope.defer(() => promise);
    void scope.close();
    let isOver = false;
    const second = scope.close().then(() => {
      isOver = true;
    });
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    open();
    await second;
  });

  test('gives a release that hangs its own time only, and names it with the line that acquired it', async () => {
    const released: string[] = [];
    const scope = new Scope('test', { sites: 'always' });
    scope.defer('before', async () => released.push('before'));
    scope.hold('hangs', 1, never, { timeoutMs: 30 });
    scope.defer('after', async () => released.push('after'));
    const report = await scope.close();
    expect(released).toEqual(['after', 'before']);
    expect(report).toMatchObject({ status: 'timeout', initial: 3, released: 2, remaining: 1 });
    expect(report.stuck).toHaveLength(1);
    const [stuck] = report.stuck;
    expect(stuck).toMatchObject({ path: 'test/hangs', state: 'releasing' });
    expect(stuck!.waitedMs).toBeGreaterThanOrEqual(29);
    expect(stuck!.acquiredAt).toMatch(/scope\.test\.ts:\d+$/);
    expect(report.durationMs).toBeLessThan(5000);
  });

  test('returns by its deadline + 50 ms though all thirty releases hang, and each was begun', async () => {
    let begun = 0;
    const scope = new Scope('test');
    for (let n = 0; n < 30; n++) {
      scope.defer(`r${n}`, () => {
        begun++;
        return never();
      });
    }
    const report = await scope.close({ timeoutMs: 300 });
    expect(report.durationMs).toBeLessThan(350);
    expect(begun).toBe(30);
    expect(report).toMatchObject({ status: 'timeout', initial: 30, released: 0, remaining: 30 });
    expect(new Set(report.stuck.map(({ path }) => path)).size).toBe(30);
  });

  test('returns by its deadline + 50 ms though a release hangs in each of thirty children', async () => {
    const scope = new Scope('test');
    let begun = 0;
    for (let n = 0; n < 30; n++) {
      scope.child(`c${n}`).defer('hangs', () => {
        begun++;
        return never();
      });
    }
    const report = await scope.close({ timeoutMs: 300 });
    expect(report.durationMs).toBeLessThan(350);
    expect(begun).toBe(30);
    expect(report).toMatchObject({ status: 'timeout', initial: 30, remaining: 30 });
  });

  test('a close without any time still begins every release, and waits a moment for them', async () => {
    const scope = new Scope('test');
    let released = 0;
    for (let n = 0; n < 10; n++) scope.defer(async () => released++);
    scope.child('child').defer(async () => released++);
    expect(await scope.close({ timeoutMs: 0 })).toMatchObject({ status: 'completed', released: 11 });
    expect(released).toBe(11);
  });

  test('a stuck release that ends later leaves the tree, and is not told as released before', async () => {
    const scope = new Scope('root').child('test');
    const { promise, open } = gate();
    scope.hold('slow', 1, () => promise, { timeoutMs: 20 });
    const report = await scope.close();
    expect(report.remaining).toBe(1);
    expect(scope.parent!.tree().count).toBe(1);
    expect(String(scope.parent!.tree())).toMatch(/slow .*abandoned/);
    open();
    await promise;
    await Promise.resolve();
    expect(scope.parent!.tree().count).toBe(0);
    expect(scope.parent!.tree().children).toEqual([]);
    expect(report.remaining).toBe(1);
  });

  test('calls `abandon` for what is over its time, once, and keeps its failure', async () => {
    const scope = new Scope('test');
    const killed: number[] = [];
    const abandon = (value: number) => {
      killed.push(value);
      throw new Error('will not die');
    };
    scope.hold('hangs', 7, never, { timeoutMs: 20, abandon });
    const report = await scope.close();
    expect(killed).toEqual([7]);
    expect(report.failures).toEqual([
      {
        path: 'test/hangs',
        phase: 'abandon',
        error: new Error('will not die'),
        acquiredAt: expect.stringMatching(/scope\.test\.ts:\d+$/),
      },
    ]);
  });

  test('called from inside a release neither deadlocks nor runs twice', async () => {
    let runs = 0;
    const scope = new Scope('test');
    scope.defer('older', () => runs++);
    scope.defer('inside', async () => {
      runs++;
      const report = await scope.close();
      expect(report).toMatchObject({ status: 'already-closed', initial: 2, remaining: 2 });
    });
    const report = await scope.close();
    expect(runs).toBe(2);
    expect(report).toMatchObject({ status: 'completed', released: 2 });
    expect(report.durationMs).toBeLessThan(1000);
  });

  test("a parent's close from inside its child's release neither deadlocks nor runs twice", async () => {
    const order: string[] = [];
    const parent = new Scope('parent');
    parent.defer(() => order.push('parent'));
    const child = parent.child('child');
    child.defer(() => order.push('child older'));
    child.defer(async () => {
      order.push('child newer');
      await parent.close();
    });
    await child.close();
    const report = await parent.close();
    expect(order).toEqual(['child newer', 'child older', 'parent']);
    expect(report.durationMs).toBeLessThan(1000);
  });

  test('a close from inside a release that has waited before is ended by the time of that release', async () => {
    const scope = new Scope('test', { releaseTimeoutMs: 50 });
    let ended: unknown;
    scope.defer('inside', async () => {
      await Promise.resolve();
      ended = await scope.close();
    });
    const report = await scope.close();
    expect(report).toMatchObject({ status: 'timeout', remaining: 1 });
    await Promise.resolve();
    expect(ended).toBe(report);
  });

  test('waits for a release that was begun early', async () => {
    const scope = new Scope('test');
    const { promise, open } = gate();
    const held = scope.defer('early', () => promise);
    const early = held.release();
    const closing = scope.close();
    open();
    await early;
    expect(await closing).toMatchObject({ status: 'completed', initial: 1, released: 1 });
  });

  test('a child that is closed leaves its parent, a child that somebody else closes is waited for', async () => {
    const parent = new Scope('parent');
    for (let n = 0; n < 1000; n++) await parent.child('request').close();
    expect(parent.tree().children).toEqual([]);
    const { promise, open } = gate();
    const child = parent.child('slow');
    child.defer(() => promise);
    void child.close();
    const closing = parent.close();
    open();
    expect(await closing).toMatchObject({ status: 'completed', remaining: 0 });
  });

  test('names what is stuck in a child that somebody else closes', async () => {
    const parent = new Scope('parent', { closeTimeoutMs: 60 });
    const child = parent.child('slow', { closeTimeoutMs: 10_000 });
    child.defer('hangs', never);
    void child.close();
    const report = await parent.close();
    expect(report).toMatchObject({ status: 'timeout', remaining: 1 });
    expect(report.stuck[0]!.path).toBe('parent/slow/hangs');
  });
});

describe('draining', () => {
  test('comes before any release and any abort, in the whole subtree at once; new work is refused', async () => {
    const events: string[] = [];
    const root = new Scope('root');
    const child = root.child('child');
    const { promise, open } = gate();
    root.hold('server', 1, () => events.push('release server'), {
      drain: () => {
        events.push('drain server');
        return promise.then(() => events.push('server is drained'));
      },
    });
    child.hold('tasks', 2, () => events.push('release tasks'), { drain: () => events.push('drain tasks') });
    root.signal.addEventListener('abort', () => events.push('abort root'));
    child.signal.addEventListener('abort', () => events.push('abort child'));
    const closing = root.close();
    expect(root.state).toBe('draining');
    expect(() => root.child('late')).toThrow(code('WT_SCOPE_CLOSED'));
    // Work in flight still has its own scope.
    const lease = child.defer('lease', () => {});
    await lease.release();
    open();
    const report = await closing;
    expect(events).toEqual([
      'drain tasks',
      'drain server',
      'server is drained',
      'abort root',
      'abort child',
      'release tasks',
      'release server',
    ]);
    expect(report.status).toBe('completed');
  });

  test('is given half of the time, and a failure of it is told', async () => {
    const scope = new Scope('test');
    let deadlineAt = 0;
    scope.hold('hangs', 1, () => {}, {
      drain: (_value, context) => {
        deadlineAt = context.deadlineAt;
        return never();
      },
    });
    scope.hold('fails', 1, () => {}, { drain: () => Promise.reject(new Error('no')) });
    scope.hold('throws', 1, () => {}, {
      drain: () => {
        throw new Error('at once');
      },
    });
    const before = performance.now();
    const report = await scope.close({ timeoutMs: 200 });
    expect(deadlineAt - before).toBeGreaterThan(90);
    expect(deadlineAt - before).toBeLessThan(150);
    expect(report).toMatchObject({ status: 'failed', released: 3, remaining: 0 });
    expect(report.failures.map(({ path, phase }) => `${path} ${phase}`).sort()).toEqual([
      'test/fails drain',
      'test/hangs drain',
      'test/throws drain',
    ]);
    expect(report.failures.map(({ error }) => error)).toContainEqual(code('WT_SCOPE_DRAIN_TIMEOUT'));
  });
});

describe('Scope.acquire()', () => {
  test('hands over what it opened, now or later', async () => {
    const closed: string[] = [];
    const scope = new Scope('test');
    const close = (name: string) => closed.push(name);
    expect(scope.acquire('first', () => 'now', close)).toBe('now');
    expect(await scope.acquire('second', async () => 'later', close)).toBe('later');
    await scope.close();
    expect(closed).toEqual(['later', 'now']);
  });

  test('a resource that arrives after close began is released at once and its acquirer gets WT_SCOPE_CLOSED', async () => {
    const released: string[] = [];
    const scope = new Scope('test');
    const { promise, open } = gate<string>();
    const acquiring = scope.acquire(
      'late',
      () => promise,
      async (value) => {
        await Promise.resolve();
        released.push(value);
      },
    );
    const refused = expect(acquiring)
      .rejects.toEqual(code('WT_SCOPE_CLOSED'))
      .then(() => released.slice());
    const closing = scope.close();
    open('socket');
    expect(await refused).toEqual(['socket']);
    expect(await closing).toMatchObject({ status: 'completed', initial: 1, released: 1 });
  });

  test('one that never arrives costs its own time, is named, and is released should it ever come', async () => {
    const released: string[] = [];
    const scope = new Scope('test', { releaseTimeoutMs: 30 });
    const { promise, open } = gate<string>();
    const acquiring = scope.acquire(
      'never',
      () => promise,
      (value) => released.push(value),
    );
    const refused = expect(acquiring).rejects.toEqual(code('WT_SCOPE_CLOSED'));
    const report = await scope.close();
    expect(report.stuck).toMatchObject([{ path: 'test/never', state: 'acquiring' }]);
    await refused;
    open('at last');
    await promise;
    await Promise.resolve();
    expect(released).toEqual(['at last']);
    expect(scope.tree().count).toBe(0);
  });

  test('one that fails while the scope closes is in the report', async () => {
    const scope = new Scope('test');
    const { promise, fail } = gate();
    const acquiring = scope.acquire(
      'fails',
      () => promise,
      () => {},
    );
    const refused = expect(acquiring).rejects.toThrow('no route');
    const closing = scope.close();
    fail(new Error('no route'));
    await refused;
    const report = await closing;
    expect(report.failures).toEqual([
      {
        path: 'test/fails',
        phase: 'acquire',
        error: new Error('no route'),
        acquiredAt: expect.stringMatching(/scope\.test\.ts:\d+$/),
      },
    ]);
    expect(report.remaining).toBe(0);
  });

  test('one that fails leaves nothing in the ledger, and its error reaches the caller', async () => {
    const scope = new Scope('test');
    const broken = () => {
      throw new Error('refused');
    };
    expect(() => scope.acquire('sync', broken, () => {})).toThrow('refused');
    await expect(
      scope.acquire(
        'async',
        async () => broken(),
        () => {},
      ),
    ).rejects.toThrow('refused');
    expect(scope.size).toBe(0);
    expect(await scope.close()).toMatchObject({ status: 'completed', initial: 0 });
  });

  test('is refused once the scope is closed, and opens nothing', async () => {
    const scope = new Scope('test');
    await scope.close();
    let opened = 0;
    expect(() =>
      scope.acquire(
        'late',
        () => opened++,
        () => {},
      ),
    ).toThrow(code('WT_SCOPE_CLOSED'));
    expect(opened).toBe(0);
  });

  test('wrong options are refused before anything is opened', () => {
    const scope = new Scope('test');
    let opened = 0;
    const open = () => opened++;
    expect(() => scope.acquire('x', open, () => {}, { timeoutMs: -1 })).toThrow(RangeError);
    expect(() => scope.spawn('/bin/true', [], { timeoutMs: -1 })).toThrow(RangeError);
    expect(opened).toBe(0);
    expect(scope.size).toBe(0);
  });

  test('a scope that closes inside `open` releases what it opened', async () => {
    const released: string[] = [];
    const scope = new Scope('test');
    const open = () => {
      void scope.close();
      return 'orphan';
    };
    expect(() => scope.acquire('odd', open, (value) => released.push(value))).toThrow(code('WT_SCOPE_CLOSED'));
    expect(released).toEqual(['orphan']);
  });
});

describe('Scope.build() and Scope.run()', () => {
  test('a failing acquisition half-way releases all that was taken, newest first', async () => {
    const released: number[] = [];
    const scope = new Scope('test');
    const half = scope.build('engine', async (part) => {
      for (const n of [1, 2, 3]) part.hold(`${n}`, n, async (value) => released.push(value));
      throw new Error('no fuel');
    });
    await expect(half).rejects.toThrow('no fuel');
    expect(released).toEqual([3, 2, 1]);
    expect(scope.tree().count).toBe(0);
    expect(
      await scope.build('engine', (part) =>
        part.acquire(
          'x',
          () => 'ok',
          () => released.push(4),
        ),
      ),
    ).toBe('ok');
    await scope.close();
    expect(released).toEqual([3, 2, 1, 4]);
  });

  test('a rollback that fails is told together with what it was for', async () => {
    const scope = new Scope('test');
    const half = scope.build('engine', (part) => {
      part.defer(() => {
        throw new Error('stuck valve');
      });
      throw new Error('no fuel');
    });
    const error = await half.catch((caught) => caught);
    expect(error).toEqual(code('WT_SCOPE_ROLLBACK_FAILED'));
    expect(error.cause.message).toBe('no fuel');
    expect(error.details.report.failures[0].error.message).toBe('stuck valve');
  });

  test('Scope.run() closes on success, on throw, and gives the value', async () => {
    const released: string[] = [];
    expect(
      await Scope.run('a', (scope) =>
        scope.acquire(
          'x',
          () => 7,
          () => released.push('a'),
        ),
      ),
    ).toBe(7);
    await expect(
      Scope.run('b', (scope) => {
        scope.defer(() => released.push('b'));
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    await expect(
      Scope.run(
        'c',
        (scope) =>
          void scope.defer(() => {
            throw new Error('release');
          }),
      ),
    ).rejects.toThrow('release');
    expect(released).toEqual(['a', 'b']);
  });
});

describe('Held', () => {
  test('release() releases now, once, out of turn; the rest stays', async () => {
    const released: string[] = [];
    const scope = new Scope('test');
    scope.hold('a', 'a', (value) => released.push(value));
    const held = scope.hold('b', 'b', async (value) => released.push(value));
    scope.hold('c', 'c', (value) => released.push(value));
    await Promise.all([held.release(), held.release()]);
    await held.release();
    expect(held.isHeld).toBe(false);
    expect(released).toEqual(['b']);
    expect(scope.size).toBe(2);
    await scope.close();
    expect(released).toEqual(['b', 'c', 'a']);
  });

  test('release() throws what the release throws, and the scope forgets it', async () => {
    const scope = new Scope('test');
    const sync = scope.defer(() => {
      throw new Error('sync');
    });
    const later = scope.defer(() => Promise.reject(new Error('later')));
    expect(() => sync.release()).toThrow('sync');
    await expect(later.release()).rejects.toThrow('later');
    expect(scope.size).toBe(0);
  });

  test('release() that is over its time throws WT_SCOPE_RELEASE_TIMEOUT, and closing still names it', async () => {
    const scope = new Scope('test', { releaseTimeoutMs: 20 });
    const held = scope.defer('hangs', never);
    await expect(held.release()).rejects.toEqual(code('WT_SCOPE_RELEASE_TIMEOUT'));
    const report = await scope.close();
    expect(report.stuck.map(({ path }) => path)).toEqual(['test/hangs']);
  });

  test('detach() gives it to the caller unreleased', async () => {
    const scope = new Scope('test');
    const held = scope.hold('x', 'mine', () => {
      throw new Error('not to be released');
    });
    expect(held.detach()).toBe('mine');
    expect(await scope.close()).toMatchObject({ status: 'completed', initial: 0 });
  });

  test("scope.release(value) finds what was acquired, never somebody else's", async () => {
    const released: object[] = [];
    const scope = new Scope('test');
    const mine = scope.acquire(
      'mine',
      () => ({}),
      (value) => released.push(value),
    );
    await expect(new Scope('other').release(mine)).rejects.toEqual(code('WT_SCOPE_NOT_HELD'));
    await scope.release(mine);
    await expect(scope.release(mine)).rejects.toEqual(code('WT_SCOPE_NOT_HELD'));
    expect(released).toEqual([mine]);
  });
});

test('wrong options are refused before anything is owned', async () => {
  const controller = new AbortController();
  for (const [make, message] of [
    [() => new Scope('x', { signal: controller as never }), 'signal must be an AbortSignal, not an AbortController'],
    [() => new Scope('x', { closeTimeout: 5 } as never), 'no option "closeTimeout"'],
    [() => new Scope('x').hold('r', 1, () => {}, { drain: 5 as never }), 'drain must be a function, not the number 5'],
    [() => new Scope('x').hold('r', 1, () => {}, { abandon: 'kill' as never }), 'abandon must be a function'],
    [() => new Scope('x').tempDir('../../x'), 'prefix must be a text without slashes'],
  ] as const) {
    expect(make).toThrow(message);
  }
  await using scope = new Scope('x');
  const folder = await scope.tempDir('');
  expect(dirname(folder)).toBe(tmpdir());
});

describe('after the end', () => {
  test('hold, defer, use and adopt release at once and refuse', async () => {
    const scope = new Scope('test');
    await scope.close();
    const released: string[] = [];
    const disposable = { [Symbol.dispose]: () => void released.push('use') };
    expect(() => scope.hold('x', 'hold', (value) => released.push(value))).toThrow(code('WT_SCOPE_CLOSED'));
    expect(() => scope.defer(() => released.push('defer'))).toThrow(code('WT_SCOPE_CLOSED'));
    expect(() => scope.use(disposable)).toThrow(code('WT_SCOPE_CLOSED'));
    expect(() => scope.adopt('adopt', (value) => released.push(value))).toThrow(code('WT_SCOPE_CLOSED'));
    expect(() => scope.child('x')).toThrow(code('WT_SCOPE_CLOSED'));
    expect(released).toEqual(['hold', 'defer', 'use', 'adopt']);
  });

  test('a failure that comes too late for the report is a warning', async () => {
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve));
    const scope = new Scope('test');
    await scope.close();
    expect(() => scope.defer('late', () => Promise.reject(new Error('boom')))).toThrow(code('WT_SCOPE_CLOSED'));
    const warning = await warned;
    expect(warning).toEqual(code('WT_SCOPE_LATE_FAILURE'));
    expect(warning.message).toContain('test/late failed when it came to its scope, which had closed: boom');
  });

  test('a release that acquires again after the end is one warning, and all on the channel', async () => {
    const warnings: Error[] = [];
    const failures: unknown[] = [];
    const listen = (warning: Error) => warnings.push(warning);
    const hear = (failure: unknown) => failures.push(failure);
    process.on('warning', listen);
    subscribe('watertight:scope-late-failure', hear);
    const scope = new Scope('test');
    let left = 20;
    const reconnect = async () => {
      await null;
      if (left-- > 0) scope.hold('connection', {}, reconnect);
    };
    scope.hold('connection', {}, reconnect);
    const report = await scope.close();
    expect(report.failures).toHaveLength(1);
    while (left > 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(failures).toHaveLength(19);
    expect(warnings).toHaveLength(1);
    process.off('warning', listen);
    unsubscribe('watertight:scope-late-failure', hear);
  });
});

describe('signals', () => {
  test('scope.signal aborts when releasing begins, in children too, with the reason', async () => {
    const scope = new Scope('test');
    const child = scope.child('child');
    const { signal } = child;
    expect(signal.aborted).toBe(false);
    await scope.close();
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toEqual(code('WT_SCOPE_CLOSED'));
    expect(scope.signal.aborted).toBe(true);
  });

  test('a scope that follows a long-lived signal leaves no listener on it', async () => {
    const { signal } = new AbortController();
    for (let n = 0; n < 100; n++) await new Scope('request', { signal }).close();
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });

  test('a scope that was moved follows on', async () => {
    const controller = new AbortController();
    const scope = new Scope('test', { signal: controller.signal });
    const moved = scope.move();
    expect(moved.isClosed).toBe(false);
    controller.abort();
    expect(moved.isClosed).toBe(true);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
  });

  test('a scope closes when the signal that it follows aborts, or has aborted', async () => {
    const controller = new AbortController();
    const released: string[] = [];
    const scope = new Scope('test', { signal: controller.signal });
    scope.defer(() => released.push('x'));
    controller.abort();
    expect(released).toEqual(['x']);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(new Scope('late', { signal: controller.signal }).isClosed).toBe(true);
  });
});

describe('listeners and timers', () => {
  test('on() listens on an EventEmitter and an EventTarget until the scope closes', async () => {
    const emitter = new EventEmitter();
    const target = new EventTarget();
    const heard: unknown[] = [];
    const scope = new Scope('test');
    scope.on(emitter, 'data', (value) => heard.push(value));
    scope.on(target, 'change', ({ type }) => heard.push(type));
    scope.on(emitter, 'data', () => heard.push('once'), { once: true });
    emitter.emit('data', 1);
    emitter.emit('data', 2);
    target.dispatchEvent(new Event('change'));
    expect(heard).toEqual([1, 'once', 2, 'change']);
    expect(scope.size).toBe(2);
    await scope.close();
    expect(emitter.listenerCount('data')).toBe(0);
    expect(getEventListeners(target, 'change')).toHaveLength(0);
    expect(() => scope.on(emitter, 'data', () => {})).toThrow(code('WT_SCOPE_CLOSED'));
    expect(emitter.listenerCount('data')).toBe(0);
  });

  test('interval() ticks until the scope closes; timeout() leaves the ledger when it fires', async () => {
    const scope = new Scope('test');
    const { promise: ticked, open: tick } = gate();
    const { promise: fired, open: fire } = gate();
    scope.interval('tick', 1, tick);
    scope.timeout('once', 1, fire);
    const { value: never } = scope.timeout('never', 60_000, () => expect.unreachable());
    await Promise.all([ticked, fired]);
    expect(scope.size).toBe(2);
    await scope.close();
    expect((never as unknown as { _destroyed: boolean })._destroyed).toBe(true);
  });
});

describe('wrong arguments', () => {
  const scope = new Scope('test');
  test.for<[string, () => unknown, RegExp]>([
    ['a name that is no text', () => new Scope(1 as never), /name must be a string, not number/],
    [
      'no release',
      () => scope.hold('x', 1, undefined as never),
      /scope\.hold\('x', .*release must be a function, not undefined/,
    ],
    ['no open', () => scope.acquire('x', 1 as never, () => {}), /open must be a function/],
    ['nothing to defer', () => scope.defer('x', 1 as never), /release must be a function/],
    [
      'a time that is none',
      () => scope.close({ timeoutMs: Number.NaN }),
      /timeoutMs must be a number of ms .* not NaN/,
    ],
    ['a negative time', () => new Scope('x', { releaseTimeoutMs: -1 }), /releaseTimeoutMs must be/],
    [
      'an unknown sampling',
      () => new Scope('x', { sites: 'often' as never }),
      /'off', 'sampled' or 'always', not often/,
    ],
    ['no emitter', () => scope.on({} as never, 'x', () => {}), /EventEmitter or an EventTarget/],
    ['what cannot be closed', () => scope.use({ name: 'x' } as never), /Object has neither Symbol\.asyncDispose/],
  ])('%s is told, with what it got', ([, call, message]) => {
    expect(call).toThrow(message);
    expect(scope.size).toBe(0);
  });
});
