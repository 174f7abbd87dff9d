import { getEventListeners, once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Scope } from '../scope/index.js';
import { ConnectionRegistry, type ConnectionRegistryOptions } from './index.js';
import { LiveTimers } from './live-timers.fixture.js';
import { nothing, TestServer } from './server.fixture.js';

let server: TestServer;
const start = async (options: ConnectionRegistryOptions<unknown> = {}) => {
  server = await TestServer.start(options);
  return server.registry;
};
beforeEach(() => {
  server = undefined as never;
});
afterEach(() => server?.close());

/** A promise and its end. */
function gate() {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

describe('ConnectionRegistry.close()', () => {
  test('answers what has come in, then closes with 1001, and refuses others with 1013 meanwhile', async () => {
    const [begun, held] = [gate(), gate()];
    const registry = await start({
      onMessage: async (connection, text) => {
        begun.open();
        await held.passed;
        connection.send(`answer to ${text}`);
      },
    });
    const [ada, bob] = [await server.connect('ada'), await server.connect('bob')];
    ada.socket.send('question');
    await begun.passed;
    const closing = registry.close();
    // Arrives and is not read: there would be no end of it.
    await new Promise((resolve) => ada.socket.send('another question', resolve));
    for (let i = 0; i < 5; i++) await turn();
    expect([registry.state, registry.refusal('cat')]).toEqual(['draining', 'closing']);
    expect(await server.client('cat').closed).toEqual({ code: 1013, reason: 'server is closing' });
    expect(ada.connection.state).toBe('open');
    expect(registry.health()).toMatchObject({ score: 25, status: 'critical', reasons: ['the registry is draining'] });
    held.open();
    expect(await ada.messages(1)).toEqual(['answer to question']);
    expect(await ada.client.closed).toEqual({ code: 1001, reason: 'going away' });
    expect(await bob.client.closed).toEqual({ code: 1001, reason: 'going away' });
    const report = await closing;
    expect(report).toMatchObject({ status: 'completed', initial: 2, closed: 2, terminated: 0, unhandled: 0 });
    expect(ada.client.received).toEqual(['answer to question']);
    expect(registry.stats().totals.received).toBeLessThanOrEqual(2);
    expect(registry.stats().held).toEqual(nothing);
    expect(registry.state).toBe('closed');
  });

  test('gives every caller the one report', async () => {
    const registry = await start();
    await server.connect('ada');
    const reports = await Promise.all([registry.close(), registry.close(), registry.close()]);
    expect(new Set(reports).size).toBe(1);
    expect(await registry.close({ timeoutMs: 1 })).toBe(reports[0]);
    expect(registry.stats().totals.ended).toBe(1);
  });

  test('terminates whoever does not answer, and returns by its deadline + 50 ms', async () => {
    const registry = await start();
    await server.mute('ada');
    const bob = await server.connect('bob');
    const from = performance.now();
    const report = await registry.close({ timeoutMs: 1000 });
    expect(performance.now() - from).toBeLessThan(1050);
    expect(report).toMatchObject({ status: 'completed', initial: 2, closed: 1, terminated: 1 });
    expect(await bob.client.closed).toMatchObject({ code: 1001 });
    expect(registry.stats()).toMatchObject({ held: nothing, totals: { cut: { forced: 1 } } });
  });

  test('does not keep the drain of its scope waiting for a client that reads nothing', async () => {
    await start();
    const scope = new Scope('own', { closeTimeoutMs: 3_000 });
    const own = new ConnectionRegistry({ scope, closeTimeoutMs: 3_000 });
    const socket = await server.unattached();
    const client = server.newest;
    if (client.readyState === client.CONNECTING) await once(client, 'open');
    own.attach(socket, 'ada');
    // The client's own TCP socket: no frame is read any more, the close frame neither.
    (client as unknown as { _socket: { pause(): void } })._socket.pause();
    const from = performance.now();
    expect(await scope.close()).toMatchObject({ status: 'completed', failures: [], stuck: [] });
    // Half of 3 s is for draining, and half of that for the handshake.
    expect(performance.now() - from).toBeLessThan(1_200);
    expect(await own.close()).toMatchObject({
      status: 'completed',
      initial: 1,
      closed: 0,
      terminated: 1,
      unhandled: 0,
    });
  });

  test('counts who did not answer the closing handshake as terminated', async () => {
    const registry = await start({ closeTimeoutMs: 50 });
    await server.mute('ada');
    const report = await registry.close();
    expect(report).toMatchObject({ status: 'completed', initial: 1, closed: 0, terminated: 1 });
    expect(registry.stats()).toMatchObject({ held: nothing });
  });

  test('refuses wrong options and goes on', async () => {
    const registry = await start();
    expect(() => registry.close(50 as never)).toThrow('options must be an object, not the number 50');
    expect(() => registry.close({ graceMs: 5 } as never)).toThrow('there is no option "graceMs"; there are timeoutMs');
    expect(registry.state).toBe('open');
  });

  test('destroys sockets that were refused and have not closed', async () => {
    const registry = await start({ limit: 1, closeTimeoutMs: 60_000 });
    await server.connect('ada');
    const refused = new Promise<void>((resolve) => {
      server.onAttach = (connection) => connection === null && resolve();
    });
    const late = server.client('bob');
    late.socket.on('open', () => late.socket.pause());
    await refused;
    expect(registry.stats().held.refused).toBe(1);
    const report = await registry.close();
    expect(report.status).toBe('completed');
    expect(report.durationMs).toBeLessThan(2000);
    expect(registry.stats().held).toEqual(nothing);
  });

  test('goes on as soon as the last handler has ended', async () => {
    const [begun, held] = [gate(), gate()];
    const registry = await start({
      onMessage: async () => {
        begun.open();
        await held.passed;
      },
    });
    const { socket } = await server.connect('ada');
    socket.send('x');
    await begun.passed;
    const closing = registry.close();
    held.open();
    // The time for handlers is 3 s.
    expect((await closing).durationMs).toBeLessThan(2000);
  });

  test('gives up a handler that does not end, says so, and returns by its deadline + 50 ms', async () => {
    const begun = gate();
    const registry = await start({
      onMessage: () => {
        begun.open();
        return new Promise(() => {});
      },
    });
    const { socket } = await server.connect('ada');
    socket.send('a');
    socket.send('b');
    await begun.passed;
    const from = performance.now();
    const report = await registry.close({ timeoutMs: 1000 });
    expect(performance.now() - from).toBeLessThan(1050);
    expect(report).toMatchObject({ status: 'timeout', initial: 1, unhandled: 2 });
    expect(registry.stats().held).toEqual(nothing);
  });

  test('says that it failed when a release in the scope of a connection does', async () => {
    const registry = await start();
    const { connection } = await server.connect('ada');
    connection.scope.defer('broken', () => {
      throw new Error('release failed');
    });
    expect(await registry.close()).toMatchObject({ status: 'failed', initial: 1, closed: 1 });
    expect(server.errors).toEqual([expect.objectContaining({ message: 'release failed' })]);
  });

  test('hands such a failure on to the report of its scope', async () => {
    await start();
    const { connection } = await server.connect('ada');
    connection.scope.defer('broken', () => {
      throw new Error('release failed');
    });
    const report = await server.scope.close();
    expect(report.status).toBe('failed');
    const errors = report.failures.map(({ error }) => error as AggregateError);
    expect(errors.flatMap((error) => error.errors ?? [error])).toEqual([
      expect.objectContaining({ message: 'release failed' }),
    ]);
  });

  test('lets messages for a slow client out first, in the time there is', async () => {
    const registry = await start({ maxBufferedBytes: 1000, recovery: { perUser: 1000 } });
    const { client, socket } = await server.connect('ada');
    socket.pause();
    let count = 0;
    while (registry.send('ada', `${count} ${'x'.repeat(65_536)}`) === 'sent') count++;
    for (let i = 1; i < 20; i++) registry.send('ada', `${count + i} tail`);
    const closing = registry.close();
    socket.resume();
    expect(await client.closed).toMatchObject({ code: 1001 });
    expect(client.received.map((text) => Number.parseInt(text, 10))).toEqual(
      Array.from({ length: count + 20 }, (_, i) => i),
    );
    expect(await closing).toMatchObject({ status: 'completed', undelivered: 0 });
  });

  test('says how much was kept for users who were away, and keeps nothing from then on', async () => {
    const registry = await start();
    registry.send('ada', 'a');
    registry.send('bob', 'b');
    expect(await registry.close()).toMatchObject({ status: 'completed', initial: 0, undelivered: 2 });
    expect(registry.send('ada', 'c')).toBe('dropped');
    expect(registry.stats()).toMatchObject({ held: nothing, totals: { dropped: { closed: 3 } } });
  });

  test('ends everyone who waits for a connection', async () => {
    const registry = await start();
    const waits = [registry.waitForConnection('ada'), registry.waitForConnection('bob')];
    const all = Promise.allSettled(waits);
    await registry.close();
    for (const wait of await all) {
      expect(wait).toMatchObject({ status: 'rejected', reason: { code: 'WT_CONNECTIONS_CLOSED' } });
    }
    await expect(registry.waitForConnection('ada')).rejects.toMatchObject({ code: 'WT_CONNECTIONS_CLOSED' });
  });
});

describe('ConnectionRegistry as something that is owned', () => {
  test('is drained and closed with its scope, before the server that it stands on', async () => {
    const registry = await start();
    const [ada, bob] = [await server.connect('ada'), await server.connect('bob')];
    ada.connection.scope.defer('subscription', () => {});
    const report = await server.scope.close();
    expect(report).toMatchObject({ status: 'completed', failures: [], stuck: [] });
    for (const { client } of [ada, bob]) expect(await client.closed).toMatchObject({ code: 1001 });
    expect(registry.stats().held).toEqual(nothing);
  });

  test('is closed when its owner closes while somebody waits for a connection', async () => {
    const registry = await start();
    const wait = registry.waitForConnection('ada', { timeoutMs: 60_000 });
    const refused = expect(wait).rejects.toMatchObject({ code: 'WT_CONNECTIONS_CLOSED' });
    await server.scope.close();
    await refused;
    expect(registry.stats().held.waiters).toBe(0);
  });

  test('is closed once, whether by itself, by its scope or by both', async () => {
    const registry = await start();
    await server.connect('ada');
    const [own, scope] = await Promise.all([registry.close(), server.scope.close(), registry.close()]);
    expect(own).toMatchObject({ status: 'completed', initial: 1, closed: 1 });
    expect(scope.status).toBe('completed');
    expect(registry.stats().totals.ended).toBe(1);
    expect(await registry.close()).toBe(own);
  });

  test('is closed when the block that made it throws', async () => {
    let registry: ConnectionRegistry | undefined;
    const failing = Scope.run('app', (scope) => {
      registry = new ConnectionRegistry({ scope });
      registry.send('ada', 'x');
      throw new Error('broken start');
    });
    await expect(failing).rejects.toThrow('broken start');
    expect(registry!.state).toBe('closed');
    expect(registry!.stats().held).toEqual(nothing);
  });

  test('cannot be made in a scope that has closed', async () => {
    const scope = new Scope('app');
    await scope.close();
    expect(() => new ConnectionRegistry({ scope })).toThrow(expect.objectContaining({ code: 'WT_SCOPE_CLOSED' }));
  });

  test('without a scope it is its own, and ends with `await using`', async () => {
    const registry = new ConnectionRegistry();
    await registry[Symbol.asyncDispose]();
    expect(registry.state).toBe('closed');
  });
});

describe('ConnectionRegistry.waitForConnection()', () => {
  test('gives the connection that is there, or the one that comes', async () => {
    const registry = await start();
    const wait = registry.waitForConnection('ada');
    expect(registry.stats().held.waiters).toBe(1);
    const { connection } = await server.connect('ada');
    expect(await wait).toBe(connection);
    await server.connect('ada');
    expect(await registry.waitForConnection('ada', { timeoutMs: 0 })).toBe(connection);
    expect(registry.stats().held.waiters).toBe(0);
  });

  test('refuses wrong options before anybody waits, and closes in good order then', async () => {
    const registry = await start();
    const wrong = (options: unknown) => registry.waitForConnection('zoe', options as never);
    await expect(wrong({ signal: 5 })).rejects.toThrow('signal must be an AbortSignal, not the number 5');
    await expect(wrong({ signal: 5 })).rejects.toThrow(TypeError);
    await expect(wrong(50)).rejects.toThrow('options must be an object, not the number 50');
    await expect(wrong({ timeout: 50 })).rejects.toThrow('there is no option "timeout"; there are timeoutMs, signal');
    expect(registry.stats().held.waiters).toBe(0);
    expect(await server.scope.close()).toMatchObject({ status: 'completed', failures: [] });
  });

  test('rejects after its time and leaves nothing', async () => {
    const registry = await start();
    await expect(registry.waitForConnection('ada', { timeoutMs: 10 })).rejects.toMatchObject({
      code: 'WT_CONNECTIONS_WAIT_TIMEOUT',
      message: 'Cannot give a connection of user ada as none came within 10 ms',
    });
    expect(registry.stats().held).toEqual(nothing);
  });

  test('rejects when its signal aborts, before or while it waits, and leaves no listener on it', async () => {
    const registry = await start();
    const controller = new AbortController();
    const waits = Array.from({ length: 5 }, () => registry.waitForConnection('ada', { signal: controller.signal }));
    const came = registry.waitForConnection('bob', { signal: controller.signal });
    await server.connect('bob');
    await came;
    expect(getEventListeners(controller.signal, 'abort').length).toBe(5);
    const reason = new Error('no longer');
    controller.abort(reason);
    for (const wait of waits) await expect(wait).rejects.toBe(reason);
    await expect(registry.waitForConnection('ada', { signal: controller.signal })).rejects.toBe(reason);
    expect(getEventListeners(controller.signal, 'abort').length).toBe(0);
    expect(registry.stats().held.waiters).toBe(0);
  });

  test('leaves no timer when the user came', async () => {
    const registry = await start({ heartbeatMs: 0 });
    const socket = await server.unattached();
    const timers = new LiveTimers();
    const wait = registry.waitForConnection('ada', { timeoutMs: 60_000 });
    expect(await timers.count()).toBe(1);
    registry.attach(socket, 'ada');
    await wait;
    expect(await timers.count()).toBe(0);
    timers.stop();
  });

  test('refuses more waiters than there may be connections', async () => {
    const registry = await start({ limit: 1 });
    const first = registry.waitForConnection('ada');
    first.catch(() => {});
    await expect(registry.waitForConnection('ada')).rejects.toMatchObject({ code: 'WT_CONNECTIONS_TOO_MANY_WAITERS' });
    await server.connect('ada');
    await first;
  });
});

test('a server that is closing while it replays loses nothing silently', async () => {
  const registry = await start({ recovery: { totalBytes: 64 * 2 ** 20 }, closeTimeoutMs: 30 });
  for (let i = 0; i < 30; i++) registry.send('ada', `${i} ${'r'.repeat(1_000_000)}`);
  await server.mute('ada');
  const report = await registry.close({ timeoutMs: 1000 });
  const { messages, delivered, dropped } = registry.stats().totals;
  expect(report.undelivered).toBeGreaterThan(0);
  expect(dropped.closed).toBe(report.undelivered);
  expect(delivered + dropped.closed).toBe(messages);
  expect(registry.stats().held).toEqual(nothing);
});

test('a message that is being handled when the client is killed is handled to its end', async () => {
  const [begun, held, handled] = [gate(), gate(), gate()];
  const registry = await start({
    onMessage: async (connection) => {
      begun.open();
      await held.passed;
      expect(connection.send('too late')).toBe('kept');
      handled.open();
    },
  });
  const { socket, connection } = await server.connect('ada');
  socket.send('x');
  await begun.passed;
  socket.terminate();
  expect(await connection.ended).toMatchObject({ code: 1006 });
  expect(registry.stats().held).toMatchObject({ connections: 0, users: 1, handling: 1 });
  held.open();
  await handled.passed;
  expect(await (await server.connect('ada')).messages(1)).toEqual(['too late']);
  expect(registry.stats().held).toMatchObject({ handling: 0, kept: 0, users: 1 });
});
