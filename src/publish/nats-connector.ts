import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { ConnectionOptions as TlsOptions } from 'node:tls';
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import { errorText } from '../core/index.js';
import { connectErrorOf, withoutPassword } from './broker-url.js';
import type { Connector } from './connection-pool.js';
import { connectError, connectTimeoutError, noClientError } from './publish-errors.js';

export interface NatsPlace {
  readonly url: URL;
  readonly pingIntervalMs: number;
  readonly tls: TlsOptions | undefined;
}

/** A connection, and who wants to know what the server does not let it do: that is told to no one publish in particular. */
export interface NatsClient {
  readonly nc: NatsConnection;
  readonly onForbidden: Set<(error: Error, subject: string) => void>;
}

const DEFAULT_PORT = 4222;

/** The server has ended the connection while it was made, or takes no more: a later attempt may do better. */
const ENDED = /ECONNRESET|EPIPE|undefined error|maximum .*connections|shutting down/i;

export function natsConnector({ url, pingIntervalMs, tls }: NatsPlace): Connector<NatsClient> {
  const target = withoutSecrets(url);
  return {
    key: JSON.stringify([url.href, pingIntervalMs, tls ?? null]),
    target,
    async open(timeoutMs, onLost, signal) {
      const { connect } = await import('@nats-io/transport-node').catch((error) => {
        throw noClientError('@nats-io/transport-node', error);
      });
      const options: ConnectionOptions = {
        servers: [`${url.hostname}:${url.port === '' ? DEFAULT_PORT : url.port}`],
        ...credentials(url),
        timeout: timeoutMs,
        pingInterval: pingIntervalMs,
        // One URL is one place; retries, order and deadlines are the delivery's.
        ignoreClusterUpdates: true,
        reconnect: false,
        noAsyncTraces: true,
        // A server that offers TLS gets it also at nats:.
        ...(url.protocol === 'tls:' || tls !== undefined ? { tls: { ...tls } as ConnectionOptions['tls'] } : {}),
      };
      const nc = await inTime(() => connect(options), timeoutMs, connectTimeoutError(target, timeoutMs), signal).catch(
        (error) => {
          throw explained(target, error);
        },
      );
      const client: NatsClient = { nc, onForbidden: new Set() };
      void watch(client);
      void nc.closed().then((error) => onLost(error ?? new Error('the connection has ended')));
      return client;
    },
    check: ({ nc }) => nc.flush(),
    close: async ({ nc }) => {
      if (!nc.isClosed()) await nc.drain();
    },
    destroy: ({ nc }) => void nc.close().catch(() => {}),
  };
}

/** A token stands where else the user stands: nobody is to read it. */
function withoutSecrets(url: URL): string {
  if (url.password !== '') return withoutPassword(url);
  const shown = new URL(url.href);
  shown.username = '';
  return withoutPassword(shown);
}

function credentials({ username, password }: URL): Pick<ConnectionOptions, 'user' | 'pass' | 'token'> {
  if (username === '') return {};
  const user = decodeURIComponent(username);
  return password === '' ? { token: user } : { user, pass: decodeURIComponent(password) };
}

function explained(target: string, error: unknown): Error {
  if (!ENDED.test(`${(error as { code?: unknown } | null)?.code ?? ''} ${errorText(error)}`)) {
    return connectErrorOf(target, error);
  }
  const hint = 'look whether the broker runs, and at its log and limits';
  return connectError('WT_PUBLISH_CONNECT_REFUSED', target, 'the connection was ended while it was made', hint, error);
}

async function watch({ nc, onForbidden }: NatsClient): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type !== 'error') continue;
    const { operation, subject } = status.error as { operation?: unknown; subject?: unknown };
    if (operation !== 'publish') continue;
    for (const told of onForbidden) told(status.error, String(subject));
  }
}

const dialled = new AsyncLocalStorage<(socket: Socket) => void>();
const SOCKETS = 'net.client.socket';
const onSocket = (message: unknown) => dialled.getStore()?.((message as { socket: Socket }).socket);
let dials = 0;

/**
 * The client (3.4) leaves its socket open when a server accepts the connection and does not greet within the time: it is
 * found by Node's diagnostics channel, and ended here.
 */
async function inTime(
  dial: () => Promise<NatsConnection>,
  timeoutMs: number,
  late: Error,
  signal: AbortSignal,
): Promise<NatsConnection> {
  const sockets = new Set<Socket>();
  let isLate = false;
  const dialling = dialled.run((socket) => {
    sockets.add(socket);
    if (isLate) socket.destroy();
  }, dial);
  if (dials++ === 0) subscribe(SOCKETS, onSocket);
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    const giveUp = () => {
      isLate = true;
      reject(late);
    };
    timer = setTimeout(giveUp, timeoutMs);
    signal.onabort = giveUp;
  });
  dialling.then(
    (nc) => {
      if (isLate) void nc.close();
    },
    () => {},
  );
  try {
    return await Promise.race([dialling, timeout]);
  } catch (error) {
    for (const socket of sockets) socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    if (--dials === 0) {
      unsubscribe(SOCKETS, onSocket);
      // Up to Node 22 a store that was once used costs each promise of the process some time: 1 µs an event here.
      dialled.disable();
    }
  }
}
