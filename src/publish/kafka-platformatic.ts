import type { Producer } from '@platformatic/kafka';
import { type KafkaBatch, type KafkaClient, type KafkaClientMaker, KafkaFailure } from './kafka-client.js';
import { kafkaPartition } from './kafka-partition.js';

/** Kafka's `metadata.max.age.ms`. */
const METADATA_MS = 300_000;
const ID = Buffer.from('id');
const REDELIVERED = Buffer.from('redelivered');
const YES = Buffer.from('1');

/** `@platformatic/kafka` 2. */
export const platformaticClient: KafkaClientMaker = async (cluster, connectTimeoutMs, onLost) => {
  const { Producer } = await import('@platformatic/kafka');
  const { brokers, clientId, tls, sasl, requestTimeoutMs } = cluster;
  const producer = new Producer<Buffer, Buffer, Buffer, Buffer>({
    clientId,
    bootstrapBrokers: [...brokers],
    connectTimeout: Math.ceil(connectTimeoutMs / brokers.length),
    requestTimeout: requestTimeoutMs,
    timeout: requestTimeoutMs,
    metadataMaxAge: METADATA_MS,
    // As with the other client, and Kafka's own: whether a topic is made is the broker's decision.
    autocreateTopics: true,
    retries: 0,
    repeatOnStaleMetadata: false,
    // Before it knows how many partitions there are: it takes the remainder itself.
    partitioner: (_, key) => kafkaPartition(key as Buffer, 2 ** 31),
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl: { ...sasl, mechanism: MECHANISMS[sasl.mechanism] } }),
  });
  return new PlatformaticClient(producer, onLost);
};

const MECHANISMS = { plain: 'PLAIN', 'scram-sha-256': 'SCRAM-SHA-256', 'scram-sha-512': 'SCRAM-SHA-512' } as const;

class PlatformaticClient implements KafkaClient {
  readonly #producer: Producer<Buffer, Buffer, Buffer, Buffer>;
  readonly #onLost: (error: unknown) => void;
  readonly #partitions = new Map<string, number>();
  #isWatched = false;

  constructor(producer: Producer<Buffer, Buffer, Buffer, Buffer>, onLost: (error: unknown) => void) {
    this.#producer = producer;
    this.#onLost = onLost;
  }

  async open(): Promise<void> {
    await this.#producer.metadata({ topics: [] }).catch((error) => {
      throw innermost(error);
    });
    this.#isWatched = true;
    this.#producer.on('client:broker:disconnect', () => setImmediate(() => this.#look()));
  }

  async send({ topic, events, acks, compression }: KafkaBatch): Promise<void> {
    const messages = events.map((event) => messageOf(event, topic));
    try {
      await this.#producer.send({ messages, acks, compression });
    } catch (error) {
      const isUnknownTopic = /^Unknown topic /.test((error as Error).message);
      const code = isUnknownTopic ? UNKNOWN_TOPIC_OR_PARTITION : protocolCode(error);
      this.#notePartitions(topic);
      // The leader of a partition may be another one by now.
      this.#producer.clearMetadata();
      throw new KafkaFailure(error, code, !isUnknownTopic);
    }
    if (!this.#partitions.has(topic)) this.#notePartitions(topic);
  }

  partitionsOf(topic: string): number | undefined {
    return this.#partitions.get(topic);
  }

  check(): Promise<unknown> {
    return this.#producer.metadata({ topics: [], forceUpdate: true });
  }

  close(): Promise<unknown> {
    this.#isWatched = false;
    return this.#producer.close();
  }

  destroy(): void {
    this.#isWatched = false;
    const connections = [...this.#producer.connections];
    // In this order: a closed client forgets its connections, and makes no others.
    this.#producer.close().catch(() => {});
    for (const [, { socket }] of connections) socket?.destroy();
  }

  #notePartitions(topic: string): void {
    const count = this.#producer.currentMetadata?.topics.get(topic)?.partitionsCount;
    if (count !== undefined) this.#partitions.set(topic, count);
  }

  #look(): void {
    if (!this.#isWatched || this.#producer.connections.isActive()) return;
    this.#isWatched = false;
    this.#onLost(new Error('the broker has ended the connection'));
  }
}

function messageOf({ id, key, body, isRedelivery }: KafkaBatch['events'][number], topic: string) {
  const headers = new Map([[ID, Buffer.from(id)]]);
  if (isRedelivery) headers.set(REDELIVERED, YES);
  return { topic, key: Buffer.from(key), value: body, headers };
}

const UNKNOWN_TOPIC_OR_PARTITION = 3;
const UNSUPPORTED_COMPRESSION_TYPE = 76;

interface PlatformaticError {
  readonly code?: unknown;
  readonly apiCode?: unknown;
  readonly errors?: readonly PlatformaticError[];
  readonly cause?: PlatformaticError;
}

/** The last broker's: all that are around it say that something failed. */
function innermost(error: PlatformaticError): PlatformaticError {
  const { errors = [], cause } = error;
  const inner = errors.at(-1) ?? cause;
  return inner === undefined ? error : innermost(inner);
}

/** The first that a tree of errors has. */
function protocolCode(error: unknown): number | undefined {
  const { code, apiCode, errors = [], cause } = (error ?? {}) as PlatformaticError;
  if (typeof apiCode === 'number') return apiCode;
  if (code === 'PLT_KFK_UNSUPPORTED_COMPRESSION') return UNSUPPORTED_COMPRESSION_TYPE;
  for (const inner of cause === undefined ? errors : [...errors, cause]) {
    const found = protocolCode(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}
