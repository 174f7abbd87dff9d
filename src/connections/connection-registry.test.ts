import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import { REGISTRY_OPTION_NAMES } from './connection-registry.js';
import { ConnectionRegistry, type ConnectionRegistryOptions } from './index.js';
import { LiveTimers } from './live-timers.fixture.js';
import { nothing, TestServer } from './server.fixture.js';
import { RECOVERY_NAMES } from './settings.js';

const LISTENED = ['message', 'pong', 'error', 'close'];
const listeners = (socket: WebSocket) => LISTENED.map((event) => socket.listenerCount(event));

let server: TestServer;
const start = async (options: ConnectionRegistryOptions<unknown> = {}, maxPayload?: number) => {
  server = await TestServer.start(options, maxPayload);
  return server;
};
beforeEach(() => {
  server = undefined as never;
});
afterEach(() => server?.close());

describe('ConnectionRegistry.attach()', () => {
  test('gives a connection of that user, with its metadata', async () => {
    await start();
    const { connection } = await server.connect('ada');
    expect(connection).toMatchObject({ userId: 'ada', state: 'open', metadata: undefined, waiting: 0 });
    expect(connection.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(server.registry.connections('ada')).toEqual([connection]);
    expect(server.registry.connection('ada', connection.id)).toBe(connection);
    expect(server.registry.stats().held).toMatchObject({ connections: 1, users: 1, pulses: 1, timers: 1 });
  });

  test.each([undefined, null, 7, {}, '', 'x'.repeat(257)])('refuses %o as a user with a TypeError', async (userId) => {
    await start();
    const { connection } = await server.connect('ada');
    const socket = server.sockets[0]!;
    expect(() => server.registry.attach(socket, userId as string)).toThrow(/userId must be a string of 1 to 256/);
    expect(() => server.registry.send(userId as string, 'x')).toThrow(TypeError);
    expect(connection.state).toBe('open');
  });

  test.each([5, null, {}, new EventTarget(), { send() {}, close() {}, readyState: 1 }])(
    'refuses %o, which is no socket of ws, with a TypeError',
    async (socket) => {
      await start();
      expect(() => server.registry.attach(socket as never, 'ada')).toThrow(TypeError);
      expect(() => server.registry.attach(socket as never, 'ada')).toThrow(
        /^registry\.attach\(socket\): socket must be an open WebSocket of the package ws, not /,
      );
      expect(server.registry.stats().totals.refused).toEqual({ closing: 0, limit: 0, 'per-user': 0, gone: 0 });
    },
  );

  test('refuses a socket that is attached, and counts a violation when the user is another', async () => {
    await start();
    await server.connect('ada');
    const socket = server.sockets[0]!;
    const attached = expect.objectContaining({ code: 'WT_CONNECTIONS_ATTACHED' });
    expect(() => server.registry.attach(socket, 'ada')).toThrow(attached);
    expect(server.registry.stats().totals.violations).toBe(0);
    expect(() => server.registry.attach(socket, 'eve')).toThrow(attached);
    expect(server.registry.stats().totals.violations).toBe(1);
    expect(server.registry.connections('eve')).toEqual([]);
  });

  test('closes with 1013 above either limit, and takes again when somebody has left', async () => {
    await start({ limit: 3, perUser: 2 });
    const first = await server.connect('ada');
    await server.connect('ada');
    expect(server.registry.refusal('ada')).toBe('per-user');
    expect(server.registry.refusal('bob')).toBe(null);
    expect(await server.client('ada').closed).toEqual({ code: 1013, reason: 'too many connections of this user' });
    await server.connect('bob');
    expect(server.registry.refusal('cat')).toBe('limit');
    expect(await server.client('cat').closed).toEqual({ code: 1013, reason: 'too many connections' });
    expect(server.registry.stats().totals.refused).toEqual({ closing: 0, limit: 1, 'per-user': 1, gone: 0 });
    await first.leave();
    await server.connect('ada');
    expect(server.registry.size).toBe(3);
  });

  test('a refused socket is destroyed when the client does not answer, and leaves nothing', async () => {
    await start({ limit: 1, closeTimeoutMs: 50 });
    await server.connect('ada');
    const gone = new Promise<void>((resolve) => {
      server.onAttach = (_connection, socket) => socket.once('close', () => resolve());
    });
    const closed = server.client('bob');
    closed.socket.on('open', () => closed.socket.pause());
    await gone;
    expect(server.registry.stats().held.refused).toBe(0);
    expect(listeners(server.sockets[1]!)).toEqual([0, 0, 0, 0]);
  });

  test('no more refused sockets are waited for than there may be connections', async () => {
    await start({ limit: 1, closeTimeoutMs: 60_000 });
    await server.connect('ada');
    const refused = new Promise<void>((resolve) => {
      server.onAttach = (connection) => connection === null && resolve();
    });
    const deaf = server.client('bob');
    deaf.socket.on('open', () => deaf.socket.pause());
    await refused;
    expect(await server.client('cat').closed).toMatchObject({ code: 1006 });
    expect(server.registry.stats().held.refused).toBe(1);
  });

  test('gives null for a socket that has closed already', async () => {
    await start();
    const { leave } = await server.connect('ada').then((client) => ({ leave: () => client.leave() }));
    await leave();
    expect(server.registry.attach(server.sockets[0]!, 'ada')).toBe(null);
    expect(server.registry.stats().totals.refused.gone).toBe(1);
    expect(server.registry.stats().held).toEqual(nothing);
  });
});

describe('ConnectionRegistry.send()', () => {
  test('reaches all connections of the user and nobody else', async () => {
    await start();
    const [phone, laptop, eve] = [
      await server.connect('ada'),
      await server.connect('ada'),
      await server.connect('eve'),
    ];
    expect(server.registry.send('ada', 'for ada')).toBe('sent');
    expect(server.registry.send('eve', 'for eve')).toBe('sent');
    expect(await phone.messages(1)).toEqual(['for ada']);
    expect(await laptop.messages(1)).toEqual(['for ada']);
    expect(await eve.messages(1)).toEqual(['for eve']);
    await Promise.all([phone.leave(), laptop.leave(), eve.leave()]);
    expect([phone, laptop, eve].map(({ client }) => client.received.length)).toEqual([1, 1, 1]);
    expect(server.registry.stats().totals).toMatchObject({ messages: 2, delivered: 2 });
  });

  test('users named like properties of objects are users like others', async () => {
    await start();
    const users = ['__proto__', 'constructor', 'toString', ' ', '\u0000'];
    const clients = await Promise.all(users.map(async () => null)).then(async () => {
      const all = [];
      for (const user of users) all.push(await server.connect(user));
      return all;
    });
    for (const user of users) server.registry.send(user, `to ${user}`);
    for (const [i, client] of clients.entries()) expect(await client.messages(1)).toEqual([`to ${users[i]}`]);
  });

  test('bytes arrive as bytes, text as text', async () => {
    await start();
    const { socket, connection } = await server.connect('ada');
    const arrived = new Promise<[Buffer, boolean][]>((resolve) => {
      const all: [Buffer, boolean][] = [];
      socket.on('message', (data: Buffer, isBinary) => {
        if (all.push([data, isBinary]) === 3) resolve(all);
      });
    });
    connection.send('grüße');
    connection.send(new Uint8Array([1, 2, 255]));
    connection.send('');
    expect(await arrived).toEqual([
      [Buffer.from('grüße'), false],
      [Buffer.from([1, 2, 255]), true],
      [Buffer.alloc(0), false],
    ]);
  });

  test('refuses what is no message, and what is too large', async () => {
    await start({ maxMessageBytes: 4 });
    expect(() => server.registry.send('ada', 7 as never)).toThrow(
      'message must be a string or a Uint8Array, not number',
    );
    expect(() => server.registry.send('ada', null as never)).toThrow(TypeError);
    expect(server.registry.send('ada', '1234')).toBe('kept');
    expect(() => server.registry.send('ada', 'ü234')).toThrow(
      expect.objectContaining({ code: 'WT_CONNECTIONS_MESSAGE_TOO_LARGE', details: { bytes: 5, maxBytes: 4 } }),
    );
    expect(server.registry.stats().totals.messages).toBe(1);
  });

  test('broadcast() reaches each connected user once, and keeps nothing for others', async () => {
    await start();
    const clients = [await server.connect('ada'), await server.connect('ada'), await server.connect('bob')];
    server.registry.send('cat', 'kept');
    expect(server.registry.broadcast('all')).toEqual({ sent: 2, waiting: 0, kept: 0, dropped: 0 });
    for (const client of clients) expect(await client.messages(1)).toEqual(['all']);
    expect(server.registry.kept('cat').map(({ message }) => message)).toEqual(['kept']);
  });

  test('broadcast() keeps nothing for a user whose only connection is closing', async () => {
    await start();
    const { connection } = await server.connect('ada');
    connection.close();
    expect(server.registry.broadcast('all')).toEqual({ sent: 0, waiting: 0, kept: 0, dropped: 0 });
    expect(server.registry.kept('ada')).toEqual([]);
  });

  test('connection() refuses another user, and counts it', async () => {
    await start();
    const { connection } = await server.connect('ada');
    expect(() => server.registry.connection('eve', connection.id)).toThrow(
      expect.objectContaining({ code: 'WT_CONNECTIONS_FOREIGN' }),
    );
    expect(server.registry.connection('eve', 'none')).toBe(null);
    expect(server.registry.stats().totals.violations).toBe(1);
  });
});

describe('ConnectionRegistry onMessage', () => {
  test("handles one user's messages in order, one at a time, and users beside each other", async () => {
    const running = new Map<string, number>();
    const seen: string[] = [];
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let arrived = 0;
    let allOfBob = () => {};
    const bobIsDone = new Promise<void>((resolve) => {
      allOfBob = resolve;
    });
    await start({
      onMessage: async (connection, text) => {
        const user = connection.userId;
        running.set(user, (running.get(user) ?? 0) + 1);
        expect(running.get(user)).toBe(1);
        if (user === 'ada') await held;
        await null;
        running.set(user, 0);
        seen.push(`${user} ${text}`);
        if (user === 'bob' && ++arrived === 40) allOfBob();
        if (user === 'ada') connection.send(`done ${text}`);
      },
    });
    const [phone, laptop, bob] = [
      await server.connect('ada'),
      await server.connect('ada'),
      await server.connect('bob'),
    ];
    for (let i = 0; i < 40; i++) {
      phone.socket.send(`p${i}`);
      laptop.socket.send(`l${i}`);
      bob.socket.send(`b${i}`);
    }
    await bobIsDone;
    expect(seen.filter((line) => line.startsWith('ada'))).toEqual([]);
    release();
    await Promise.all([phone.messages(40), laptop.messages(40)]);
    const of = (letter: string) =>
      seen.filter((line) => line.includes(` ${letter}`)).map((line) => line.split(letter).at(-1));
    expect(of('p')).toEqual(Array.from({ length: 40 }, (_, i) => `${i}`));
    expect(of('l')).toEqual(of('p'));
    expect(server.registry.stats().held.handling).toBe(0);
  });

  test('a handler that throws or rejects closes its own connection with 1011 and no other', async () => {
    await start({
      onMessage: (connection, text) => {
        if (text === 'throw') throw new Error('thrown');
        if (text === 'reject') return Promise.reject(new Error('rejected'));
        return connection.send(`ok ${text}`);
      },
    });
    const clients = [await server.connect('ada'), await server.connect('ada'), await server.connect('bob')];
    const [phone, laptop, bob] = clients as [(typeof clients)[0], (typeof clients)[0], (typeof clients)[0]];
    phone.socket.send('throw');
    phone.socket.send('after');
    expect(await phone.client.closed).toEqual({ code: 1011, reason: 'internal error' });
    bob.socket.send('reject');
    bob.socket.send('after');
    expect(await bob.client.closed).toMatchObject({ code: 1011 });
    laptop.socket.send('hello');
    expect(await laptop.messages(1)).toEqual(['ok hello']);
    expect(phone.client.received).toEqual([]);
    expect(server.errors.map((error) => (error as Error).message)).toEqual(['thrown', 'rejected']);
    expect(server.registry.stats().totals).toMatchObject({ handlerFailures: 2, cut: { failed: 2 } });
    await laptop.leave();
    expect(server.registry.stats().held).toEqual(nothing);
  });

  test('a handler over its time loses its connection, and the next message of its user is handled', async () => {
    await start({
      handlerTimeoutMs: 20,
      onMessage: (connection, text) => (text === 'hang' ? new Promise(() => {}) : connection.send(`ok ${text}`)),
    });
    const [phone, laptop] = [await server.connect('ada'), await server.connect('ada')];
    phone.socket.send('hang');
    expect(await phone.client.closed).toMatchObject({ code: 1011 });
    laptop.socket.send('hello');
    expect(await laptop.messages(1)).toEqual(['ok hello']);
    expect(server.errors).toEqual([expect.objectContaining({ code: 'WT_CONNECTIONS_HANDLER_TIMEOUT' })]);
    expect(server.registry.stats().held.handling).toBe(0);
  });

  test('a handler that ends after its time changes nothing for those after it', async () => {
    const ends: ((isWell: boolean) => void)[] = [];
    const seen: string[] = [];
    let begin = () => {};
    await start({
      handlerTimeoutMs: 40,
      onMessage: (_connection, text) => {
        seen.push(String(text));
        begin();
        return new Promise<void>((resolve, reject) => {
          ends.push((isWell) => (isWell ? resolve() : reject(new Error('late'))));
        });
      },
    });
    const clients = [await server.connect('ada'), await server.connect('ada'), await server.connect('ada')] as const;
    for (const [i, { socket, client }] of clients.entries()) {
      socket.send(`${i}`);
      // The one before ends, one way or the other, while this one is being handled.
      if (seen.length <= i) await new Promise<void>((resolve) => (begin = resolve));
      const failures = server.registry.stats().totals.handlerFailures;
      ends[i - 1]?.(i === 1);
      await new Promise(setImmediate);
      expect(server.registry.stats().totals.handlerFailures).toBe(failures);
      expect(server.registry.stats().held.handling).toBe(1);
      expect(await client.closed).toMatchObject({ code: 1011 });
    }
    expect(server.errors.length).toBe(3);
    expect(server.registry.stats().held.handling).toBe(0);
  });

  test('what comes after the server has closed is not handled', async () => {
    const seen: string[] = [];
    await start({
      onMessage: (connection, text) => {
        seen.push(String(text));
        connection.close(4000, 'enough');
      },
    });
    const { socket, client, connection } = await server.connect('ada');
    socket.send('first');
    socket.send('second');
    expect(await client.closed).toEqual({ code: 4000, reason: 'enough' });
    await connection.ended;
    expect(seen).toEqual(['first']);
    expect(server.registry.stats().totals.received).toBe(2);
  });

  test('what a client sent before it left is handled, and nothing of it stays', async () => {
    const seen: string[] = [];
    let done = () => {};
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    await start({
      onMessage: async (_connection, text) => {
        await new Promise(setImmediate);
        if (seen.push(String(text)) === 30) done();
      },
    });
    const { socket, connection } = await server.connect('ada');
    for (let i = 0; i < 30; i++) socket.send(`${i}`);
    socket.close();
    await all;
    await connection.ended;
    expect(seen).toEqual(Array.from({ length: 30 }, (_, i) => `${i}`));
    await new Promise(setImmediate);
    expect(server.registry.stats().held).toEqual(nothing);
  });

  test('a flood is read no faster than it is handled', async () => {
    let peak = 0;
    let count = 0;
    let done = () => {};
    const all = new Promise<void>((resolve) => {
      done = resolve;
    });
    const body = 'x'.repeat(32_768);
    await start({
      onMessage: async () => {
        peak = Math.max(peak, server.registry.stats().held.handling);
        await new Promise(setImmediate);
        if (++count === 400) done();
      },
    });
    const { socket } = await server.connect('ada');
    for (let i = 0; i < 400; i++) socket.send(body);
    await all;
    // 16 and what one chunk of 64 KiB from the kernel holds beside them.
    expect(peak).toBeLessThanOrEqual(20);
  });

  test('an error that onError throws becomes a warning', async () => {
    await start({
      onMessage: () => {
        throw new Error('first');
      },
      onError: () => {
        throw new Error('second');
      },
    });
    const warned = once(process, 'warning');
    const { socket, client } = await server.connect('ada');
    socket.send('x');
    expect(String((await warned)[0])).toContain('onError of connections failed: Error: second');
    expect(await client.closed).toMatchObject({ code: 1011 });
  });
});

describe('Connection', () => {
  test('every listener, entry and timer is gone when it has ended, however it ends', async () => {
    await start();
    const ends: ((client: Awaited<ReturnType<TestServer['connect']>>) => void)[] = [
      ({ socket }) => socket.close(),
      ({ socket }) => socket.terminate(),
      ({ connection }) => connection.close(4000, 'go'),
      ({ connection }) => connection.terminate(),
      ({ connection }) => {
        connection.close();
        connection.close();
        connection.terminate();
      },
    ];
    for (const end of ends) {
      const client = await server.connect('ada');
      const socket = server.sockets.at(-1)!;
      client.connection.scope.interval('beat', 1000, () => {});
      end(client);
      await client.connection.ended;
      expect(client.connection.state).toBe('closed');
      expect(listeners(socket)).toEqual([0, 0, 0, 0]);
      expect(client.connection.scope.state).toBe('closed');
      client.connection.close();
      client.connection.terminate();
      expect(client.connection.bufferedBytes).toBe(0);
    }
    expect(server.registry.stats().held).toEqual(nothing);
    expect(server.registry.stats().totals).toMatchObject({ attached: 5, ended: 5 });
    expect(server.scope.tree().toString()).not.toContain('connection ');
  });

  test('leaves no time limit behind: of its closing, or of a replay', async () => {
    await start({ heartbeatMs: 0, closeTimeoutMs: 60_000, recovery: { replayMs: 60_000, replayMessageMs: 60_000 } });
    for (const kept of [0, 3]) {
      const socket = await server.unattached();
      for (let i = 0; i < kept; i++) server.registry.send('ada', `${i}`);
      const timers = new LiveTimers();
      const connection = server.registry.attach(socket, 'ada')!;
      if (kept > 0) connection.terminate();
      else connection.close();
      await connection.ended;
      expect(await timers.count()).toBe(0);
      timers.stop();
    }
  });

  test('ended says the code and the reason of the other side', async () => {
    await start();
    const { socket, connection } = await server.connect('ada');
    socket.close(4001, 'bye');
    expect(await connection.ended).toEqual({ code: 4001, reason: 'bye' });
    expect(await connection.ended).toEqual({ code: 4001, reason: 'bye' });
  });

  test('onEnd is called once, after the connection has left every list', async () => {
    const seen: unknown[] = [];
    await start({
      onEnd: (connection, { code }) => {
        seen.push([connection.userId, code, server.registry.size, connection.state]);
      },
    });
    const { leave } = await server.connect('ada').then((client) => ({ leave: () => client.leave() }));
    await leave();
    expect(seen).toEqual([['ada', 1005, 0, 'closed']]);
  });

  test('close() destroys the socket of a client that does not answer', async () => {
    await start({ closeTimeoutMs: 50 });
    const { connection } = await server.mute('ada');
    connection.close();
    expect(await connection.ended).toMatchObject({ code: 1006 });
    expect(server.registry.stats()).toMatchObject({ held: nothing, totals: { cut: { handshake: 1 } } });
  });

  test('a reply goes to its connection only; it is kept only when the user has no other', async () => {
    await start();
    const [phone, laptop] = [await server.connect('ada'), await server.connect('ada')];
    expect(phone.connection.send('reply')).toBe('sent');
    expect(await phone.messages(1)).toEqual(['reply']);
    await phone.leave();
    laptop.connection.send('mark');
    expect(await laptop.messages(1)).toEqual(['mark']);
    expect(phone.connection.send('late')).toBe('dropped');
    await laptop.leave();
    expect(phone.connection.send('later')).toBe('kept');
    expect(server.registry.kept('ada').map(({ message, reason }) => [message, reason])).toEqual([
      ['later', 'no connection'],
    ]);
  });

  test('its scope takes nothing more when it has ended, whether or not it was asked for before', async () => {
    await start();
    for (const isAskedBefore of [true, false]) {
      const client = await server.connect('ada');
      if (isAskedBefore) expect(client.connection.scope.isClosed).toBe(false);
      await client.leave();
      let released = 0;
      const late = () => client.connection.scope.defer('late', () => released++);
      expect(late).toThrow(expect.objectContaining({ code: 'WT_SCOPE_CLOSED' }));
      expect(released).toBe(1);
    }
  });

  test('a failing release in its scope is told to onError', async () => {
    await start();
    const { connection, leave } = await server
      .connect('ada')
      .then((client) => ({ connection: client.connection, leave: () => client.leave() }));
    connection.scope.defer('broken', () => {
      throw new Error('release failed');
    });
    await leave();
    await connection.scope.close();
    expect(server.errors).toEqual([expect.objectContaining({ message: 'release failed' })]);
  });
});

test('ConnectionRegistry refuses options out of their range, naming them', () => {
  const wrong: [ConnectionRegistryOptions<unknown>, string][] = [
    [{ limit: 0 }, 'limit must be a whole number from 1, not 0'],
    [{ perUser: 1.5 }, 'perUser must be a whole number from 1, not 1.5'],
    [{ heartbeatMs: -1 }, 'heartbeatMs must be a whole number from 0 to 2147483647, not -1'],
    [{ heartbeatMs: 10, heartbeatTimeoutMs: 11 }, 'heartbeatTimeoutMs must be a whole number from 1 to 10, not 11'],
    [{ overflow: 'block' as never }, "overflow must be 'wait', 'drop' or 'close', not block"],
    [{ recovery: { perUser: -1 } }, 'recovery.perUser must be a whole number from 0, not -1'],
    [{ recovery: { ttlMs: 0 } }, 'recovery.ttlMs must be a whole number from 1 to 2147483647, not 0'],
  ];
  for (const [options, message] of wrong) {
    expect(() => new ConnectionRegistry(options)).toThrow(new RangeError(message));
  }
});

test.each([
  [5, 'options must be an object, not the number 5'],
  [{ closeTimeout: 5 }, 'there is no option "closeTimeout"; there are scope, name, onMessage, onEnd, onError, limit'],
  [{ recovery: { perUsers: 5 } }, 'there is no option "perUsers"; there are perUser, users'],
  [{ recovery: 5 }, 'options must be an object, not the number 5'],
  [{ scope: {} }, 'scope must be a Scope, not an object'],
  [{ name: 5 }, 'name must be a text, not the number 5'],
  [{ onMessage: 5 }, 'onMessage must be a function, not the number 5'],
  [{ onEnd: 5 }, 'onEnd must be a function, not the number 5'],
  [{ onError: 5 }, 'onError must be a function, not the number 5'],
])('ConnectionRegistry refuses options %o, saying why', (options, message) => {
  expect(() => new ConnectionRegistry(options as never)).toThrow(TypeError);
  expect(() => new ConnectionRegistry(options as never)).toThrow(message);
});

test('docs/connections.md names every option', () => {
  const page = readFileSync(new URL('../../docs/connections.md', import.meta.url), 'utf8');
  const names = [
    ...REGISTRY_OPTION_NAMES.filter((name) => name !== 'recovery'),
    ...RECOVERY_NAMES.map((name) => `recovery.${name}`),
  ];
  expect(names.filter((name) => !new RegExp(`^\\| \`${name}\` +\\|`, 'm').test(page))).toEqual([]);
});
