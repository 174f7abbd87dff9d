import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { FaultFlow, type Faults } from './fault-flow.js';
import { freePort } from './free-port.js';

export interface ProxyUsage {
  /** Now, and since the start. */
  readonly open: number;
  readonly accepted: number;
  /** Bytes that were passed on. */
  readonly toServer: number;
  readonly toClient: number;
  /** Bytes of replies that were thrown away. */
  readonly swallowed: number;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly flows: readonly FaultFlow[];
}

/**
 * A TCP proxy in front of a broker, for the faults that a network has: connections that are cut, refused, silent, slow, and
 * answers that get lost on the way. Faults hold for connections that are there and for those that come, until `heal()`.
 * A server that is down shows as a connection that is made and then reset; for a refused one use `refuse()`.
 */
export class FaultProxy implements AsyncDisposable {
  readonly port: number;
  readonly #targetPort: number;
  readonly #links = new Set<Link>();
  readonly #faults: { -readonly [Name in keyof Faults]: Faults[Name] } = {
    isStalled: false,
    delayMs: 0,
    swallowsReplies: false,
  };
  readonly #usage = { accepted: 0, toServer: 0, toClient: 0, swallowed: 0 };
  #server: Server | undefined;
  #isClosed = false;

  private constructor(port: number, targetPort: number) {
    this.port = port;
    this.#targetPort = targetPort;
  }

  /** On a free port of 127.0.0.1, before the same on `target.port`. */
  static async start(target: { readonly port: number }): Promise<FaultProxy> {
    const proxy = new FaultProxy(await freePort(), target.port);
    await proxy.accept();
    return proxy;
  }

  usage(): ProxyUsage {
    return { open: this.#links.size, ...this.#usage };
  }

  /** Resets all connections, on both sides; new ones are welcome. @returns how many there were */
  drop(): number {
    const count = this.#links.size;
    for (const link of this.#links) this.#cut(link);
    return count;
  }

  /** New connections are refused by the system; those that are there stay. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  /** On the same port again. */
  async accept(): Promise<void> {
    if (this.#server !== undefined || this.#isClosed) return;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#link(client));
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** The server gets and does everything, and nobody hears of it. Most protocols need a `drop()` after that. */
  swallowReplies(): void {
    this.#change({ swallowsReplies: true });
  }

  /** Nothing moves either way, and sockets stay open; what comes meanwhile waits. */
  stall(): void {
    this.#change({ isStalled: true });
  }

  /** What comes from now on is passed on so much later, each way. */
  delay(ms: number): void {
    this.#change({ delayMs: ms });
  }

  /** As at the start: accepts, and moves everything; what was swallowed is lost. */
  async heal(): Promise<void> {
    this.#change({ isStalled: false, delayMs: 0, swallowsReplies: false });
    await this.accept();
  }

  /** Cuts and refuses for good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.refuse();
    this.drop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #change(faults: Partial<Faults>): void {
    Object.assign(this.#faults, faults);
    for (const { flows } of this.#links) for (const flow of flows) flow.refresh();
  }

  #link(client: Socket): void {
    this.#usage.accepted++;
    const server = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const flows = [
      new FaultFlow({ from: client, to: server, isReply: false }, this.#faults, (bytes) => {
        this.#usage.toServer += bytes;
      }),
      new FaultFlow({ from: server, to: client, isReply: true }, this.#faults, (bytes, isSwallowed) => {
        this.#usage[isSwallowed ? 'swallowed' : 'toClient'] += bytes;
      }),
    ];
    const link = { client, server, flows };
    this.#links.add(link);
    for (const socket of [client, server]) {
      socket.on('error', () => this.#cut(link));
      socket.on('close', () => {
        if (client.closed && server.closed) this.#links.delete(link);
      });
    }
  }

  #cut(link: Link): void {
    link.client.resetAndDestroy();
    link.server.resetAndDestroy();
    this.#links.delete(link);
  }
}
