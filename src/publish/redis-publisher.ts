import { brokerUrl, withoutPassword } from './broker-url.js';
import { BufferedPublisher } from './buffered-publisher.js';
import { type ConnectionPool, sharedPool } from './connection-pool.js';
import { oneOf, optionalFlag, optionalText, wholeNumber } from './option-checks.js';
import { connectError } from './publish-errors.js';
import type { PublisherOptions } from './publisher.js';
import { settingsOf } from './publisher-options.js';
import { RedisTransport } from './redis-transport.js';

export interface RedisPublisherOptions extends PublisherOptions {
  /** `redis://[user:password@]host:port[/database]`, or `rediss://` for TLS. */
  readonly url: string;
  /** `stream` keeps events (XADD); `pubsub` hands them to who listens at that moment (PUBLISH). Default `stream`. */
  readonly mode?: 'stream' | 'pubsub';
  /** Default `watertight.events`. */
  readonly channel?: string;
  /** Default `watertight.events`. */
  readonly stream?: string;
  /** Length to which Redis trims the stream, about. Default: not trimmed. */
  readonly maxlen?: number;
  /** Longest wait for an answer, in ms. Default 5,000. The same as `requestTimeoutMs`. */
  readonly socketTimeoutMs?: number;
  /** Default true. */
  readonly keepAlive?: boolean;
  /** Options of Node's TLS for `rediss://`: `ca`, `cert`, `key` … */
  readonly tls?: import('node:tls').ConnectionOptions;
  /** Where connections come from. Default: one pool for all. */
  readonly pool?: ConnectionPool;
}

const DESTINATION = 'watertight.events';
const KIND = { requestTimeoutMs: 5_000, connectTimeoutMs: 5_000, maxBatchBytes: 2 ** 20 };

/**
 * Events to Redis, by `ioredis`: to a stream, which keeps them, or to a channel, which tells who listens.
 * A stream's entries have the fields `id`, `body` and, when sent again, `redelivered`.
 *
 * `stored` means what Redis' persistence means: with `appendfsync everysec`, its SIGKILL loses nothing, and a power cut the
 * last second. An event that Redis itself refuses for now (out of memory) may be overtaken by a later one.
 *
 * @throws TypeError, RangeError naming the option; WatertightError WT_PUBLISH_CONNECT_URL, WT_SCOPE_CLOSED
 *
 * @example
 * const publisher = new RedisPublisher({ url: 'redis://127.0.0.1:6379', stream: 'events' });
 * await publisher.publish({ event: 'graph_execution', eventType: 'start', runId: 'run-1' });
 * await publisher.close();
 */
export class RedisPublisher extends BufferedPublisher {
  constructor(options: RedisPublisherOptions) {
    const where = 'RedisPublisher';
    const own = ['url', 'mode', 'channel', 'stream', 'maxlen', 'socketTimeoutMs', 'keepAlive', 'tls', 'pool'];
    const requestTimeoutMs = options?.socketTimeoutMs ?? KIND.requestTimeoutMs;
    const settings = settingsOf(where, options, own, { ...KIND, requestTimeoutMs });
    const mode = oneOf(where, 'mode', options.mode ?? 'stream', ['stream', 'pubsub']);
    optionalText(where, 'channel', options.channel);
    optionalText(where, 'stream', options.stream);
    optionalFlag(where, 'keepAlive', options.keepAlive);
    const { maxlen, keepAlive = true, tls, pool = sharedPool } = options;
    const url = brokerUrl(options.url, ['redis:', 'rediss:']);
    if (!/^(\/\d{0,6})?$/.test(url.pathname)) throw databaseError(url);
    const transport = new RedisTransport(
      {
        url,
        mode,
        destination: (mode === 'stream' ? options.stream : options.channel) ?? DESTINATION,
        maxLength: maxlen === undefined ? undefined : wholeNumber(where, 'maxlen', maxlen, 1, 2 ** 31),
        encoding: settings.encoding,
        keepAlive,
        tls,
      },
      pool,
    );
    super(where, options, settings, transport);
  }
}

function databaseError(url: URL): Error {
  const why = 'its path is no number of a database';
  return connectError('WT_PUBLISH_CONNECT_URL', withoutPassword(url), why, 'give a url as redis://127.0.0.1:6379/0');
}
