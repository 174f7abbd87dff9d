import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FaultProxy } from './fault-proxy.js';
import { freePort } from './free-port.js';

/** Answers every line with the same line in capitals, and keeps what it got. */
class Shouter {
  readonly heard: string[] = [];
  readonly sockets = new Set<Socket>();
  readonly port: number;
  readonly #server: Server;

  private constructor(port: number) {
    this.port = port;
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      socket.on('error', () => {});
      socket.on('end', () => socket.end('BYE\n'));
      socket.setEncoding('utf8').on('data', (text: string) => {
        this.heard.push(text);
        socket.write(text.toUpperCase());
      });
    });
  }

  static async start(): Promise<Shouter> {
    const shouter = new Shouter(await freePort());
    shouter.#server.listen(shouter.port, '127.0.0.1');
    await once(shouter.#server, 'listening');
    return shouter;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.sockets) socket.destroy();
  }
}

/** A connection to the proxy, what came over it, and how it ended. */
class Caller {
  readonly socket: Socket;
  text = '';
  error = '';
  readonly closed: Promise<unknown>;

  private constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    this.closed = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.on('error', ({ code }: NodeJS.ErrnoException) => {
      this.error = code ?? '';
    });
    this.socket.setEncoding('utf8').on('data', (text: string) => {
      this.text += text;
    });
  }

  static async dial(port: number): Promise<Caller> {
    const caller = new Caller(port);
    const connected = new Promise((resolve) => caller.socket.once('connect', resolve));
    await Promise.race([connected, caller.closed]);
    callers.push(caller);
    return caller;
  }

  say(text: string): void {
    this.socket.write(text);
  }

  hears(text: string): Promise<void> {
    return expect.poll(() => this.text, { interval: 2, timeout: 10_000 }).toBe(text) as Promise<void>;
  }
}

const callers: Caller[] = [];
let server: Shouter;
let proxy: FaultProxy;
beforeEach(async () => {
  server = await Shouter.start();
  proxy = await FaultProxy.start(server);
});
afterEach(async () => {
  await proxy.close();
  server.close();
  for (const { socket } of callers.splice(0)) socket.destroy();
});

/** Long enough for what would come on this machine to have come. */
const QUIET_MS = 100;

it('FaultProxy passes on both ways, counts, and keeps half of a connection open', async () => {
  const caller = await Caller.dial(proxy.port);
  caller.say('hello\n');
  await caller.hears('HELLO\n');
  expect(proxy.usage()).toEqual({ open: 1, accepted: 1, toServer: 6, toClient: 6, swallowed: 0 });
  caller.socket.end();
  await caller.hears('HELLO\nBYE\n');
  await caller.closed;
  await expect.poll(() => proxy.usage()).toEqual({ open: 0, accepted: 1, toServer: 6, toClient: 10, swallowed: 0 });
});

it('passes 20 MB on unchanged, to a reader that pauses', async () => {
  const caller = await Caller.dial(proxy.port);
  const text = 'abcdefghi\n'.repeat(2_000_000);
  caller.say(text);
  caller.socket.pause();
  await sleep(QUIET_MS);
  caller.socket.resume();
  await expect.poll(() => caller.text.length, { timeout: 30_000 }).toBe(text.length);
  expect(caller.text === text.toUpperCase()).toBe(true);
});

it('drop() resets every connection on both sides, and new ones are welcome', async () => {
  const [first, second] = [await Caller.dial(proxy.port), await Caller.dial(proxy.port)];
  for (const caller of [first, second]) {
    caller.say('a');
    await caller.hears('A');
  }
  expect(proxy.drop()).toBe(2);
  await Promise.all([first.closed, second.closed]);
  expect([first.error, second.error]).toEqual(['ECONNRESET', 'ECONNRESET']);
  await expect.poll(() => server.sockets.size).toBe(0);
  const third = await Caller.dial(proxy.port);
  third.say('b');
  await third.hears('B');
  expect(proxy.usage()).toMatchObject({ open: 1, accepted: 3 });
});

it('refuse() refuses new connections and keeps those that are there; accept() is on the same port', async () => {
  const caller = await Caller.dial(proxy.port);
  caller.say('a');
  await caller.hears('A');
  proxy.refuse();
  const late = await Caller.dial(proxy.port);
  expect(late.error).toBe('ECONNREFUSED');
  caller.say('b');
  await caller.hears('AB');
  await proxy.accept();
  await proxy.accept();
  const third = await Caller.dial(proxy.port);
  third.say('c');
  await third.hears('C');
  proxy.refuse();
  await proxy.heal();
  expect((await Caller.dial(proxy.port)).error).toBe('');
});

it('swallowReplies() lets the server hear and the client not; what was swallowed stays lost', async () => {
  const caller = await Caller.dial(proxy.port);
  proxy.swallowReplies();
  caller.say('lost');
  await expect.poll(() => proxy.usage().swallowed).toBe(4);
  expect(server.heard).toEqual(['lost']);
  await proxy.heal();
  caller.say('kept');
  await caller.hears('KEPT');
  expect(proxy.usage()).toMatchObject({ open: 1, toServer: 8, toClient: 4, swallowed: 4 });
});

it('stall() moves nothing either way, on connections that are there and that come; heal() moves what waited', async () => {
  const caller = await Caller.dial(proxy.port);
  caller.say('a');
  await caller.hears('A');
  proxy.stall();
  const late = await Caller.dial(proxy.port);
  caller.say('b');
  late.say('c');
  for (const socket of server.sockets) socket.write('told');
  await sleep(QUIET_MS);
  expect([server.heard, caller.text, late.text]).toEqual([['a'], 'A', '']);
  expect([caller.socket.readyState, late.socket.readyState]).toEqual(['open', 'open']);
  await proxy.heal();
  await late.hears('C');
  await expect.poll(() => caller.text.length).toBe('AtoldB'.length);
});

it('delay() makes everything later, in order, each way, also the end', async () => {
  const caller = await Caller.dial(proxy.port);
  proxy.delay(100);
  const from = performance.now();
  caller.say('a');
  await sleep(30);
  caller.say('b');
  await caller.hears('AB');
  const tookMs = performance.now() - from;
  // Twice for the second: waits do not add up from one piece to the next.
  expect(tookMs).toBeGreaterThan(30 + 2 * 100 - 5);
  caller.socket.end();
  const ended = performance.now();
  await caller.hears('ABBYE\n');
  await caller.closed;
  expect(performance.now() - ended).toBeGreaterThan(2 * 100 - 5);
});

it('a server that is down shows as a connection that is reset', async () => {
  server.close();
  const caller = await Caller.dial(proxy.port);
  await caller.closed;
  expect(caller.error).toBe('ECONNRESET');
  await expect.poll(() => proxy.usage().open).toBe(0);
});

it('close() cuts and refuses for good, and again changes nothing', async () => {
  const caller = await Caller.dial(proxy.port);
  caller.say('a');
  await caller.hears('A');
  await proxy.close();
  await proxy.close();
  await caller.closed;
  await proxy.heal();
  expect((await Caller.dial(proxy.port)).error).toBe('ECONNREFUSED');
});
