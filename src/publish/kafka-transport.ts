import { monotonicMs } from '../core/index.js';
import { connectErrorOf } from './broker-url.js';
import type { ConnectionPool, Connector, SharedConnection } from './connection-pool.js';
import type { KafkaClient, KafkaCompression, KafkaFailure } from './kafka-client.js';
import { kafkaPartition } from './kafka-partition.js';
import { noDestinationError, refusedError } from './publish-errors.js';
import type { ConnectOptions, Outgoing, SendFailure, Transport } from './transport.js';

export interface KafkaDestination {
  readonly topic: string;
  readonly acks: number;
  readonly compression: KafkaCompression;
  /** How long a topic may be unknown before it counts as missing: one that is made when it is first asked for takes a moment. */
  readonly missingMs: number;
}

// Numbers of errors in Kafka's protocol (kafka.apache.org/protocol#protocol_error_codes).
const UNKNOWN_TOPIC_OR_PARTITION = 3;
const INVALID_TOPIC = 17;
/** The topic, or the cluster, is not for this user. */
const NOT_ALLOWED = new Set([29, 31]);
/** Unsupported or illegal SASL, or refused by it. */
const AUTHENTICATION = new Set([33, 34, 58]);
/**
 * What is wrong with a batch of one partition, and stays wrong: too large (10, 18), timestamp (32), format (43), policy (44),
 * compression (76), record (87).
 */
const BAD_BATCH = new Set([10, 18, 32, 43, 44, 76, 87]);
/** The broker did not say what became of it: unknown error, time over, or stored on too few replicas. */
const PERHAPS_STORED = new Set([-1, 7, 20]);

/**
 * A batch goes in one piece first. If that fails, nobody knows of which partition, as a client tells one error for all; then
 * its events go again by partition, each of which is taken or refused as a whole.
 */
export class KafkaTransport implements Transport {
  readonly kind = 'kafka';
  readonly target: string;
  readonly #to: KafkaDestination;
  readonly #pool: ConnectionPool;
  readonly #connector: Connector<KafkaClient>;
  #shared: SharedConnection<KafkaClient> | undefined;
  #attempt = 0;
  #opening: AbortController | undefined;
  #missingSince: number | undefined;
  /** Of the topic; outlives connections. */
  #partitions: number | undefined;

  constructor(to: KafkaDestination, connector: Connector<KafkaClient>, pool: ConnectionPool) {
    this.#to = to;
    this.#pool = pool;
    this.#connector = connector;
    this.target = `${connector.target} ${to.topic}`;
  }

  async connect({ timeoutMs, onLost }: ConnectOptions): Promise<void> {
    const attempt = ++this.#attempt;
    const opening = new AbortController();
    this.#opening = opening;
    const shared = await this.#pool.share(this.#connector, timeoutMs, onLost, opening.signal);
    if (attempt === this.#attempt) this.#shared = shared;
    else await shared.release();
  }

  async send(batch: readonly Outgoing[]): Promise<Failures> {
    const { client } = this.#shared as SharedConnection<KafkaClient>;
    const partitions = this.#partitions;
    const wasSent = batch.some(({ isRedelivery }) => isRedelivery);
    if (!wasSent || partitions === undefined) return this.#sendTogether(client, batch);
    const failures: Failures = new Array(batch.length);
    const sending = byPartition(batch, partitions).map(async (indexes) => {
      const events = indexes.map((index) => batch[index] as Outgoing);
      const found = await this.#sendPartition(client, events);
      for (let i = 0; i < indexes.length; i++) failures[indexes[i] as number] = found[i];
    });
    await Promise.all(sending);
    return failures;
  }

  async disconnect(): Promise<void> {
    const shared = this.#shared;
    await shared?.release();
    if (this.#shared === shared) this.#shared = undefined;
  }

  destroy(): void {
    this.#attempt++;
    this.#opening?.abort();
    this.#shared?.discard();
    this.#shared = undefined;
  }

  async #sendTogether(client: KafkaClient, batch: readonly Outgoing[]): Promise<Failures> {
    try {
      await this.#send(client, batch);
      return [];
    } catch (error) {
      const isOne = this.#partitions !== undefined && byPartition(batch, this.#partitions).length === 1;
      if (isOne) return this.#refused(client, batch, error as KafkaFailure);
      const failure = this.#failureOf(error as KafkaFailure, false);
      return batch.map(() => failure);
    }
  }

  /** Events of one partition, in order. */
  async #sendPartition(client: KafkaClient, events: readonly Outgoing[]): Promise<Failures> {
    try {
      await this.#send(client, events);
      return [];
    } catch (error) {
      return this.#refused(client, events, error as KafkaFailure);
    }
  }

