import type { ConnectionOptions } from 'node:tls';
import { checkOptionNames, kindOf } from '../core/index.js';
import { BufferedPublisher } from './buffered-publisher.js';
import { type ConnectionPool, sharedPool } from './connection-pool.js';
import { COMPRESSIONS, KAFKA_CLIENTS, type KafkaCompression, type KafkaSasl, SASL_MECHANISMS } from './kafka-client.js';
import { kafkaConnector, needsPlatformatic } from './kafka-connector.js';
import { KafkaTransport } from './kafka-transport.js';
import { oneOf, optionalText } from './option-checks.js';
import { connectError } from './publish-errors.js';
import type { PublisherOptions } from './publisher.js';
import { settingsOf } from './publisher-options.js';

export interface KafkaPublisherOptions extends PublisherOptions {
  /** `host:port` of one or more brokers of the cluster, as a list or with commas. Default `localhost:9092`. */
  readonly brokers?: string | readonly string[];
  /** Default `watertight.events`. */
  readonly topic?: string;
  /** By which the broker names this program in its logs and quotas. Default `watertight`. */
  readonly clientId?: string;
  /**
   * The package that speaks to the broker: `@platformatic/kafka` (Node.js 22 and later) or `kafkajs`. `auto`: the first of
   * them that is installed and can be used. Default `auto`.
   */
  readonly client?: (typeof KAFKA_CLIENTS)[number];
  /** Of a batch. `snappy`, `lz4` and `zstd` only with `@platformatic/kafka`. Default `none`. */
  readonly compression?: KafkaCompression;
  /** When an event counts as stored: `-1` on all replicas in sync, `1` on the leader, which may lose it. Default -1. */
  readonly acks?: -1 | 1;
  /** TLS, with options of Node's: `ca`, `cert`, `key` … Default false. */
  readonly tls?: boolean | ConnectionOptions;
  /** User and password. */
  readonly sasl?: KafkaSasl;
  /** Where connections come from. Default: one pool for all. */
  readonly pool?: ConnectionPool;
}

/**
 * Most bytes of a batch: Kafka's `batch.size`, and the prior system's. 30 s: Kafka's `request.timeout.ms`. 5 s to connect:
 * the default of `@platformatic/kafka`.
 */
/**
 * Kafka's `batch.size` is 16,384 bytes for each partition; ours is of all partitions together, and 16,384 in all sends 0.74
 * of what the bare client does in batches of 500, this one 0.92.
 */
const KIND = { requestTimeoutMs: 30_000, connectTimeoutMs: 5_000, maxBatchBytes: 4 * 16_384 };
/** Brokers that make topics when they are asked for need some hundred ms. */
const MISSING_MS = 2_000;
/** Kafka's rule for topics. */
const TOPIC = /^(?!\.{1,2}$)[\w.-]{1,249}$/;
const BROKER = /^(\[[\da-f:]+\]|[\w.-]+):(\d{1,5})$/i;

/**
 * Events to a topic of Kafka, by `@platformatic/kafka` or `kafkajs`. A record has the event's key (its partition is that of
 * Kafka's own producer: murmur2 of the key), the body as value, and the headers `id` and, when sent again, `redelivered`.
 *
 * @throws TypeError, RangeError naming the option; WatertightError WT_PUBLISH_CONNECT_URL, WT_SCOPE_CLOSED
 *
 * @example
 * const publisher = new KafkaPublisher({ brokers: ['127.0.0.1:9092'], topic: 'events', compression: 'gzip' });
 * await publisher.publish({ event: 'graph_execution', eventType: 'start', runId: 'run-1' });
 * await publisher.close();
 */
export class KafkaPublisher extends BufferedPublisher {
  constructor(options: KafkaPublisherOptions = {}) {
    const where = 'KafkaPublisher';
    const own = ['brokers', 'topic', 'clientId', 'client', 'compression', 'acks', 'tls', 'sasl', 'pool'];
    const settings = settingsOf(where, options, own, KIND);
    optionalText(where, 'clientId', options.clientId);
    const client = oneOf(where, 'client', options.client ?? 'auto', KAFKA_CLIENTS);
    const compression = oneOf(where, 'compression', options.compression ?? 'none', COMPRESSIONS);
    if (client === 'kafkajs' && needsPlatformatic(compression)) {
      throw new RangeError(`${where}: compression ${compression} needs client 'platformatic'; kafkajs has gzip`);
    }
    const { requestTimeoutMs, connectTimeoutMs } = settings.delivery;
    const cluster = {
      brokers: checkedBrokers(where, options.brokers ?? 'localhost:9092'),
      clientId: options.clientId ?? 'watertight',
      tls: checkedTls(where, options.tls),
      sasl: checkedSasl(where, options.sasl),
      requestTimeoutMs,
    };
    const to = {
      topic: checkedTopic(where, options.topic ?? 'watertight.events'),
      acks: checkedAcks(where, options.acks ?? -1),
      compression,
      missingMs: Math.min(MISSING_MS, connectTimeoutMs / 2),
    };
    const transport = new KafkaTransport(to, kafkaConnector(cluster, client, compression), options.pool ?? sharedPool);
    super(where, options, settings, transport);
  }
}

function checkedBrokers(where: string, brokers: unknown): string[] {
  const list = typeof brokers === 'string' ? brokers.split(',').map((broker) => broker.trim()) : brokers;
  if (!Array.isArray(list) || list.length === 0) {
    throw new TypeError(`${where}: brokers must be host:port, one or more, not ${kindOf(brokers)}`);
  }
  for (const broker of list) {
    const port = typeof broker === 'string' ? Number(BROKER.exec(broker)?.[2] ?? 0) : 0;
    if (port >= 1 && port <= 65_535) continue;
    const why = typeof broker === 'string' ? 'it is not host:port' : `it is ${kindOf(broker)}`;
    throw connectError(
      'WT_PUBLISH_CONNECT_URL',
      typeof broker === 'string' ? broker : 'a broker',
      why,
      "give brokers as ['host:9092']",
    );
  }
  return [...list];
}

function checkedTopic(where: string, topic: unknown): string {
  if (typeof topic === 'string' && TOPIC.test(topic)) return topic;
  throw new RangeError(`${where}: topic must be 1 to 249 of A-Z a-z 0-9 . _ -, not ${kindOf(topic)}`);
}

function checkedAcks(where: string, acks: unknown): number {
  if (acks === -1 || acks === 1) return acks;
  // 0 is Kafka's third value: nobody would know what is stored.
  throw new RangeError(`${where}: acks must be -1 or 1, not ${kindOf(acks)}`);
}

function checkedTls(where: string, tls: unknown): ConnectionOptions | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === true) return {};
  if (typeof tls === 'object' && tls !== null && !Array.isArray(tls)) return tls;
  throw new TypeError(`${where}: tls must be a boolean or options of node:tls, not ${kindOf(tls)}`);
}

function checkedSasl(where: string, sasl: KafkaSasl | undefined): KafkaSasl | undefined {
  if (sasl === undefined) return undefined;
  if (typeof sasl !== 'object' || sasl === null) {
    throw new TypeError(`${where}: sasl must be an object, not ${kindOf(sasl)}`);
  }
  checkOptionNames(`${where}, sasl`, sasl, ['mechanism', 'username', 'password']);
  const { username, password } = sasl;
  for (const [name, value] of Object.entries({ username, password })) {
    if (typeof value !== 'string') throw new TypeError(`${where}: sasl.${name} must be a text, not ${kindOf(value)}`);
  }
  return { mechanism: oneOf(where, 'sasl.mechanism', sasl.mechanism, SASL_MECHANISMS), username, password };
}
