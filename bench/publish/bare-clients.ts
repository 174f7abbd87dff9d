// The clients by themselves, in the way in which they keep the same promises: order per key, a confirmation of each event.
import { randomUUID } from 'node:crypto';
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import { connect as connectRabbit } from 'amqplib';
import { Redis } from 'ioredis';
import { Kafka, logLevel, type Message } from 'kafkajs';
import { KafkaPublisher, NatsPublisher, type Publisher, RabbitMQPublisher, RedisPublisher } from 'watertight/publish';
import type { KafkaBroker, RabbitBroker } from '../../test/brokers/index.js';
import { bind } from '../../test/publish/rabbitmq.fixture.js';
import type { BenchBroker } from './brokers.js';

export interface RawClient {
  readonly how: string;
  publish(event: object): Promise<unknown>;
  close(): Promise<unknown>;
}

export interface Bare {
  readonly broker: BenchBroker['kind'];
  /** Of the usual number of events: slower ones get fewer. */
  readonly share?: number;
  /** What an operator sets up: it forgets the oldest, so that disk and memory do not fill. */
  prepare?(broker: BenchBroker, destinations: readonly string[]): Promise<unknown>;
  publisher(broker: BenchBroker, destination: string): Publisher;
  open(broker: BenchBroker, destination: string): Promise<RawClient>;
}

let sequence = 0;
/** What our publishers add to an event, added by hand. */
const complete = (event: object) => {
  const id = `${randomUUID()}`;
  return { id, body: JSON.stringify({ id, version: 1, ...event, timestamp: Date.now(), sequence: sequence++ }) };
};

/** Events that a broker keeps, where it can be told. */
const KEPT = 10_000;
const BATCH = 500;
const PARTITIONS = 16;

/** Sends when so many have come together, and at the end of a turn of the loop. */
function inBatches<T>(send: (batch: T[]) => Promise<unknown>): (item: T) => Promise<unknown> {
  let batch: T[] = [];
  let start = () => {};
  let sent: Promise<unknown> | undefined;
  return (item) => {
    sent ??= new Promise((resolve) => {
      let isStarted = false;
      start = () => {
        if (isStarted) return;
        isStarted = true;
        const whole = batch;
        batch = [];
        sent = undefined;
        resolve(send(whole));
      };
      setImmediate(start);
    });
    const mine = sent;
    if (batch.push(item) === BATCH) start();
    return mine;
  };
}

const kafkaAt = ({ url }: BenchBroker) => new Kafka({ brokers: [url], logLevel: logLevel.NOTHING });

export const BARE: Record<string, Bare> = {
  'redis-stream': {
    broker: 'redis',
    publisher: ({ url }, stream) => new RedisPublisher({ url, stream, maxlen: 10_000 }),
    open: async ({ url }, stream) => {
      const client = new Redis(url, { enableAutoPipelining: true });
      return {
        how: 'ioredis, XADD, auto-pipelining',
        publish: (event) => {
          const { id, body } = complete(event);
          return client.xadd(stream, 'MAXLEN', '~', 10_000, '*', 'id', id, 'body', body);
        },
        close: () => client.quit(),
      };
    },
  },
  'redis-pubsub': {
    broker: 'redis',
    publisher: ({ url }, channel) => new RedisPublisher({ url, mode: 'pubsub', channel }),
    open: async ({ url }, channel) => {
      const client = new Redis(url, { enableAutoPipelining: true });
      return {
        how: 'ioredis, PUBLISH, auto-pipelining',
        publish: (event) => client.publish(channel, complete(event).body),
        close: () => client.quit(),
      };
    },
  },
  kafka: {
    broker: 'kafka',
    prepare: async (broker, topics) => {
      for (const topic of topics) await (broker as KafkaBroker).createTopic(topic, PARTITIONS);
    },
    publisher: ({ url }, topic) => new KafkaPublisher({ brokers: url, topic, client: 'kafkajs' }),
    open: async (broker, topic) => {
      const producer = kafkaAt(broker).producer();
      await producer.connect();
      const send = inBatches((messages: Message[]) => producer.send({ topic, acks: -1, messages }));
      return {
        how: `kafkajs, batches of ${BATCH}, acks -1, ${PARTITIONS} partitions`,
        publish: (event) => {
          const { id, body } = complete(event);
          return send({ key: (event as { runId: string }).runId, value: body, headers: { id } });
        },
        close: () => producer.disconnect(),
      };
    },
  },
  rabbitmq: {
    broker: 'rabbitmq',
    share: 0.3,
    prepare: async (broker, exchanges) => {
      for (const exchange of exchanges)
        await bind(broker as RabbitBroker, exchange, exchange, { 'x-max-length': KEPT });
    },
    publisher: ({ url }, exchange) => new RabbitMQPublisher({ url, exchange }),
    open: async ({ url }, exchange) => {
      const connection = await connectRabbit(url);
      const channel = await connection.createConfirmChannel();
      return {
        how: 'amqplib, confirm channel, mandatory, persistent',
        publish: (event) => {
          const { id: messageId, body } = complete(event);
          const options = { mandatory: true, persistent: true, messageId, contentType: 'application/json' };
          return new Promise((resolve, reject) => {
            channel.publish(exchange, 'events', Buffer.from(body), options, (error) =>
              error ? reject(error) : resolve('stored'),
            );
          });
        },
        close: async () => {
          await channel.close();
          await connection.close();
        },
      };
    },
  },
  'nats-jetstream': {
    broker: 'nats',
    share: 0.4,
    prepare: async ({ port }, subjects) => {
      const nc = await connectNats({ servers: `127.0.0.1:${port}` });
      const { streams } = await jetstreamManager(nc);
      for (const [index, subject] of subjects.entries()) {
        await streams.add({ name: `BENCH${index}`, subjects: [subject], storage: StorageType.File, max_msgs: KEPT });
      }
      await nc.close();
    },
    publisher: ({ url }, subject) => new NatsPublisher({ url, subject }),
    open: async ({ port }, subject) => {
      const nc = await connectNats({ servers: `127.0.0.1:${port}` });
      const js = jetstream(nc);
      return {
        how: 'js.publish with msgID',
        publish: (event) => {
          const { id: msgID, body } = complete(event);
          return js.publish(subject, body, { msgID });
        },
        close: () => nc.close(),
      };
    },
  },
  'nats-core': {
    broker: 'nats',
    publisher: ({ url }, subject) => new NatsPublisher({ url, mode: 'core', subject }),
    open: async ({ port }, subject) => {
      const nc = await connectNats({ servers: `127.0.0.1:${port}` });
      const send = inBatches((bodies: string[]) => {
        for (const body of bodies) nc.publish(subject, body);
        return nc.flush();
      });
      return {
        how: `publish, and a flush for ${BATCH}`,
        publish: (event) => send(complete(event).body),
        close: () => nc.close(),
      };
    },
  },
};
