import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import type { TLSSocket, Server as TlsServer } from 'node:tls';
import { builtin, checkOptionNames, kindOf, monotonicMs, plainText, settleBy, WatertightError } from '../core/index.js';
import type { ReleaseContext } from './entry.js';
import type { Scope } from './scope.js';
import { checkTimeout } from './settings.js';

export interface ServerOptions {
  /** In the ledger and the report. */
  readonly name?: string;
  /** Longest time for the release, in ms. */
  readonly timeoutMs?: number;
  /**
   * How long idle keep-alive connections stay after the server has stopped accepting, in ms. A request that was on its way
   * is answered then (and told `Connection: close`), where closing at once would reset it. Default 50.
   */
  readonly lingerMs?: number;
  /** `wait` lets connections and requests in flight end within the time for draining; `cut` ends them at once. */
  readonly connections?: 'wait' | 'cut';
  /**
   * How long the server goes on accepting after closing has begun, in ms: until a load balancer has seen that a health check
   * fails (`scope.isClosed` is true by then). At most three quarters of the time for draining. Default 0.
   */
  readonly lameDuckMs?: number;
}

const LINGER_MS = 50;
/** The rest of the time for draining is for the last requests. */
const LAME_DUCK_SHARE = 0.75;
/** Requests that a report names. */
const NAMED_REQUESTS = 5;
const URL_CHARS = 100;

