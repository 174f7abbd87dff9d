import type { ConnectionOptions } from 'node:tls';
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
