import { connect, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { ISocketFactory, Message, Producer } from 'kafkajs';
import { type KafkaBatch, type KafkaClient, type KafkaClientMaker, KafkaFailure } from './kafka-client.js';
import { kafkaPartition } from './kafka-partition.js';

/** Some networks forget a connection without traffic. */
const KEEP_ALIVE_MS = 30_000;
/** kafkajs looks for changes of the cluster so often: its own default, and Kafka's `metadata.max.age.ms`. */
const METADATA_MS = 300_000;

/** kafkajs 2. It has no way to end at once, so its sockets are ours. */
export const kafkajsClient: KafkaClientMaker = async (cluster, connectTimeoutMs, onLost) => {
  const { default: kafkajs } = await import('kafkajs');
  const sockets = new KafkaSockets();
  const partitions = new Map<string, number>();
  const { brokers, clientId, tls, sasl, requestTimeoutMs } = cluster;
  const kafka = new kafkajs.Kafka({
    brokers: [...brokers],
    clientId,
    ssl: tls ?? false,
    ...(sasl === undefined ? {} : { sasl: { ...sasl } as never }),
    connectionTimeout: Math.ceil(connectTimeoutMs / brokers.length),
    requestTimeout: requestTimeoutMs,
    // The delivery has a clock for each answer; kafkajs' would be one more timer a connection, ten times a second.
    enforceRequestTimeout: false,
    // Each of the brokers once, at once.
    retry: { retries: brokers.length - 1, initialRetryTime: 1, maxRetryTime: 1 },
    logLevel: kafkajs.logLevel.NOTHING,
    socketFactory: sockets.make,
  });
  const producer = kafka.producer({
    retry: { retries: 0 },
    metadataMaxAge: METADATA_MS,
    createPartitioner: () => (args) => {
      const { topic, message, partitionMetadata } = args;
      partitions.set(topic, partitionMetadata.length);
      message.partition = kafkaPartition(message.key as Buffer, partitionMetadata.length);
      return message.partition;
    },
  });
  return new KafkajsClient(producer, sockets, partitions, requestTimeoutMs, onLost);
};

/** Numbers of Kafka's protocol; not from the package, as that is loaded when it is needed. */
const CODECS: Readonly<Partial<Record<KafkaBatch['compression'], number>>> = { none: 0, gzip: 1 };

class KafkajsClient implements KafkaClient {
  readonly #producer: Producer;
  readonly #sockets: KafkaSockets;
  readonly #partitions: Map<string, number>;
  readonly #requestTimeoutMs: number;
  readonly #onLost: (error: unknown) => void;

  constructor(
    producer: Producer,
    sockets: KafkaSockets,
    partitions: Map<string, number>,
    requestTimeoutMs: number,
    onLost: (error: unknown) => void,
  ) {
    this.#producer = producer;
    this.#sockets = sockets;
    this.#partitions = partitions;
    this.#requestTimeoutMs = requestTimeoutMs;
    this.#onLost = onLost;
  }

  async open(): Promise<void> {
    await this.#producer.connect().catch((error) => {
      if (error.name !== 'KafkaJSServerDoesNotSupportApiKey') throw error;
      throw new Error('the broker knows no SASL, or not this', { cause: error });
    });
    this.#sockets.onNoneLeft = this.#onLost;
  }

  async send({ topic, events, acks, compression }: KafkaBatch): Promise<void> {
    const messages = events.map(messageOf);
    try {
      await this.#producer.send({
        topic,
        messages,
        acks,
        compression: CODECS[compression] as number,
        timeout: this.#requestTimeoutMs,
      });
    } catch (error) {
      // Its partition is chosen right before a message is sent.
      throw new KafkaFailure(error, protocolCode(error), messages[0]?.partition !== undefined);
    }
  }

  partitionsOf(topic: string): number | undefined {
    return this.#partitions.get(topic);
  }

  /** kafkajs has nothing to ask by; a dead peer is found by TCP's keep-alive. */
  async check(): Promise<void> {
    if (this.#sockets.count === 0) throw new Error('no connection is left');
  }

  async close(): Promise<void> {
    this.#sockets.onNoneLeft = undefined;
    await this.#producer.disconnect();
    this.destroy();
  }

  destroy(): void {
    this.#sockets.destroy();
  }
}

function messageOf(event: KafkaBatch['events'][number]): Message {
  const { id, key, body, isRedelivery } = event;
  return { key: Buffer.from(key), value: body, headers: isRedelivery ? { id, redelivered: '1' } : { id } };
}

/** Of the innermost error that has one. */
function protocolCode(error: unknown): number | undefined {
  let code: number | undefined;
  for (let at = error as KafkajsError | undefined, depth = 0; at && depth < 10; at = at.cause, depth++) {
    if (typeof at.code === 'number') code = at.code;
    else if (at.name === 'KafkaJSSASLAuthenticationError') code = SASL_AUTHENTICATION_FAILED;
  }
  return code;
}

const SASL_AUTHENTICATION_FAILED = 58;

interface KafkajsError {
  readonly name?: string;
  readonly code?: unknown;
  readonly cause?: KafkajsError;
}

/** The sockets of one client, to end them all at once and for good. */
class KafkaSockets {
  readonly #open = new Set<Socket>();
  #isDestroyed = false;
  /** Told when the last one is gone. */
  onNoneLeft: ((error: unknown) => void) | undefined;

  get count(): number {
    return this.#open.size;
  }

  readonly make: ISocketFactory = ({ host, port, ssl, onConnect }) => {
    // kafkajs connects again by itself.
    if (this.#isDestroyed) throw new Error('the connection was ended');
    const name = isIP(host) === 0 ? { servername: host } : {};
    const socket = ssl
      ? connectTls({ host, port, ...name, ...(ssl as ConnectionOptions) }, onConnect)
      : connect({ host, port, noDelay: true }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#open.add(socket);
    let last: unknown;
    socket.on('error', (error) => {
      last = error;
    });
    socket.on('close', () => {
      this.#open.delete(socket);
      if (this.#open.size === 0) this.onNoneLeft?.(last ?? new Error('the broker has ended the connection'));
    });
    if (!ssl) socket.once('data', (bytes) => isTlsAlert(bytes) && socket.destroy(new Error('the broker speaks TLS')));
    return socket;
  };

  destroy(): void {
    this.#isDestroyed = true;
    this.onNoneLeft = undefined;
    // With an error: kafkajs does not look at `close`, and would leave its promises for ever.
    for (const socket of this.#open) socket.destroy(new Error('the connection was ended'));
  }
}

/** RFC 8446, section 5.1: what a server says to who does not speak TLS. Kafka's answers begin with their length. */
function isTlsAlert(bytes: Buffer): boolean {
  return bytes[0] === 21 && bytes[1] === 3;
}
