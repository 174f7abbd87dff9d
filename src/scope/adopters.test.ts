import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createWriteStream, existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Agent, createServer, get, type Server as HttpServer, type IncomingMessage } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2';
import { type AddressInfo, connect, createServer as createNetServer, type Server } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Scope } from './scope.js';

const code = (expected: string) => expect.objectContaining({ code: expected });

async function listening<T extends Server>(server: T): Promise<number> {
  if (!server.listening) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  return (server.address() as AddressInfo).port;
}

function request(
  port: number,
  path: string,
  agent: Agent,
): Promise<{ body: string; headers: IncomingMessage['headers'] }> {
  return new Promise((resolve, reject) => {
    get({ port, path, agent, host: '127.0.0.1' }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      response.on('end', () => resolve({ body, headers: response.headers }));
    }).on('error', reject);
  });
}

describe('Scope.server()', () => {
  test('lets a request in flight end, tells it to close, refuses new ones, and returns before its time', async () => {
    const arrived = new EventEmitter();
    const server: HttpServer = createServer((_request, response) => arrived.emit('request', response));
    const scope = new Scope('app');
    const port = await listening(scope.server(server));
    const agent = new Agent({ keepAlive: true });
    const answer = request(port, '/slow', agent);
    const [response] = await once(arrived, 'request');
    const closing = scope.close();
    await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    response.end('done');
    const { body, headers } = await answer;
    expect(body).toBe('done');
    expect(headers.connection).toBe('close');
    const report = await closing;
    expect(report).toMatchObject({ status: 'completed', initial: 1, released: 1 });
    expect(report.durationMs).toBeLessThan(2000);
    expect(server.listenerCount('request')).toBe(1);
    expect(server.listenerCount('connection')).toBe(1);
    agent.destroy();
  });

  test('closes idle keep-alive connections in time, and answers one that still comes', async () => {
    const server = createServer((_request, response) => void response.end('ok'));
    const scope = new Scope('app');
    const port = await listening(scope.server(server, { lingerMs: 60_000 }));
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await request(port, '/', agent);
    const closing = scope.close();
    // The connection is idle, and the server has stopped accepting: this one goes over it.
    const { body, headers } = await request(port, '/last', agent);
    expect(body).toBe('ok');
    expect(headers.connection).toBe('close');
    expect(await closing).toMatchObject({ status: 'completed' });

    const idle = new Scope('idle');
    const second = createServer((_request, response) => void response.end('ok'));
    const secondPort = await listening(idle.server(second));
    await request(secondPort, '/', agent);
    const report = await idle.close();
    expect(report.status).toBe('completed');
    expect(report.durationMs).toBeLessThan(2000);
    agent.destroy();
  });

  test('cuts a request that does not end, and the report names it', async () => {
    const server = createServer(() => {});
    const scope = new Scope('app');
    const port = await listening(scope.server(server));
    const agent = new Agent();
    const cut = request(port, '/hangs?x=1', agent).catch((error) => error);
    await once(server, 'request');
    const report = await scope.close({ timeoutMs: 200 });
    expect(report).toMatchObject({ status: 'failed', released: 1, remaining: 0 });
    expect(report.durationMs).toBeLessThan(250);
    expect(report.failures.map(({ error }) => error)).toContainEqual(code('WT_SCOPE_REQUESTS_CUT'));
    expect(String(report.failures.at(-1)!.error)).toContain('1 request was cut: GET /hangs?x=1');
    expect((await cut).code).toBe('ECONNRESET');
  });

  test('a net server waits for its connections, cuts what stays, or cuts at once where that is wanted', async () => {
    for (const [connections, failures] of [
      ['wait', 1],
      ['cut', 0],
    ] as const) {
      const server = createNetServer((socket) => socket.on('error', () => {}));
      const scope = new Scope('app');
      const port = await listening(scope.server(server, { connections }));
      const client = connect(port, '127.0.0.1');
      await once(server, 'connection');
      const ended = once(client, 'close');
      client.on('error', () => {});
      const report = await scope.close({ timeoutMs: 200 });
      expect(report.failures.filter(({ phase }) => phase === 'release')).toHaveLength(failures);
      expect(report.remaining).toBe(0);
      await ended;
    }
  });

  test('closes the sessions of an HTTP/2 server in order', async () => {
    const server = createHttp2Server((_request, response) => void response.end('two'));
    const scope = new Scope('app');
    const port = await listening(scope.server(server));
    const client = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = client.request({ ':path': '/' });
    const [chunk] = await once(stream, 'data');
    expect(String(chunk)).toBe('two');
    const closed = once(client, 'close');
    expect(await scope.close()).toMatchObject({ status: 'completed' });
    await closed;
  });

  test('one that closes by itself, or never listened, leaves the ledger without a failure', async () => {
    const scope = new Scope('app');
    const server = scope.server(createServer());
    await listening(server);
    server.close();
    await once(server, 'close');
    expect(scope.size).toBe(0);
    scope.server(createServer());
    expect(await scope.close()).toMatchObject({ status: 'completed', initial: 1 });
    expect(() => new Scope('x').server({} as never)).toThrow(/must be a net, tls, http or http2 server/);
  });

  test('can be released early', async () => {
    const scope = new Scope('app');
    const server = scope.server(createServer());
    await listening(server);
    await scope.release(server);
    expect(server.listening).toBe(false);
    expect(scope.size).toBe(0);
  });
});

