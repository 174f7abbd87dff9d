import { EventEmitter, once } from 'node:events';
import { createServer, get, type IncomingMessage } from 'node:http';
import { createSecureServer as createSecureHttp2Server } from 'node:http2';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Scope } from './scope.js';

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function connected(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** Keys known to both sides: TLS without certificates. */
const psk = Buffer.alloc(16, 7);
const secure = { pskCallback: () => psk, ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;

async function connectedTls(port: number): Promise<TLSSocket> {
  const socket = connectTls({
    port,
    host: '127.0.0.1',
    ciphers: 'PSK',
    maxVersion: 'TLSv1.2',
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ psk, identity: 'test' }),
  });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  return socket;
}

describe('Scope.server(): connections without a request', () => {
  test.each(['nothing', 'half a request'])('one that has sent %s does not hold up the closing', async (sent) => {
    const scope = new Scope('app');
    const server = scope.server(createServer((_request, response) => void response.end('ok')));
    const port = await listening(server);
    const socket = connect(port, '127.0.0.1').on('error', () => {});
    const [accepted] = (await once(server, 'connection')) as [Socket];
    if (sent !== 'nothing') {
      socket.write('GET / HTTP/1.1\r\nHost: lo');
      while (accepted.bytesRead === 0) await new Promise(setImmediate);
    }
    const ended = once(socket, 'close');
    const report = await scope.close({ timeoutMs: 20_000 });
    expect(report).toMatchObject({ status: 'completed', released: 1, failures: [] });
    expect(report.durationMs).toBeLessThan(5_000);
    await ended;
  });

  test('nor does one of a TLS server, before its handshake and after', async () => {
    const scope = new Scope('app');
    const server = scope.server(createSecureServer(secure, (_request, response) => void response.end('ok')));
    const port = await listening(server);
    const raw = await connected(port);
    const silent = await connectedTls(port);
    const ended = Promise.all([once(raw, 'close'), once(silent, 'close')]);
    const report = await scope.close({ timeoutMs: 20_000 });
    expect(report).toMatchObject({ status: 'completed', failures: [] });
    expect(report.durationMs).toBeLessThan(5_000);
    await ended;
  });

  test('nor does one that has not shaken hands with an HTTP/2 server', async () => {
    const scope = new Scope('app');
    const port = await listening(scope.server(createSecureHttp2Server(secure)));
    const ended = once(await connected(port), 'close');
    const report = await scope.close({ timeoutMs: 20_000 });
    expect(report).toMatchObject({ status: 'completed', failures: [] });
    expect(report.durationMs).toBeLessThan(5_000);
    await ended;
  });

  test('a request over TLS is waited for, beside a silent connection', async () => {
    const scope = new Scope('app');
    const arrived = new EventEmitter();
    const server = createSecureServer(secure, (_request, response) => arrived.emit('request', response));
    const port = await listening(scope.server(server));
    await connected(port);
    const client = await connectedTls(port);
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [response] = await once(arrived, 'request');
    const closing = scope.close({ timeoutMs: 20_000 });
    setTimeout(() => response.end('late'), 200);
    let text = '';
    client.on('data', (data) => {
      text += data;
    });
    await once(client, 'close');
    expect(text).toContain('late');
    expect(await closing).toMatchObject({ status: 'completed', failures: [] });
  });

  test('a client that is asked to go on with its body (100-continue) is not taken for a silent one', async () => {
    const scope = new Scope('app');
    const server = createServer();
    const waiting = once(server, 'checkContinue');
    const port = await listening(scope.server(server));
    const client = await connected(port);
    client.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
    const [, response] = await waiting;
    const closing = scope.close({ timeoutMs: 20_000 });
    setTimeout(() => response.writeHead(413, { connection: 'close' }).end(), 200);
    let text = '';
    client.on('data', (data) => {
      text += data;
    });
    await once(client, 'close');
    expect(text).toContain('413');
    expect(await closing).toMatchObject({ status: 'completed', failures: [] });
  });
});

