import type { Redis, RedisOptions } from 'ioredis';
import { connectErrorOf, withoutPassword } from './broker-url.js';
import type { ConnectionPool, Connector, SharedConnection } from './connection-pool.js';
import type { Encoding } from './encoding.js';
import { loopTimeout } from './loop-timeout.js';
import { connectTimeoutError, noClientError, noDestinationError, noTlsError, refusedError } from './publish-errors.js';
import type { ConnectOptions, Outgoing, SendFailure, Transport } from './transport.js';

export interface RedisTarget {
  readonly url: URL;
  readonly mode: 'stream' | 'pubsub';
  /** Name of the stream, or of the channel. */
  readonly destination: string;
  /** Length to which the stream is trimmed, about (`MAXLEN ~`, XADD); undefined for never. */
  readonly maxLength: number | undefined;
  readonly encoding: Encoding;
  readonly keepAlive: boolean;
  readonly tls: RedisOptions['tls'];
}

/** Redis keeps a connection without traffic; some networks do not. */
const KEEP_ALIVE_MS = 30_000;
/** So that of two limits ours comes first. */
const SPARE_MS = 5_000;

export class RedisTransport implements Transport {
  readonly kind: string;
  readonly target: string;
  /** Publications that no subscriber has heard (pub/sub). */
  unheard = 0;
  readonly #to: RedisTarget;
  readonly #pool: ConnectionPool;
  readonly #connector: Connector<Redis>;
  #shared: SharedConnection<Redis> | undefined;
  #attempt = 0;
  #opening: AbortController | undefined;

  constructor(to: RedisTarget, pool: ConnectionPool) {
    this.#to = to;
    this.#pool = pool;
    this.#connector = redisConnector(to);
    this.kind = `redis-${to.mode}`;
    this.target = `${this.#connector.target} ${to.destination}`;
  }

  async connect({ timeoutMs, onLost }: ConnectOptions): Promise<void> {
    const attempt = ++this.#attempt;
    const opening = new AbortController();
    this.#opening = opening;
    const shared = await this.#pool.share(this.#connector, timeoutMs, onLost, opening.signal);
    if (attempt === this.#attempt) this.#shared = shared;
    else await shared.release();
  }

  async send(batch: readonly Outgoing[]): Promise<readonly (SendFailure | undefined)[] | undefined> {
    const { mode, destination, maxLength } = this.#to;
    const pipeline = (this.#shared as SharedConnection<Redis>).client.pipeline();
    for (const event of batch) {
      // ioredis joins texts into one, and copies every Buffer by itself.
      const body = this.#to.encoding === 'json' ? event.text : event.body;
      const { id, isRedelivery } = event;
      if (mode === 'pubsub') pipeline.publish(destination, body);
      else {
        const fields = isRedelivery ? ['id', id, 'body', body, 'redelivered', '1'] : ['id', id, 'body', body];
        if (maxLength === undefined) pipeline.xadd(destination, '*', ...fields);
        else pipeline.xadd(destination, 'MAXLEN', '~', maxLength, '*', ...fields);
      }
    }
    const replies = await pipeline.exec();
    let failures: (SendFailure | undefined)[] | undefined;
    for (let index = 0; index < batch.length; index++) {
      const [error, value] = replies?.[index] ?? [new Error('no reply'), null];
      if (error) {
        failures ??= new Array(batch.length);
        failures[index] = this.#failureOf(error);
      } else if (value === 0 && mode === 'pubsub') this.unheard++;
    }
    return failures;
  }

  async disconnect(): Promise<void> {
    await this.#shared?.release();
    // Not before: one that hangs is ended by destroy().
    this.#shared = undefined;
  }

  destroy(): void {
    this.#attempt++;
    this.#opening?.abort();
    this.#shared?.discard();
    this.#shared = undefined;
  }

  /** An error reply is an answer: the event is not there. Anything else came from the connection, and says nothing. */
  #failureOf(error: Error): SendFailure {
    if (error.name !== 'ReplyError') return { error, outcome: 'unknown', canRetry: true };
    const isLater = /^(OOM|LOADING|BUSY|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|MISCONF)/.test(
      error.message,
    );
    const refusal = refusedError(this.target, error.message, withoutCommand(error));
    return { error: refusal, outcome: 'not-sent', canRetry: isLater };
  }
}

function redisConnector({ url, keepAlive, tls }: RedisTarget): Connector<Redis> {
  const target = withoutPassword(url);
  const database = Number(url.pathname.slice(1));
  const place = new URL(url);
  // ioredis asks for the database by itself, and does not hear when there is none.
  place.pathname = '';
  return {
    key: JSON.stringify([url.href, keepAlive, tls ?? null]),
    target,
    async open(timeoutMs, onLost, signal) {
      const { Redis } = await import('ioredis').catch((error) => {
        throw noClientError('ioredis', error);
      });
      const client = new Redis(place.href, {
        lazyConnect: true,
        // The limit is ours, below: it covers the answers to what ioredis asks at once, and tells TLS from silence.
        connectTimeout: timeoutMs + SPARE_MS,
        keepAlive: keepAlive ? KEEP_ALIVE_MS : 0,
        // Retries, order and deadlines are the delivery's.
        retryStrategy: () => null,
        // Its timer to destroy the socket keeps the process alive, 2 s by default, and is left behind by a socket that is closed.
        disconnectTimeout: 0,
        maxRetriesPerRequest: 0,
        enableOfflineQueue: false,
        autoResendUnfulfilledCommands: false,
        ...(tls === undefined ? {} : { tls }),
      });
      let last: unknown;
      client.on('error', (error) => {
        // The end that we make is no reason.
        last ??= error;
      });
      let stopLimit = () => {};
      // A client that is told to end does not always say so.
      const limit = new Promise<never>((_, reject) => {
        stopLimit = loopTimeout(timeoutMs, () => {
          const isHandshake =
            client.status === 'connecting' && url.protocol === 'rediss:' && !client.stream?.connecting;
          reject(isHandshake ? noTlsError(target, timeoutMs) : connectTimeoutError(target, timeoutMs));
        });
        signal.onabort = () => reject(new Error('the connection was given up'));
      });
      try {
        await Promise.race([ready(client, database, target), limit]);
      } catch (error) {
        client.disconnect();
        throw connectErrorOf(target, withoutCommand(last ?? error));
      } finally {
        stopLimit();
      }
      client.once('end', () => onLost(last ?? new Error('the connection has ended')));
      return client;
    },
    check: (client) => client.ping(),
    close: (client) => {
      client.removeAllListeners('end');
      return client.quit();
    },
    destroy: (client) => {
      client.removeAllListeners('end');
      client.disconnect();
    },
  };
}

async function ready(client: Redis, database: number, target: string): Promise<void> {
  await client.connect();
  await client.ping();
  if (database === 0) return;
  await client.select(database).catch((error) => {
    throw noDestinationError(target, 'database', String(database), withoutCommand(error));
  });
}

/** ioredis keeps the command in an error: a password, or the event itself. */
function withoutCommand(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code } = error as { code?: unknown };
  const plain = Object.assign(new Error(error.message), { name: error.name }, code === undefined ? {} : { code });
  plain.stack = error.stack;
  return plain;
}