describe('Scope.spawn()', () => {
  const wait = ['-e', 'process.stdout.write("up"); setInterval(() => {}, 1000)'];
  const stubborn = ['-e', 'process.on("SIGTERM", () => {}); process.stdout.write("up"); setInterval(() => {}, 1000)'];
  const isUp = (child: ChildProcess) => once(child.stdout!, 'data');

  test('ends a process by SIGTERM and waits for its end', async () => {
    const scope = new Scope('app');
    const child = scope.spawn(process.execPath, wait);
    await isUp(child);
    const ended = once(child, 'exit');
    expect(await scope.close()).toMatchObject({ status: 'completed', released: 1 });
    expect(await ended).toEqual([null, 'SIGTERM']);
  });

  test('kills one that ignores SIGTERM after its time, and says so', async () => {
    const scope = new Scope('app');
    const child = scope.spawn(process.execPath, stubborn, { timeoutMs: 1_500 });
    await isUp(child);
    const report = await scope.close();
    expect(child.signalCode).toBe('SIGKILL');
    expect(report).toMatchObject({ status: 'failed', released: 1, remaining: 0, stuck: [] });
    expect(report.failures[0]).toMatchObject({
      path: `app/process ${process.execPath} ${child.pid}`,
      error: { code: 'WT_SCOPE_PROCESS_KILLED' },
    });
  });

  test('one that ends by itself leaves the ledger; one that cannot start never enters it', async () => {
    const scope = new Scope('app');
    const child = scope.spawn('/bin/true');
    await once(child, 'exit');
    expect(scope.size).toBe(0);
    const missing = scope.spawn('/no/such/command');
    expect(scope.size).toBe(0);
    expect((await once(missing, 'error'))[0]).toMatchObject({ code: 'ENOENT' });
    await scope.close();
    expect(() => scope.spawn('/bin/true')).toThrow(code('WT_SCOPE_CLOSED'));
  });
});

describe('Scope.worker()', () => {
  const source = `data:text/javascript,${encodeURIComponent('setInterval(() => {}, 1000)')}`;

  test('terminates a worker; one that ends by itself leaves the ledger', async () => {
    const scope = new Scope('app');
    const worker = scope.worker(new URL(source), { name: 'pump' });
    const ended = once(worker, 'exit');
    expect(String(scope.tree())).toContain('worker pump');
    expect(await scope.close()).toMatchObject({ status: 'completed', released: 1 });
    await ended;
    const short = new Scope('short');
    await once(short.worker(new URL('data:text/javascript,0')), 'exit');
    expect(short.size).toBe(0);
  });

  test('leaves its errors to the caller', async () => {
    const scope = new Scope('app');
    const worker = scope.worker(new URL(`data:text/javascript,${encodeURIComponent('throw new Error("inside")')}`));
    const [error] = await once(worker, 'error');
    expect(error.message).toBe('inside');
    await scope.close();
  });
});

