import type { Server as HttpServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Http2Server, ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { builtin, monotonicMs, plainText, settleBy, WatertightError } from '../core/index.js';
import type { ReleaseContext } from './entry.js';
import type { Scope } from './scope.js';

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
}

const LINGER_MS = 50;
/** Requests that a report names. */
const NAMED_REQUESTS = 5;
const URL_CHARS = 100;

/** Owns a server's end: stop accepting, let what is in flight end, cut the rest and say so. */
export function holdServer<T extends Server>(scope: Scope, server: T, options: ServerOptions = {}): T {
  if (!isServer(server)) throw new TypeError('scope.server(server): server must be a net, tls, http or http2 server');
  const { lingerMs = LINGER_MS, connections = 'wait', timeoutMs } = options;
  const traffic = new ServerTraffic(server, lingerMs, connections === 'wait');
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
  return typeof (server as HttpServer).closeIdleConnections === 'function';
}

function isHttp2(server: Server): server is Server & Http2Server {
  return !isHttp(server) && typeof (server as unknown as Http2Server).updateSettings === 'function';
}

/** Connections, sessions and requests of one server from its adoption on. */
class ServerTraffic {
  readonly #server: Server;
  readonly #lingerMs: number;
  readonly #isPatient: boolean;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #responses = new Map<ServerResponse, IncomingMessage>();
  #closed: Promise<void> | null = null;
  #drained: Promise<void> | null = null;
  #onClosed: () => void = () => {};

  constructor(server: Server, lingerMs: number, isPatient: boolean) {
    this.#server = server;
    this.#lingerMs = lingerMs;
    this.#isPatient = isPatient;
  }

  start(onClosed: () => void): void {
    this.#onClosed = onClosed;
    this.#server.on('connection', this.#onConnection);
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
    const connections = isHttp(this.#server) || isHttp2(this.#server) ? 0 : this.#sockets.size;
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets) socket.destroy();
    if (isHttp(this.#server)) this.#server.closeAllConnections();
    await this.#stop();
    this.#detach();
    if (requests.length > 0) throw requestsCut(requests);
    if (connections > 0 && this.#isPatient) throw connectionsCut(connections);
  }

  async #drain(deadlineAt: number): Promise<void> {
    const stopped = this.#stop();
    if (!this.#isPatient) return;
    for (const response of this.#responses.keys()) askToClose(response);
    for (const session of this.#sessions) session.close();
    if (isHttp(this.#server)) {
      // Those that are idle now get their chance, then those that have become idle.
      if (this.#sockets.size > this.#responses.size) {
        const lingersUntil = Math.min(deadlineAt, monotonicMs() + this.#lingerMs);
        await settleBy(stopped, lingersUntil);
      }
      this.#server.closeIdleConnections();
    }
    await settleBy(stopped, deadlineAt);
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
    socket.once('close', () => this.#sockets.delete(socket));
  };

  readonly #onSession = (session: ServerHttp2Session) => {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    if (this.#closed) session.close();
  };

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse) => {
    this.#responses.set(response, request);
    if (this.#closed) askToClose(response);
    response.once('close', () => this.#responses.delete(response));
  };

  readonly #onClose = () => {
    this.#detach();
    this.#onClosed();
  };

  #detach(): void {
    this.#server.off('connection', this.#onConnection);
    this.#server.off('session', this.#onSession);
    this.#server.off('request', this.#onRequest);
    this.#server.off('close', this.#onClose);
  }
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