describe('Scope.server(): connections that were upgraded', () => {
  test('are not waited for when somebody else ends them: a client that never reads holds up nobody', async () => {
    const scope = new Scope('app');
    const server = scope.server(createServer());
    const sockets = new WebSocketServer({ server, clientTracking: false });
    const port = await listening(server);
    const client = new WebSocket(`ws://127.0.0.1:${port}`);
    const [socket] = (await once(sockets, 'connection')) as [WebSocket];
    scope.hold('its owner', socket, (owned) => owned.terminate());
    const report = await scope.close({ timeoutMs: 20_000 });
    expect(report).toMatchObject({ status: 'completed', released: 2, failures: [] });
    expect(report.durationMs).toBeLessThan(5_000);
    client.on('error', () => {}).terminate();
  });

  test('that nobody ends are cut, and the report says so', async () => {
    const scope = new Scope('app');
    const server = scope.server(createServer());
    server.on('upgrade', (_request, socket: Socket) => void socket.write('HTTP/1.1 101 Switching\r\n\r\n'));
    const port = await listening(server);
    const client = await connected(port);
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: raw\r\n\r\n');
    await once(client, 'data');
    const ended = once(client, 'close');
    const report = await scope.close({ timeoutMs: 20_000 });
    expect(report.failures.map(({ phase, error }) => `${phase} ${String(error)}`)).toEqual([
      expect.stringContaining('release WatertightError: 1 connection was cut'),
    ]);
    expect(report.durationMs).toBeLessThan(5_000);
    await ended;
  });
});

describe('Scope.server({ lameDuckMs })', () => {
  test('goes on accepting for so long, while scope.isClosed is true, then stops', async () => {
    const scope = new Scope('app');
    const server = createServer((_request, response) => void response.writeHead(scope.isClosed ? 503 : 200).end());
    const port = await listening(scope.server(server, { lameDuckMs: 300 }));
    const statusNow = () =>
      new Promise<number | string>((resolve) => {
        get({ port, host: '127.0.0.1', agent: false }, (response: IncomingMessage) => resolve(response.statusCode!)).on(
          'error',
          (error: NodeJS.ErrnoException) => resolve(error.code!),
        );
      });
    expect(await statusNow()).toBe(200);
    const closing = scope.close();
    expect(await statusNow()).toBe(503);
    const report = await closing;
    expect(report).toMatchObject({ status: 'completed', failures: [] });
    expect(report.durationMs).toBeGreaterThanOrEqual(300);
    expect(await statusNow()).toBe('ECONNREFUSED');
  });

  test('takes at most three quarters of the time for draining, and ends when the server does', async () => {
    const scope = new Scope('app');
    await listening(scope.server(createServer(), { lameDuckMs: 60_000 }));
    expect((await scope.close({ timeoutMs: 400 })).status).toBe('completed');
    const other = new Scope('app');
    const server = other.server(createServer(), { lameDuckMs: 60_000 });
    await listening(server);
    const closing = other.close({ timeoutMs: 120_000 });
    server.close();
    expect((await closing).status).toBe('completed');
  });
});

test('Scope.server() refuses wrong options before it owns the server', () => {
  const scope = new Scope('app');
  const server = createServer();
  for (const [options, message] of [
    [{ lingerMs: Number.NaN }, 'lingerMs must be a number of ms'],
    [{ lameDuckMs: '5s' }, 'lameDuckMs must be a number of ms'],
    [{ connections: 'foo' }, 'connections must be'],
    [{ timeoutMs: -1 }, 'timeoutMs must be a number of ms'],
    [{ linger: 5 }, 'no option "linger"'],
  ] as const) {
    expect(() => scope.server(server, options as never)).toThrow(message);
  }
  expect(scope.size).toBe(0);
  expect(server.listenerCount('connection')).toBe(1);
});
