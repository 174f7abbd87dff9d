import querystring from 'node:querystring';
import type { ConnectionOptions } from 'node:tls';
import type { ChannelModel } from 'amqplib';
import { withoutPassword } from './broker-url.js';
import type { Connector } from './connection-pool.js';
import { loopTimeout } from './loop-timeout.js';
import { connectTimeoutError, noClientError } from './publish-errors.js';
import { connectionErrorOf } from './rabbitmq-errors.js';

export interface RabbitMQPlace {
  readonly url: URL;
  /** 0 for none. */
  readonly heartbeatS: number | undefined;
  readonly tls: ConnectionOptions | undefined;
}

/** One connection of amqplib, and what it has told. */
export interface RabbitMQConnection {
  readonly model: ChannelModel;
  /** Why the broker takes no messages for now (connection.blocked); undefined while it does. */
  heldBack: string | undefined;
  lastError: unknown;
  /** Ends the socket at once, also one that no longer answers. */
  readonly abort: () => void;
}

/** The default of the clients of RabbitMQ's own, and of the prior system. */
const HEARTBEAT_S = 60;
/** Half-open connections are found by heartbeats; this is for networks that forget what is silent. */
const KEEP_ALIVE_MS = 30_000;

export function rabbitMQConnector({ url, heartbeatS, tls }: RabbitMQPlace): Connector<RabbitMQConnection> {
  const target = withoutPassword(url);
  const href = withHeartbeat(url, heartbeatS);
  return {
    key: JSON.stringify([href, tls ?? null]),
    target,
    async open(timeoutMs, onLost, signal) {
      const { connect } = await import('amqplib').catch((error) => {
        throw noClientError('amqplib', error);
      });
      // amqplib's own limit is one of silence, and it gives away no socket: a signal reaches it at any stage.
      const socket = new AbortController();
      const stopLimit = loopTimeout(timeoutMs, () => socket.abort());
      signal.onabort = () => socket.abort();
      try {
        const options = {
          ...tls,
          noDelay: true,
          keepAlive: true,
          keepAliveDelay: KEEP_ALIVE_MS,
          signal: socket.signal,
        };
        const model = await connect(href, options);
        return watched(model, () => socket.abort(), onLost);
      } catch (error) {
        const isLate = socket.signal.aborted;
        socket.abort();
        throw isLate
          ? connectTimeoutError(target, timeoutMs)
          : connectionErrorOf(target, querystring.unescape(url.pathname.slice(1)) || '/', error);
      } finally {
        stopLimit();
      }
    },
    // Heartbeats are AMQP's own check. A round trip would fail a connection that is only held back.
    check: () => Promise.resolve(),
    async close(connection) {
      connection.model.removeAllListeners('close');
      await untilFree(connection);
      await connection.model.close();
      connection.abort();
    },
    destroy(connection) {
      connection.model.removeAllListeners('close');
      connection.abort();
    },
  };
}

function watched(model: ChannelModel, abort: () => void, onLost: (error: unknown) => void): RabbitMQConnection {
  const connection: RabbitMQConnection = { model, heldBack: undefined, lastError: undefined, abort };
  model.on('error', (error) => {
    connection.lastError = error;
  });
  model.on('close', (error) => {
    connection.lastError ??= error ?? new Error('the connection has ended');
    onLost(connection.lastError);
  });
  model.on('blocked', (reason) => {
    connection.heldBack = String(reason);
  });
  model.on('unblocked', () => {
    connection.heldBack = undefined;
  });
  return connection;
}

/** A broker that holds a connection back does not read the request to close it either. */
function untilFree({ model, heldBack }: RabbitMQConnection): Promise<void> {
  if (heldBack === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    model.once('unblocked', resolve);
    model.once('close', () => resolve());
  });
}

function withHeartbeat(url: URL, heartbeatS: number | undefined): string {
  const whole = new URL(url);
  if (heartbeatS !== undefined || !whole.searchParams.has('heartbeat')) {
    whole.searchParams.set('heartbeat', String(heartbeatS ?? HEARTBEAT_S));
  }
  return whole.href;
}
