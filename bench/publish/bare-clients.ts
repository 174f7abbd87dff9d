// The clients by themselves, in the way in which they keep the same promises: order per key, a confirmation of each event.
import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { type Publisher, RedisPublisher } from 'watertight/publish';
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
  publisher(broker: BenchBroker, destination: string): Publisher;
  open(broker: BenchBroker, destination: string): Promise<RawClient>;
}

let sequence = 0;
/** What our publishers add to an event, added by hand. */
const complete = (event: object) => {
  const id = `${randomUUID()}`;
  return { id, body: JSON.stringify({ id, version: 1, ...event, timestamp: Date.now(), sequence: sequence++ }) };
};

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
};
