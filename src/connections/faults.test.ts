import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ConnectionRegistryOptions } from './index.js';
import { LiveTimers } from './live-timers.fixture.js';
import { nothing, TestServer } from './server.fixture.js';

let server: TestServer;
const start = async (options: ConnectionRegistryOptions<unknown> = {}, maxPayload?: number) => {
  server = await TestServer.start(options, maxPayload);
  return server.registry;
};
beforeEach(() => {
  server = undefined as never;
});
afterEach(() => server?.close());

/** Settles with the one connection of a user, once it has ended. */
async function ending(user: string) {
  return (await server.registry.waitForConnection(user)).ended;
}

describe('ConnectionRegistry survives', () => {
  test('a client process that is killed in the middle of a message', async () => {
    const seen: unknown[] = [];
    const registry = await start({ onMessage: (_connection, text) => seen.push(text) });
    const child = spawn(process.execPath, ['--input-type=module', '-e', HALF_A_MESSAGE], {
      env: { ...process.env, WS_PORT: String(server.port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = ending('ada');
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    expect(await ended).toMatchObject({ code: 1006 });
    expect(seen).toEqual([]);
    expect(registry.stats().held).toEqual(nothing);
  });

  test('a link that is half open: it is noticed by its silence, and others stay', async () => {
    const registry = await start({ heartbeatMs: 64, heartbeatTimeoutMs: 40 });
    const bob = await server.connect('bob');
    const { connection } = await server.mute('ada');
    expect(await connection.ended).toEqual({ code: 1006, reason: '' });
    expect(bob.connection.state).toBe('open');
    expect(registry.stats()).toMatchObject({ held: { connections: 1, pulses: 1 }, totals: { cut: { silent: 1 } } });
  });

  test('a client whose messages are being handled for long is not taken for silent', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await start({ heartbeatMs: 32, heartbeatTimeoutMs: 20, onMessage: () => held });
    const ada = await server.connect('ada');
    for (let i = 0; i < 100; i++) ada.socket.send(`${i}`);
    const { connection } = await server.mute('bob');
    await connection.ended;
    const again = await server.mute('bob');
    await again.connection.ended;
    expect(ada.connection.state).toBe('open');
    release();
    ada.connection.send('still here');
    expect(await ada.messages(1)).toEqual(['still here']);
  });

  test.each([
    ['by the limit of the server', 1000],
    ['by the limit of the registry', 100_000],
  ])('a message ten times too large, %s', async (_where, maxPayload) => {
    const seen: unknown[] = [];
    const registry = await start(
      { maxMessageBytes: 1000, onMessage: (_connection, text) => seen.push(text) },
      maxPayload,
    );
    const [ada, bob] = [await server.connect('ada'), await server.connect('bob')];
    ada.socket.send('x'.repeat(10_000));
    expect(await ada.client.closed).toMatchObject({ code: 1009 });
    await ada.connection.ended;
    bob.socket.send('x'.repeat(1000));
    await bob.leave();
    expect(seen).toEqual(['x'.repeat(1000)]);
    expect(registry.stats().held).toEqual(nothing);
  });

  test.each([
    ['a frame that is not masked', Buffer.from([0x81, 0x01, 0x61])],
    ['a reserved opcode', Buffer.from([0x83, 0x80, 0, 0, 0, 0])],
    ['text that is no UTF-8', Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0xc3, 0x28])],
    ['a close frame with half a code', Buffer.from([0x88, 0x81, 0, 0, 0, 0, 0x03])],
  ])('%s', async (_what, frame) => {
    const registry = await start({ heartbeatMs: 64, heartbeatTimeoutMs: 32 });
    const { socket, connection } = await server.mute('ada');
    socket.write(frame);
    socket.resume();
    await connection.ended;
    expect(server.errors.length).toBe(1);
    expect(registry.stats()).toMatchObject({ held: nothing, totals: { socketErrors: 1 } });
  });

  test('a client that ends its half of the connection without a word', async () => {
    const registry = await start();
    const { socket, connection } = await server.mute('ada');
    socket.end();
    socket.resume();
    expect(await connection.ended).toMatchObject({ code: 1006 });
    expect(registry.stats().held).toEqual(nothing);
  });

  test('a reset while messages go out: they are kept, in order', async () => {
    const registry = await start({ recovery: { totalBytes: 64 * 2 ** 20 } });
    const { socket, connection } = await server.mute('ada');
    let sent = 0;
    while (registry.send('ada', `${sent} ${'x'.repeat(100_000)}`) === 'sent') sent++;
    socket.resetAndDestroy();
    await connection.ended;
    const order = registry.kept('ada').map(({ message }) => Number.parseInt(String(message), 10));
    expect(order).toEqual(Array.from({ length: order.length }, (_, i) => sent + 1 - order.length + i));
    expect(order.length).toBeGreaterThan(1);
  });

  test('strangers that are no WebSocket clients', async () => {
    const registry = await start();
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.end('GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
    expect(registry.stats().held).toEqual(nothing);
  });
});

describe('2,000 connects and disconnects', () => {
  test('leave no entry, listener or timer, however they end', async () => {
    const registry = await start({ limit: 200, onMessage: (connection, text) => connection.send(`echo ${text}`) });
    const timers = new LiveTimers();
    for (let wave = 0; wave < 20; wave++) {
      const clients = Array.from({ length: 100 }, (_, i) => server.client(`user-${wave}-${i}`));
      await Promise.all(clients.map(({ opened }) => opened));
      for (const { socket } of clients) socket.send('x');
      await Promise.all(clients.map((client) => client.messages(1)));
      const ended = clients.flatMap((_, i) => registry.connections(`user-${wave}-${i}`));
      const all = Promise.all(ended.map((connection) => connection.ended));
      for (const [i, { socket }] of clients.entries()) {
        if (i % 3 === 0) socket.close();
        else if (i % 3 === 1) socket.terminate();
        else ended[i]!.close(1000, 'enough');
      }
      await all;
      await Promise.all(clients.map(({ closed }) => closed));
    }
    expect(registry.stats()).toMatchObject({ held: nothing, totals: { attached: 2000, ended: 2000 } });
    for (const socket of server.sockets) {
      for (const event of ['message', 'pong', 'error', 'close']) expect(socket.listenerCount(event)).toBe(0);
    }
    expect(await timers.count()).toBe(0);
    timers.stop();
  });
});

/** A handshake, then the head of a frame of 1,000 bytes and ten of them. */
const HALF_A_MESSAGE = `
  import { connect } from 'node:net';
  const socket = connect(process.env.WS_PORT, '127.0.0.1');
  socket.write('GET /ada HTTP/1.1\\r\\nHost: test\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n' +
    'Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n');
  socket.once('data', () => {
    const head = Buffer.from([0x81, 0x80 | 126, 1000 >> 8, 1000 & 255, 1, 2, 3, 4]);
    socket.write(Buffer.concat([head, Buffer.alloc(10)]), () => console.log('sent'));
  });
`;
