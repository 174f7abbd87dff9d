import { brokerUrl } from './broker-url.js';
import { BufferedPublisher } from './buffered-publisher.js';
import { type ConnectionPool, sharedPool } from './connection-pool.js';
import { optionalFlag, shortText, wholeNumber } from './option-checks.js';
import type { PublisherOptions } from './publisher.js';
import { settingsOf } from './publisher-options.js';
import { RabbitMQTransport } from './rabbitmq-transport.js';

export interface RabbitMQPublisherOptions extends PublisherOptions {
  /** `amqp://[user:password@]host:port[/virtual-host]`, or `amqps://` for TLS. `%2F` is the slash of a virtual host's name. */
  readonly url: string;
  /** Default `watertight.events`. */
  readonly exchange?: string;
  /** Default `events`. */
  readonly routingKey?: string;
  /** `topic`, `direct`, `fanout`, `headers`, or what a plugin of the broker offers. Default `topic`. */
  readonly exchangeType?: string;
  /** Whether the exchange is made when it is not there; `false`: it has to be. Default true. */
  readonly declare?: boolean;
  /** Whether the exchange outlives the broker. Messages always do, in a durable queue. Default true. */
  readonly durable?: boolean;
  /**
   * What becomes of an event that no queue takes, which RabbitMQ confirms and throws away. `true`: it fails with
   * WT_PUBLISH_NO_DESTINATION; `false`: it counts as stored, and in `stats().unheard`. Default true.
   */
  readonly mandatory?: boolean;
  /** Seconds between signs of life, 0 for none; a connection that is silent for two to three of them is made anew. Default 60. */
  readonly heartbeatS?: number;
  /** Options of Node's TLS for `amqps://`: `ca`, `cert`, `key` … */
  readonly tls?: import('node:tls').ConnectionOptions;
  /** Where connections come from. Default: one pool for all. */
  readonly pool?: ConnectionPool;
}

const DESTINATION = 'watertight.events';
const ROUTING_KEY = 'events';
/** AMQP's short text. */
const MOST_NAME_BYTES = 255;
/** A heartbeat is 16 bits on the wire. */
const MOST_HEARTBEAT_S = 65_535;
/** Connecting as the prior system. A confirm comes after a sync to disk, and of a quorum queue after two: half a heartbeat is ample. */
const KIND = { requestTimeoutMs: 30_000, connectTimeoutMs: 10_000, maxBatchBytes: 2 ** 20 };

/**
 * Events to an exchange of RabbitMQ, by `amqplib`, on a confirm channel. Publishers to one URL share a connection.
 * Messages are persistent and have the properties `messageId` (the event's id), `contentType` and, when sent again, the
 * header `redelivered`.
 *
 * `stored` means that every queue that the exchange leads to has the event: on disk when the queue is durable. An event that
 * a queue refuses for now (it is full) may be overtaken by a later one. While the broker is short of memory or disk, events
 * wait in the buffer.
 *
 * @throws TypeError, RangeError naming the option; WatertightError WT_PUBLISH_CONNECT_URL, WT_SCOPE_CLOSED
 *
 * @example
 * const publisher = new RabbitMQPublisher({ url: 'amqp://guest:guest@127.0.0.1:5672', exchange: 'events' });
 * await publisher.publish({ event: 'graph_execution', eventType: 'start', runId: 'run-1' });
 * await publisher.close();
 */
export class RabbitMQPublisher extends BufferedPublisher {
  constructor(options: RabbitMQPublisherOptions) {
    const where = 'RabbitMQPublisher';
    const flags = ['declare', 'durable', 'mandatory'] as const;
    const texts = ['exchange', 'routingKey', 'exchangeType'] as const;
    const settings = settingsOf(where, options, ['url', ...texts, ...flags, 'heartbeatS', 'tls', 'pool'], KIND);
    for (const name of flags) optionalFlag(where, name, options[name]);
    for (const name of texts) shortText(where, name, options[name], MOST_NAME_BYTES);
    const { heartbeatS, tls, pool = sharedPool } = options;
    const transport = new RabbitMQTransport(
      {
        url: brokerUrl(options.url, ['amqp:', 'amqps:']),
        heartbeatS:
          heartbeatS === undefined ? undefined : wholeNumber(where, 'heartbeatS', heartbeatS, 0, MOST_HEARTBEAT_S),
        tls,
        exchange: options.exchange ?? DESTINATION,
        exchangeType: options.exchangeType ?? 'topic',
        routingKey: options.routingKey ?? ROUTING_KEY,
        declare: options.declare ?? true,
        durable: options.durable ?? true,
        mandatory: options.mandatory ?? true,
        encoding: settings.encoding,
      },
      pool,
    );
    super(where, options, settings, transport);
  }
}