describe('Scope.use()', () => {
  test('takes disposables, asyncDispose first', async () => {
    const closed: string[] = [];
    const scope = new Scope('test');
    scope.use({ [Symbol.dispose]: () => void closed.push('sync') });
    scope.use({
      [Symbol.dispose]: () => void closed.push('wrong'),
      [Symbol.asyncDispose]: async () => void closed.push('async'),
    });
    expect(scope.use(null)).toBe(null);
    expect(scope.use(undefined)).toBe(undefined);
    await scope.close();
    expect(closed).toEqual(['async', 'sync']);
  });

  test.for(['close', 'end', 'quit', 'disconnect', 'destroy', 'terminate', 'stop'])(
    'closes a client of a database by its %s(), called without arguments, and waits for it',
    async (method) => {
      class Client {
        calls: unknown[][] = [];
      }
      let release!: () => void;
      const client = new Client();
      const call = (...args: unknown[]) => {
        client.calls.push(args);
        return new Promise<void>((resolve) => {
          release = resolve;
        });
      };
      const scope = new Scope('test');
      scope.use(Object.assign(client, { [method]: call }) as never);
      expect(String(scope.tree())).toContain('Client');
      const closing = scope.close();
      expect(client.calls).toEqual([[]]);
      release();
      expect(await closing).toMatchObject({ status: 'completed' });
    },
  );

  test('ends a writable stream so that what was written is out, and destroys a readable one', async () => {
    const scope = new Scope('test');
    const folder = await scope.tempDir();
    const file = join(folder, 'log');
    const log = scope.use('log', createWriteStream(file));
    const source = scope.use(Readable.from(['a', 'b']));
    const pipe = scope.use(new PassThrough());
    pipe.resume();
    log.write('first\n');
    log.write('last\n');
    let text = '';
    log.once('close', () => {
      text = readFileSync(file, 'utf8');
    });
    expect(await scope.close()).toMatchObject({ status: 'completed', failures: [] });
    expect(text).toBe('first\nlast\n');
    expect(source.destroyed).toBe(true);
    expect(pipe.destroyed).toBe(true);
    expect(existsSync(folder)).toBe(false);
  });

  test('tells of a stream that fails to write', async () => {
    const scope = new Scope('test');
    const stream = scope.use(createWriteStream('/no/such/folder/log'));
    stream.on('error', () => {});
    stream.write('lost');
    const report = await scope.close();
    expect(report.failures[0]!.error).toMatchObject({ code: 'ENOENT' });
  });

  test('takes child processes, workers and sockets as they are', async () => {
    const scope = new Scope('test');
    const child = scope.use(spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']));
    const worker = scope.use(new Worker('setInterval(() => {}, 1000)', { eval: true }));
    const ended = Promise.all([once(child, 'exit'), once(worker, 'exit')]);
    const server = createNetServer((socket) => void socket.resume().on('end', () => socket.end()));
    const port = await listening(server);
    const socket = scope.use(connect(port, '127.0.0.1'));
    await once(socket, 'connect');
    expect(await scope.close()).toMatchObject({ status: 'completed', released: 3 });
    await ended;
    expect(socket.destroyed).toBe(true);
    server.close();
  });

  test('closes a WebSocket server with its clients, by code 1001', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const scope = new Scope('test');
    scope.use(server);
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await once(client, 'open');
    const closed = once(client, 'close');
    const report = await scope.close();
    expect((await closed)[0]).toBe(1001);
    expect(report).toMatchObject({ status: 'completed' });
    expect(report.durationMs).toBeLessThan(2000);
  });

  test('says 1001 to WebSocket clients while the HTTP server below drains, which waits for them', async () => {
    const scope = new Scope('test');
    const server = scope.use('http', createServer());
    scope.use(new WebSocketServer({ server }));
    const port = await listening(server);
    const client = new WebSocket(`ws://127.0.0.1:${port}`);
    await once(client, 'open');
    const closed = once(client, 'close');
    const report = await scope.close({ timeoutMs: 20_000 });
    expect((await closed)[0]).toBe(1001);
    expect(report).toMatchObject({ status: 'completed', released: 2 });
    expect(report.durationMs).toBeLessThan(5000);
  });

  test('takes servers as Scope.server() does', async () => {
    const scope = new Scope('test');
    const server = scope.use(createServer(() => {}));
    const port = await listening(server);
    const cut = request(port, '/hangs', new Agent()).catch((error) => error);
    await once(server, 'request');
    const report = await scope.close({ timeoutMs: 100 });
    expect(report.failures.map(({ error }) => error)).toContainEqual(code('WT_SCOPE_REQUESTS_CUT'));
    expect((await cut).code).toBe('ECONNRESET');
  });
});

describe('files', () => {
  test('file() closes the handle, tempDir() removes the folder and what is in it', async () => {
    const scope = new Scope('test');
    const folder = await scope.tempDir('watertight-scope-test-');
    await writeFile(join(folder, 'a'), 'x');
    const file = await scope.file(join(folder, 'a'));
    expect(await file.readFile('utf8')).toBe('x');
    expect(await scope.close()).toMatchObject({ status: 'completed', released: 2 });
    expect(file.fd).toBe(-1);
    expect(existsSync(folder)).toBe(false);
    await expect(new Scope('x').file('/no/such/file')).rejects.toThrow('ENOENT');
  });
});
