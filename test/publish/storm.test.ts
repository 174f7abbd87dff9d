// The broker is killed while events stream to it, again and again: nothing that was confirmed is lost.
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/index.js';
import {
  KafkaPublisher,
  NatsPublisher,
  type Publisher,
  type PublisherOptions,
  RabbitMQPublisher,
  RedisPublisher,
} from '../../src/publish/index.js';
import {
  type Broker,
  consumeAll,
  KafkaBroker,
  NatsBroker,
  RabbitBroker,
  RedisBroker,
  subscribe,
} from '../brokers/index.js';
import { Arrivals } from './arrivals.js';
import { anEvent, until } from './conformance.js';
import { bind } from './rabbitmq.fixture.js';

const IS_STRESS = process.env.WATERTIGHT_STRESS === '1';
const KILLS = IS_STRESS ? 20 : 1;
const EVENTS = IS_STRESS ? 100_000 : 5_000;
const AWAY_MS = IS_STRESS ? 3_000 : 300;
const SEED = Number(process.env.WATERTIGHT_SEED ?? Date.now() % 1e6);

/** More than the buffer has room for: its limit is what holds them back. */
const WORKERS = 1_500;
const BUFFER = 1_000;
/** Each has several events on their way, or their order would be kept by waiting alone. */
const RUNS = 50;
const BATCH = 100;
const BATCHES = 4;
const OPTIONS: PublisherOptions = {
  maxBufferedEvents: BUFFER,
  maxBatchEvents: BATCH,
  maxInFlightBatches: BATCHES,
  retry: { initialMs: 50, maxMs: 500 },
};
/** A batch that is confirmed and on its way to a reader. */
const QUIET_MS = 10_000;
/** The buffer takes half a megabyte; ids of what came, for the reader in this process, 100 bytes each: most of it. */
const MOST_GROWTH_BYTES = 32 * 2 ** 20;

interface Storm<B extends Broker> {
  readonly kind: string;
  start(): Promise<B>;
  open(broker: B, destination: string): Publisher;
  /** Makes the destination. @returns what reads all that is there, when so many are to be */
  prepare(broker: B, destination: string): Promise<(count: number) => Promise<Arrivals>>;
  outage(broker: B, ms: number): Promise<void>;
}

const readAtEnd = (broker: Broker, destination: string) => async () =>
  new Arrivals(await consumeAll(broker, destination));

async function kill(broker: Broker, ms: number): Promise<void> {
  await broker.kill9();
  await sleep(ms);
  await broker.restart();
}

beforeAll(() => {
  console.log(`seed: WATERTIGHT_SEED=${SEED}`);
});

ridesOut<RedisBroker>({
  kind: 'redis-stream',
  start: () => RedisBroker.start(),
  open: ({ url }, stream) => new RedisPublisher({ url, stream, ...OPTIONS }),
  prepare: async (broker, stream) => readAtEnd(broker, stream),
  outage: kill,
});

ridesOut<NatsBroker>({
  kind: 'nats-jetstream',
  start: () => NatsBroker.start(),
  open: ({ url }, subject) => new NatsPublisher({ url, subject, ...OPTIONS }),
  prepare: async (broker, subject) => readAtEnd(broker, subject),
  outage: kill,
});

ridesOut<RabbitBroker>({
  kind: 'rabbitmq',
  start: () => RabbitBroker.start(),
  open: ({ url }, exchange) => new RabbitMQPublisher({ url, exchange, ...OPTIONS }),
  prepare: async (broker, exchange) => {
    await bind(broker, exchange, exchange);
    return readAtEnd(broker, exchange);
  },
  outage: kill,
});

ridesOut<KafkaBroker>({
  kind: 'kafka',
  start: () => KafkaBroker.start(),
  open: ({ bootstrap }, topic) => new KafkaPublisher({ brokers: bootstrap, topic, ...OPTIONS }),
  // The mock forgets what is beyond 5 MB a partition, and all when it is killed: read while it is written, cut off.
  prepare: async (broker, topic) => {
    await broker.createTopic(topic, 16);
    const arrivals = new Arrivals();
    let lastAt = 0;
    const stop = await subscribe(broker, topic, (message) => {
      arrivals.take(message);
      lastAt = performance.now();
    });
    return async (count) => {
      lastAt = performance.now();
      await until(() => arrivals.count >= count || performance.now() - lastAt > QUIET_MS);
      await stop();
      return arrivals;
    };
  },
  outage: (broker, ms) => broker.outage(ms),
});

function ridesOut<B extends Broker>({ kind, start, open, prepare, outage }: Storm<B>): void {
  it(`${kind}: ${KILLS} kills among ${EVENTS} events: all confirmed is there, in order, duplicates few and marked`, {
    timeout: 1_200_000,
  }, async () => {
    const random = seededRandom(SEED);
    await using broker = await start();
    const destination = `wt.storm.${process.pid}`;
    const readAll = await prepare(broker, destination);
    await using publisher = open(broker, destination);
    await publisher.connect();

    let left = EVENTS;
    let longestMs = 0;
    const work = async (worker: number) => {
      while (left-- > 0) {
        const startedAt = performance.now();
        const event = anEvent({ runId: `run-${worker % RUNS}`, content: 'x'.repeat(100) });
        expect(await publisher.publish(event)).toBe('stored');
        longestMs = Math.max(longestMs, performance.now() - startedAt);
      }
    };
    let mostBuffered = 0;
    let mostBytes = 0;
    const storm = async () => {
      // Early enough that the buffer fills.
      const moments = Array.from({ length: KILLS }, () => random() * 0.8 * EVENTS).sort((a, b) => a - b);
      for (const moment of moments) {
        await until(() => publisher.stats().confirmed > moment);
        const before = publisher.stats().connects;
        const away = outage(broker, AWAY_MS);
        await until(() => publisher.stats().waiting > 0 && publisher.stats().state !== 'connected');
        mostBuffered = Math.max(mostBuffered, publisher.stats().buffered);
        mostBytes = Math.max(mostBytes, heldBytes());
        await away;
        await until(() => publisher.stats().connects > before);
      }
    };
    const baseBytes = heldBytes();
    await Promise.all([storm(), ...Array.from({ length: WORKERS }, (_, worker) => work(worker))]);

    const arrivals = await readAll(EVENTS);
    const { confirmed, redelivered } = publisher.stats();
    console.log(
      `${kind}: ${KILLS} kills, ${confirmed} events confirmed, ${EVENTS - arrivals.count} lost, ` +
        `${arrivals.duplicates} duplicates of ${redelivered} sent again, ${arrivals.unmarked} of them unmarked, ` +
        `longest ${(longestMs / 1_000).toFixed(1)} s, at most ${mostBuffered} buffered, ` +
        `memory +${((mostBytes - baseBytes) / 2 ** 20).toFixed(1)} MiB`,
    );
    arrivals.expectAll(EVENTS);
    expect(confirmed).toBe(EVENTS);
    expect(arrivals.duplicates).toBeLessThanOrEqual(KILLS * BATCHES * BATCH);
    expect(arrivals.unmarked).toBe(0);
    expect(mostBuffered).toBeLessThanOrEqual(BUFFER);
    expect(mostBytes - baseBytes).toBeLessThan(MOST_GROWTH_BYTES);
  });
}

/** Of this process, without garbage. */
function heldBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
