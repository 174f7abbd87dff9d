// Ten publishers are opened, used and closed again and again: by the gauges of the soak nothing of them stays.
import { Writable } from 'node:stream';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { OriginRecorder, ProcessSampler, sampleIsolate } from '../../src/monitor/index.js';
import {
  ConsolePublisher,
  KafkaPublisher,
  NatsPublisher,
  type Publisher,
  RedisPublisher,
} from '../../src/publish/index.js';
import { KafkaBroker, NatsBroker, RedisBroker } from '../brokers/index.js';
import { anEvent } from './conformance.js';

const ROUNDS = process.env.WATERTIGHT_STRESS === '1' ? 1_000 : 20;
/** What is loaded, compiled and made once. */
const WARM_UP = 5;
const LOOK_MS = 20;
const MOST_LOOKS = 500;

let redis: RedisBroker;
let nats: NatsBroker;
let kafka: KafkaBroker;

beforeAll(async () => {
  [redis, nats, kafka] = await Promise.all([RedisBroker.start(), NatsBroker.start(), KafkaBroker.start()]);
});
afterAll(async () => {
  await Promise.all([redis, nats, kafka].map((broker) => broker.stop()));
});

function openTen(): Publisher[] {
  const { url } = redis;
  const brokers = kafka.bootstrap;
  const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
  return [
    new RedisPublisher({ url, stream: 'one' }),
    new RedisPublisher({ url, stream: 'two' }),
    // A connection of its own.
    new RedisPublisher({ url, stream: 'three', keepAlive: false }),
    new RedisPublisher({ url, mode: 'pubsub', channel: 'four' }),
    new NatsPublisher({ url: nats.url, subject: 'five' }),
    new NatsPublisher({ url: nats.url, subject: 'six' }),
    new NatsPublisher({ url: nats.url, mode: 'core', subject: 'seven' }),
    new KafkaPublisher({ brokers, topic: 'eight' }),
    new KafkaPublisher({ brokers, topic: 'nine', clientId: 'another' }),
    new ConsolePublisher({ stream }),
  ];
}

async function round(): Promise<void> {
  const publishers = openTen();
  await Promise.all(publishers.map((publisher) => publisher.publish(anEvent())));
  const reports = await Promise.all(publishers.map((publisher) => publisher.close()));
  for (const report of reports) expect(report).toMatchObject({ status: 'completed', confirmed: 1, remaining: 0 });
}

/** Waits, for as long as sockets may take to end, without a timer of its own while it looks: those are counted. */
async function soon(isSo: () => boolean): Promise<void> {
  for (let looks = 0; looks < MOST_LOOKS && !isSo(); looks++) {
    await sleep(LOOK_MS);
    await setImmediate();
  }
}

/** What there is, by kind and place; weakly held things go first. */
function live(recorder: OriginRecorder): string[] {
  globalThis.gc?.();
  return recorder
    .report()
    .filter((origin) => origin.live > 0)
    .map(({ kind, label, live, stack }) => `${live} ${kind} ${label} at ${stack[0]?.file}:${stack[0]?.line}`);
}

it(`ten publishers, opened, used and closed ${ROUNDS} times: descriptors, listeners, timers as before`, {
  timeout: 900_000,
}, async () => {
  const sampler = new ProcessSampler();
  const recorder = new OriginRecorder();
  for (let n = 0; n < WARM_UP; n++) await round();
  const gauges = () => {
    const { descriptors, sockets, threads, children } = sampler.sample();
    const { resources } = sampleIsolate();
    const listeners = process.eventNames().map((name) => [String(name), process.listenerCount(name)]);
    return {
      descriptors: descriptors.length,
      sockets: sockets.length,
      threads: threads.length,
      children: children.length,
      listeners: Object.fromEntries(listeners),
      timers: resources.Timeout ?? 0,
      connections: resources.TCPSocketWrap ?? 0,
    };
  };
  // A socket is closed a turn or two after its end.
  await soon(() => gauges().timers === 0 && gauges().connections === 0);
  const before = gauges();
  recorder.start();
  try {
    for (let n = 0; n < ROUNDS; n++) await round();
    await soon(() => isDeepStrictEqual(gauges(), before));
    expect(gauges()).toEqual(before);
    // Timers that keep no process alive, and listeners of anything, are known by where they were made.
    await soon(() => live(recorder).length === 0);
    expect(live(recorder)).toEqual([]);
    const made = recorder.report().reduce((sum, { count }) => sum + count, 0);
    expect(made).toBeGreaterThan(ROUNDS * 10);
    console.log(
      `${ROUNDS} rounds: ${made} timers, sockets and listeners were made, none is left; ${JSON.stringify(before)}`,
    );
  } finally {
    recorder.stop();
  }
});
