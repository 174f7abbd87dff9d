// Clients with their default options, as their own pages show them: what they do by themselves when something breaks.
import { Kafka, logLevel } from 'kafkajs';
import {
  type EventInput,
  KafkaPublisher,
  NatsPublisher,
  type Publisher,
  RabbitMQPublisher,
  RedisPublisher,
} from 'watertight/publish';
import type { BenchBroker } from './brokers.js';

export interface FaultClient {
  readonly broker: BenchBroker['kind'];
  /** Connects to a port of 127.0.0.1. */
  open(port: number, destination: string): Promise<OpenClient>;
}

export interface OpenClient {
  /** Resolves when the broker has confirmed it. */
  publish(event: EventInput): Promise<unknown>;
  close(): Promise<unknown>;
}

/** What our publishers get for their close. */
const CLOSE_MS = 3_000;

const ours = async (publisher: Publisher): Promise<OpenClient> => {
  await publisher.connect();
  return { publish: (event) => publisher.publish(event), close: () => publisher.close({ timeoutMs: CLOSE_MS }) };
};
/** Without a listener an 'error' would end the process. */
const ignore = () => {};

export const FAULT_CLIENTS: Record<string, FaultClient> = {
  RedisPublisher: {
    broker: 'redis',
    open: (port, stream) => ours(new RedisPublisher({ url: `redis://127.0.0.1:${port}`, stream })),
  },
  ioredis: {
    broker: 'redis',
    open: async (port, stream) => {
      const { Redis } = await import('ioredis');
      const client = new Redis(port, '127.0.0.1');
      client.on('error', ignore);
      return {
        publish: (event) => client.xadd(stream, '*', 'body', JSON.stringify(event)),
        close: () => client.quit(),
      };
    },
  },
  KafkaPublisher: {
    broker: 'kafka',
    open: (port, topic) => ours(new KafkaPublisher({ brokers: `127.0.0.1:${port}`, topic, client: 'kafkajs' })),
  },
  kafkajs: {
    broker: 'kafka',
    open: async (port, topic) => {
      const producer = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING }).producer();
      await producer.connect();
      return {
        publish: (event) =>
          producer.send({ topic, messages: [{ key: event.runId as string, value: JSON.stringify(event) }] }),
        close: () => producer.disconnect(),
      };
    },
  },
  RabbitMQPublisher: {
    broker: 'rabbitmq',
    open: (port, exchange) => ours(new RabbitMQPublisher({ url: `amqp://127.0.0.1:${port}`, exchange })),
  },
  amqplib: {
    broker: 'rabbitmq',
    open: async (port, exchange) => {
      const { connect } = await import('amqplib');
      const connection = await connect(`amqp://127.0.0.1:${port}`);
      connection.on('error', ignore);
      const channel = await connection.createConfirmChannel();
      channel.on('error', ignore);
      return {
        publish: (event) =>
          new Promise((resolve, reject) => {
            const options = { persistent: true, mandatory: true };
            channel.publish(exchange, 'events', Buffer.from(JSON.stringify(event)), options, (error) =>
              error ? reject(error) : resolve('stored'),
            );
          }),
        close: async () => {
          await channel.close();
          await connection.close();
        },
      };
    },
  },
  'rabbitmq-client': {
    broker: 'rabbitmq',
    open: async (port, exchange) => {
      const { Connection } = await import('rabbitmq-client');
      // It has no user of its own accord.
      const connection = new Connection(`amqp://guest:guest@127.0.0.1:${port}`);
      connection.on('error', ignore);
      const publisher = connection.createPublisher({ confirm: true });
      return {
        publish: (event) => publisher.send({ exchange, routingKey: 'events', durable: true, mandatory: true }, event),
        close: async () => {
          await publisher.close();
          await connection.close();
        },
      };
    },
  },
  NatsPublisher: {
    broker: 'nats',
    open: (port, subject) => ours(new NatsPublisher({ url: `nats://127.0.0.1:${port}`, subject })),
  },
  '@nats-io/jetstream': {
    broker: 'nats',
    open: async (port, subject) => {
      const { connect } = await import('@nats-io/transport-node');
      const { jetstream } = await import('@nats-io/jetstream');
      const nc = await connect({ servers: `127.0.0.1:${port}` });
      const js = jetstream(nc);
      return {
        publish: (event) => js.publish(subject, JSON.stringify(event), { msgID: `${subject}-${event.data}` }),
        close: () => nc.drain(),
      };
    },
  },
};
