import type { ConnectionOptions } from 'node:tls';
import { connectErrorOf } from './broker-url.js';
import type { Connector } from './connection-pool.js';
import { connectTimeoutError, noClientError } from './publish-errors.js';
import type { Outgoing } from './transport.js';

export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type KafkaCompression = (typeof COMPRESSIONS)[number];
export const KAFKA_CLIENTS = ['auto', 'platformatic', 'kafkajs'] as const;
export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

/** RFC 4616 (plain) and RFC 5802 (scram). */
export interface KafkaSasl {
  readonly mechanism: (typeof SASL_MECHANISMS)[number];
  readonly username: string;
  readonly password: string;
}

/** A cluster, and how it is spoken to. */
export interface KafkaCluster {
  /** `host:port` of some of its brokers; the others are found there. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly tls: ConnectionOptions | undefined;
  readonly sasl: KafkaSasl | undefined;
  readonly requestTimeoutMs: number;
}

export interface KafkaBatch {
  readonly topic: string;
  readonly events: readonly Outgoing[];
  readonly acks: number;
  readonly compression: KafkaCompression;
}

/** Of the two packages, what is needed of them. Neither tries again by itself. */
export interface KafkaClient {
  open(): Promise<unknown>;
  /** All are stored, or it rejects with a `KafkaFailure`: some are perhaps. */
  send(batch: KafkaBatch): Promise<unknown>;
  /** Once it was sent to. */
  partitionsOf(topic: string): number | undefined;
  check(): Promise<unknown>;
  close(): Promise<unknown>;
  destroy(): void;
}

export type KafkaClientMaker = (
  cluster: KafkaCluster,
  connectTimeoutMs: number,
  onLost: (error: unknown) => void,
) => Promise<KafkaClient>;

/** A send that failed, as the broker or the connection tells it. */
export class KafkaFailure extends Error {
  /** Number of the error in Kafka's protocol; undefined when the broker said nothing. */
  readonly kafkaCode: number | undefined;
  /** Whether anything can be at a broker. */
  readonly isSent: boolean;

  constructor(cause: unknown, kafkaCode: number | undefined, isSent: boolean) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.kafkaCode = kafkaCode;
    this.isSent = isSent;
  }
}

/** `@platformatic/kafka` 2 is made for Node.js 22 and later. */
const PLATFORMATIC_NODE = 22;
const isForPlatformatic = Number.parseInt(process.versions.node, 10) >= PLATFORMATIC_NODE;

export function kafkaConnector(
  cluster: KafkaCluster,
  choice: (typeof KAFKA_CLIENTS)[number],
  compression: KafkaCompression,
): Connector<KafkaClient> {
  const target = `kafka://${cluster.brokers.join(',')}`;
  const onlyPlatformatic = choice === 'platformatic' || needsPlatformatic(compression);
  return {
    key: JSON.stringify([target, choice, onlyPlatformatic, cluster]),
    target,
    async open(timeoutMs, onLost) {
      const make = onlyPlatformatic ? platformatic : choice === 'kafkajs' ? kafkajs : whicheverIsThere;
      const client = await make(cluster, timeoutMs, onLost);
      let late: Error | undefined;
      const timer = setTimeout(() => {
        late = connectTimeoutError(target, timeoutMs);
        client.destroy();
      }, timeoutMs);
      try {
        await client.open();
        return client;
      } catch (error) {
        client.destroy();
        throw connectErrorOf(target, late ?? error);
      } finally {
        clearTimeout(timer);
      }
    },
    check: (client) => client.check(),
    close: (client) => client.close(),
    destroy: (client) => client.destroy(),
  };
}

/** kafkajs has gzip; for the others it needs packages that nobody keeps. */
export function needsPlatformatic(compression: KafkaCompression): boolean {
  return compression !== 'none' && compression !== 'gzip';
}

const platformatic: KafkaClientMaker = async (...args) => {
  if (!isForPlatformatic) {
    throw noClientError('@platformatic/kafka', undefined, {
      rule: `needs Node.js ${PLATFORMATIC_NODE} or later, and this is ${process.versions.node}`,
      hint: "use a later Node.js, or client: 'kafkajs' with compression none or gzip",
    });
  }
  const { platformaticClient } = await import('./kafka-platformatic.js');
  return platformaticClient(...args).catch((error) => {
    throw isMissing(error) ? noClientError('@platformatic/kafka', error) : error;
  });
};

const kafkajs: KafkaClientMaker = async (...args) => {
  const { kafkajsClient } = await import('./kafka-kafkajs.js');
  return kafkajsClient(...args).catch((error) => {
    throw isMissing(error) ? noClientError('kafkajs', error) : error;
  });
};

/** The faster one first. */
const whicheverIsThere: KafkaClientMaker = async (...args) => {
  if (!isForPlatformatic) return kafkajs(...args);
  return platformatic(...args).catch((error) => {
    if (error.code !== 'WT_PUBLISH_NO_CLIENT') throw error;
    // If neither is there, the better one is named.
    return kafkajs(...args).catch((other) => {
      throw other.code === 'WT_PUBLISH_NO_CLIENT' ? error : other;
    });
  });
};

function isMissing(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
}
