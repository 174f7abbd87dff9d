import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { Scope } from '../scope/index.js';
import { type Connection, ConnectionRegistry, type ConnectionRegistryOptions } from './index.js';

/** A server with a registry behind it, and its clients; `connect(user)` gives both ends of a new connection. */
export class TestServer {
  readonly scope = new Scope('test', { closeTimeoutMs: 5_000 });
  readonly registry: ConnectionRegistry;
  readonly errors: unknown[] = [];
  /** The server's sockets, newest last. */
  readonly sockets: WebSocket[] = [];
  readonly #server = createServer();
  readonly #webSockets: WebSocketServer;
  readonly #clients = new Set<WebSocket>();
  readonly #rawClients = new Set<Socket>();
  /** Set to look at what `attach` gave. */
  onAttach: (connection: Connection | null, socket: WebSocket) => void = () => {};

  #onUnattached: ((socket: WebSocket) => void) | null = null;

  private constructor(options: ConnectionRegistryOptions<unknown>, maxPayload: number, compress: boolean) {
    this.#webSockets = new WebSocketServer({
      server: this.#server,
      maxPayload,
      clientTracking: false,
      perMessageDeflate: compress && { threshold: 0 },
    });
    this.registry = new ConnectionRegistry({
      scope: this.scope,
      onError: (error) => this.errors.push(error),
      ...options,
    });
    this.#webSockets.on('connection', (socket, request) => {
      this.sockets.push(socket);
      if (this.#onUnattached) this.#onUnattached(socket);
      else this.onAttach(this.registry.attach(socket, decodeURIComponent(request.url!.slice(1))), socket);
    });
  }

  static async start(
    options: ConnectionRegistryOptions<unknown> = {},
    maxPayload = 100 * 2 ** 20,
    compress = false,
  ): Promise<TestServer> {
    const server = new TestServer(options, maxPayload, compress);
    await once(server.#server.listen(0, '127.0.0.1'), 'listening');
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async connect(userId: string): Promise<TestClient> {
    const attached = this.#nextAttached();
    const client = this.client(userId);
    await client.opened;
    return new TestClient(client, (await attached)!);
  }

  /** The server's end of a new connection that is in no registry yet. */
  async unattached(): Promise<WebSocket> {
    const socket = await new Promise<WebSocket>((resolve) => {
      this.#onUnattached = resolve;
      this.client('nobody');
    });
    this.#onUnattached = null;
    return socket;
  }

  /** The client that came last. */
  get newest(): WebSocket {
    return [...this.#clients].at(-1)!;
  }

  /** A client that may be refused. */
  client(userId: string): Client {
    const client = new Client(`ws://127.0.0.1:${this.port}/${encodeURIComponent(userId)}`);
    this.#clients.add(client.socket);
    client.socket.once('close', () => this.#clients.delete(client.socket));
    return client;
  }

  /** A client that completes the handshake and then reads nothing and says nothing: a link that is half open. */
  async mute(userId: string): Promise<{ socket: Socket; connection: Connection }> {
    const attached = this.#nextAttached();
    const socket = connect(this.port, '127.0.0.1');
    this.#rawClients.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => this.#rawClients.delete(socket));
    socket.write(
      `GET /${encodeURIComponent(userId)} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    const connection = (await attached)!;
    socket.pause();
    return { socket, connection };
  }

  async close(): Promise<void> {
    await this.scope.close();
    for (const client of this.#clients) client.terminate();
    for (const socket of this.#rawClients) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #nextAttached(): Promise<Connection | null> {
    return new Promise((resolve) => {
      this.onAttach = (connection) => resolve(connection);
    });
  }
}

/** The client's end: what it has received, and a promise of more. */
export class Client {
  readonly socket: WebSocket;
  readonly received: string[] = [];
  readonly opened: Promise<unknown>;
  readonly closed: Promise<{ code: number; reason: string }>;
  #wanted: { count: number; resolve: () => void } | null = null;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.opened = once(this.socket, 'open');
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    this.socket.on('error', () => {});
    this.socket.on('message', (data) => {
      this.received.push(data.toString());
      if (this.#wanted && this.received.length >= this.#wanted.count) this.#wanted.resolve();
    });
  }

  /** The first `count` messages, as soon as they are there. */
  async messages(count: number): Promise<string[]> {
    if (this.received.length < count) {
      await new Promise<void>((resolve) => {
        this.#wanted = { count, resolve };
      });
    }
    return this.received.slice(0, count);
  }
}

/** Both ends of one connection. */
export class TestClient {
  readonly client: Client;
  readonly connection: Connection;

  constructor(client: Client, connection: Connection) {
    this.client = client;
    this.connection = connection;
  }

  get socket(): WebSocket {
    return this.client.socket;
  }

  messages(count: number): Promise<string[]> {
    return this.client.messages(count);
  }

  /** Leaves, and waits until the server has noticed. */
  async leave(): Promise<void> {
    const { ended } = this.connection;
    this.socket.close();
    await ended;
  }
}

export const nothing = {
  connections: 0,
  users: 0,
  handling: 0,
  inLine: 0,
  kept: 0,
  keptUsers: 0,
  keptBytes: 0,
  waiters: 0,
  refused: 0,
  pulses: 0,
  timers: 0,
};