  /** All of one partition: if the broker has refused them, it has none. */
  async #refused(client: KafkaClient, events: readonly Outgoing[], error: KafkaFailure): Promise<Failures> {
    const failure = this.#failureOf(error, true);
    if (events.length > 1 && BAD_BATCH.has(error.kafkaCode ?? 0)) return this.#sendHalves(client, events);
    return events.map(() => failure);
  }

  /** One of them is to blame, or all together are too large. */
  async #sendHalves(client: KafkaClient, events: readonly Outgoing[]): Promise<Failures> {
    const middle = events.length >> 1;
    const first = await this.#sendPartition(client, events.slice(0, middle));
    first.length = middle;
    const held = first.find((failure) => failure?.canRetry);
    const rest = events.slice(middle);
    // What is to be sent again must not be overtaken.
    if (held) return [...first, ...rest.map((): SendFailure => ({ ...held, outcome: 'not-sent' }))];
    return [...first, ...(await this.#sendPartition(client, rest))];
  }

  async #send(client: KafkaClient, events: readonly Outgoing[]): Promise<void> {
    const { topic, acks, compression } = this.#to;
    try {
      await client.send({ topic, events, acks, compression });
      this.#missingSince = undefined;
    } finally {
      this.#partitions = client.partitionsOf(topic) ?? this.#partitions;
    }
  }

  /** @param isExact whether it is that of all events that were sent with it */
  #failureOf(error: KafkaFailure, isExact: boolean): SendFailure {
    const { kafkaCode, isSent } = error;
    const { topic } = this.#to;
    const final = (why: Error): SendFailure => ({ error: why, outcome: 'not-sent', canRetry: false });
    const isNowhere = !isSent || (isExact && kafkaCode !== undefined && !PERHAPS_STORED.has(kafkaCode));
    const later: SendFailure = { error, outcome: isNowhere ? 'not-sent' : 'unknown', canRetry: true };
    if (kafkaCode === undefined) return later;
    if (NOT_ALLOWED.has(kafkaCode)) return final(refusedError(this.target, error.message, error));
    if (AUTHENTICATION.has(kafkaCode)) return final(connectErrorOf(this.#connector.target, error));
    if (kafkaCode === INVALID_TOPIC) return final(noDestinationError(this.target, 'topic', topic, error));
    if (kafkaCode === UNKNOWN_TOPIC_OR_PARTITION) {
      this.#missingSince ??= monotonicMs();
      const isMissing = monotonicMs() - this.#missingSince >= this.#to.missingMs;
      return isMissing ? final(noDestinationError(this.target, 'topic', topic, error)) : later;
    }
    if (isExact && BAD_BATCH.has(kafkaCode)) return final(refusedError(this.target, error.message, error));
    return later;
  }
}

/** By index in the batch; undefined for what is stored. */
type Failures = (SendFailure | undefined)[];

/** Indexes of events, by where their keys lead, in order. */
function byPartition(batch: readonly Outgoing[], partitions: number): number[][] {
  const groups = new Map<number, number[]>();
  for (let index = 0; index < batch.length; index++) {
    const partition = kafkaPartition(Buffer.from((batch[index] as Outgoing).key), partitions);
    const group = groups.get(partition);
    if (group) group.push(index);
    else groups.set(partition, [index]);
  }
  return [...groups.values()];
}