/** Owns a server's end: stop accepting, let what is in flight end, cut the rest and say so. */
export function holdServer<T extends Server>(scope: Scope, server: T, options: ServerOptions = {}): T {
  if (!isServer(server)) throw new TypeError('scope.server(server): server must be a net, tls, http or http2 server');
  checkOptionNames('scope.server()', options, ['name', 'timeoutMs', 'lingerMs', 'connections', 'lameDuckMs']);
  const { connections = 'wait', timeoutMs } = options;
  if (connections !== 'wait' && connections !== 'cut') {
    throw new RangeError(`scope.server(): connections must be 'wait' or 'cut', not ${kindOf(connections)}`);
  }
  const lingerMs = checkTimeout('lingerMs', options.lingerMs ?? LINGER_MS);
  const lameDuckMs = checkTimeout('lameDuckMs', options.lameDuckMs ?? 0);
  const traffic = new ServerTraffic(server, lingerMs, lameDuckMs, connections === 'wait');
  const held = scope.hold(options.name ?? nameOf(server), server, (_server, context) => traffic.end(context), {
    drain: (_server, { deadlineAt }) => traffic.drain(deadlineAt),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
  traffic.start(() => held.detach());
  return server;
}

export function isServer(resource: unknown): resource is Server {
  return resource instanceof builtin.events.EventEmitter && resource instanceof builtin.net.Server;
}

function nameOf(server: Server): string {
  return isHttp2(server) ? 'http2 server' : isHttp(server) ? 'http server' : 'server';
}

function isHttp(server: Server): server is HttpServer {
  // One of HTTP/2 over TLS has `closeIdleConnections` too.
  return typeof (server as HttpServer).closeAllConnections === 'function';
}

function isHttp2(server: Server): server is Server & Http2Server {
  return !isHttp(server) && typeof (server as unknown as Http2Server).updateSettings === 'function';
}

/** Connections, sessions and requests of one server from its adoption on. */
class ServerTraffic {
  readonly #server: Server;
  readonly #lingerMs: number;
  readonly #lameDuckMs: number;
  readonly #isPatient: boolean;
  readonly #sockets = new Set<Socket>();
  /** With TLS: those whose handshake is over. */
  readonly #secured = new Set<TLSSocket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #responses = new Map<ServerResponse, IncomingMessage>();
  #closed: Promise<void> | null = null;
  #drained: Promise<void> | null = null;
  #onClosed: () => void = () => {};
  #onQuiet: () => void = () => {};

  constructor(server: Server, lingerMs: number, lameDuckMs: number, isPatient: boolean) {
    this.#server = server;
    this.#lingerMs = lingerMs;
    this.#lameDuckMs = lameDuckMs;
    this.#isPatient = isPatient;
  }

  start(onClosed: () => void): void {
    this.#onClosed = onClosed;
    this.#server.on('connection', this.#onConnection);
    this.#server.on('secureConnection', this.#onSecured);
    this.#server.on('session', this.#onSession);
    // Before the program's own listener: it may answer at once.
    this.#server.prependListener('request', this.#onRequest);
    this.#server.once('close', this.#onClose);
  }

  /** Ends when nothing is in flight any more, or at `deadlineAt`. */
  drain(deadlineAt: number): Promise<void> {
    this.#drained ??= this.#drain(deadlineAt);
    return this.#drained;
  }

  /** Cuts what is left. @throws WatertightError WT_SCOPE_REQUESTS_CUT, WT_SCOPE_CONNECTIONS_CUT */
  async end({ deadlineAt }: ReleaseContext): Promise<void> {
    // Released early, without the phases of a closing scope: half of the time is for draining.
    const now = monotonicMs();
    if (this.#drained === null) await this.drain(now + (deadlineAt - now) / 2);
    const requests = [...this.#responses.values()];
    const connections = this.#connectionsLeft();
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    if (isHttp(this.#server)) this.#server.closeAllConnections();
    await this.#stop();
    this.#detach();
    if (requests.length > 0) throw requestsCut(requests);
    if (connections > 0 && this.#isPatient) throw connectionsCut(connections);
  }

  async #drain(deadlineAt: number): Promise<void> {
    if (this.#lameDuckMs > 0) {
      const now = monotonicMs();
      const gone = new Promise<void>((resolve) => this.#server.once('close', resolve));
      await settleBy(gone, now + Math.min(this.#lameDuckMs, (deadlineAt - now) * LAME_DUCK_SHARE));
    }
    const stopped = this.#stop();
    if (!this.#isPatient) return;
    for (const response of this.#responses.keys()) askToClose(response);
    for (const session of this.#sessions) session.close();
    const lingersUntil = Math.min(deadlineAt, monotonicMs() + this.#lingerMs);
    // Idle connections get their chance now, later those that have become idle.
    if (this.#sockets.size > this.#responses.size && (isHttp(this.#server) || isTls(this.#server))) {
      await settleBy(stopped, lingersUntil);
    }
    if (isTls(this.#server)) this.#cutUnsecured();
    if (isHttp(this.#server)) await this.#drainHttp(this.#server, deadlineAt);
    else await settleBy(stopped, deadlineAt);
  }

  /** Connections that were upgraded are not waited for: whoever took them over ends them, or they are cut in the end. */
  async #drainHttp(server: HttpServer, deadlineAt: number): Promise<void> {
    server.closeIdleConnections();
    this.#cutSilent();
    if (this.#isQuiet()) return;
    await settleBy(
      new Promise<void>((resolve) => {
        this.#onQuiet = resolve;
      }),
      deadlineAt,
    );
  }

  /**
   * Connections that have sent no whole request yet: browsers open them ahead, and health checks do. For Node they are not
   * idle, so that `closeIdleConnections` leaves them.
   */
  #cutSilent(): void {
    for (const socket of this.#carriers()) if (!isAnswering(socket) && !isUpgraded(socket)) socket.destroy();
  }

  /** Connections to a TLS server that have not even shaken hands. */
  #cutUnsecured(): void {
    const secured = new Set([...this.#secured].map(addressOf));
    for (const socket of this.#sockets) if (!secured.has(addressOf(socket))) socket.destroy();
  }

  /** Those that nobody else answers for: requests are counted by themselves. */
  #connectionsLeft(): number {
    if (isHttp2(this.#server)) return 0;
    return isHttp(this.#server) ? [...this.#carriers()].filter(isUpgraded).length : this.#sockets.size;
  }

  /** Sockets that HTTP goes over. */
  #carriers(): ReadonlySet<Socket> {
    return isTls(this.#server) ? this.#secured : this.#sockets;
  }

  #isQuiet(): boolean {
    if (this.#responses.size > 0) return false;
    for (const socket of this.#carriers()) if (!isUpgraded(socket)) return false;
    return true;
  }

  #changed(): void {
    if (this.#drained !== null && this.#isQuiet()) this.#onQuiet();
  }

  /** No more connections; settles when the last one has ended. Idle ones are left alone, unlike in `http.Server.close`. */
  #stop(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      // The callback gets ERR_SERVER_NOT_RUNNING for a server that does not listen, which is what we want.
      builtin.net.Server.prototype.close.call(this.#server, () => resolve());
    });
    return this.#closed;
  }

  readonly #onConnection = (socket: Socket) => {
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#changed();
    });
  };

  readonly #onSecured = (socket: TLSSocket) => {
    this.#secured.add(socket);
    socket.once('close', () => {
      this.#secured.delete(socket);
      this.#changed();
    });
  };

  readonly #onSession = (session: ServerHttp2Session) => {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    if (this.#closed) session.close();
  };

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse) => {
    this.#responses.set(response, request);
    if (this.#closed) askToClose(response);
    response.once('close', () => {
      this.#responses.delete(response);
      this.#changed();
    });
  };

  readonly #onClose = () => {
    this.#detach();
    this.#onClosed();
  };

  #detach(): void {
    this.#server.off('connection', this.#onConnection);
    this.#server.off('secureConnection', this.#onSecured);
    this.#server.off('session', this.#onSession);
    this.#server.off('request', this.#onRequest);
    this.#server.off('close', this.#onClose);
  }
}

/** Asked without loading `node:tls`. */
function isTls(server: Server): boolean {
  return typeof (server as Partial<TlsServer>).setSecureContext === 'function';
}

/** Node's parser leaves a socket that has become somebody else's, by `upgrade` or `connect`. */
function isUpgraded(socket: Socket): boolean {
  return !socket.destroyed && (socket as { parser?: unknown }).parser === null;
}

/** Node's own note of the response that a socket waits for, `Expect: 100-continue` included, which is no `request` yet. */
function isAnswering(socket: Socket): boolean {
  return Boolean((socket as { _httpMessage?: unknown })._httpMessage);
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** RFC 9112, section 9.6: the last response on the connection. HTTP/2 has GOAWAY for it. */
function askToClose(response: ServerResponse): void {
  if (!response.headersSent && response.req.httpVersionMajor < 2) response.setHeader('Connection', 'close');
}

function requestsCut(requests: readonly IncomingMessage[]): WatertightError {
  const named = requests.slice(0, NAMED_REQUESTS).map(({ method, url }) => plainText(`${method} ${url}`, URL_CHARS));
  const more = requests.length > named.length ? ` and ${requests.length - named.length} more` : '';
  const what = requests.length === 1 ? 'request was' : 'requests were';
  return new WatertightError('WT_SCOPE_REQUESTS_CUT', `${requests.length} ${what} cut: ${named.join(', ')}${more}`, {
    hint: 'give close() more time, or let the handlers end earlier by scope.signal',
    details: { requests: requests.length },
  });
}

function connectionsCut(connections: number): WatertightError {
  const what = connections === 1 ? 'connection was' : 'connections were';
  return new WatertightError('WT_SCOPE_CONNECTIONS_CUT', `${connections} ${what} cut as they did not end in time`, {
    hint: "end them by a drain of your own, or say { connections: 'cut' }",
    details: { connections },
  });
}
