// The broker is away for long while events are published at an even pace: what is held stays within the limits, and counts add up.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { RedisPublisher } from '../../src/publish/index.js';
import { consumeAll, RedisBroker } from '../brokers/index.js';
import { bodyOf } from './arrivals.js';
import { anEvent, until } from './conformance.js';

const AWAY_MS = process.env.WATERTIGHT_STRESS === '1' ? 60_000 : 3_000;
const EVENTS_A_MS = 2;
const TICK_MS = 10;
const BYTES = 200_000;
const MOST_WAITING = 500;
/** Of some 250 bytes: one buffer ends by count, the other by bytes, both after a third of the shorter run. */
const EVENTS = { 'drop-oldest': 500, block: 10_000 };
const SAMPLES = 20;
/** After both are full nothing is kept; garbage collection leaves some of its own. */
const MOST_GROWTH_BYTES = 4 * 2 ** 20;
const MOST_RSS_GROWTH_BYTES = 64 * 2 ** 20;

/** Counts what became of the events, without keeping their promises. */
class Publishing {
  readonly publisher: RedisPublisher;
  readonly #overflow: keyof typeof EVENTS;
  readonly outcomes: Record<string, number> = {};
  sent = 0;
  settled = 0;

  constructor(url: string, overflow: keyof typeof EVENTS) {
    this.#overflow = overflow;
    const retry = { initialMs: 50, maxMs: 500 };
    const limits = { maxBufferedEvents: EVENTS[overflow], maxBufferedBytes: BYTES, maxWaiting: MOST_WAITING };
    this.publisher = new RedisPublisher({ url, stream: overflow, overflow, ...limits, retry });
  }

  publish(): void {
    const event = anEvent({ runId: `run-${this.sent++ % 10}`, content: 'x'.repeat(100) });
    this.publisher.publish(event).then(
      (outcome) => this.#note(outcome),
      (error) => this.#note(error.code),
    );
  }

  expectWithinLimits(): void {
    const { accepted, confirmed, notSent, unknown, dropped, refused, ...now } = this.publisher.stats();
    expect(now.buffered).toBeLessThanOrEqual(EVENTS[this.#overflow]);
    expect(now.bufferedBytes).toBeLessThanOrEqual(BYTES);
    expect(now.waiting).toBeLessThanOrEqual(MOST_WAITING);
    expect(accepted).toBe(confirmed + notSent + unknown + dropped + now.buffered);
    expect(accepted + refused + now.waiting).toBe(this.sent);
  }

  #note(outcome: string): void {
    this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
    this.settled++;
  }
}

it(`a broker that is away for ${AWAY_MS / 1_000} s: limits hold, counts add up, memory is level`, {
  timeout: AWAY_MS + 60_000,
}, async () => {
  await using broker = await RedisBroker.start();
  const all = [new Publishing(broker.url, 'drop-oldest'), new Publishing(broker.url, 'block')] as const;
  const [dropping, blocking] = all;
  await Promise.all(all.map(({ publisher }) => publisher.connect()));
  await broker.kill9();

  const memory: NodeJS.MemoryUsage[] = [];
  const startedAt = performance.now();
  for (let elapsedMs = 0; elapsedMs < AWAY_MS; elapsedMs = performance.now() - startedAt) {
    for (const one of all) {
      while (one.sent < elapsedMs * EVENTS_A_MS) one.publish();
      one.expectWithinLimits();
    }
    if (memory.length < (elapsedMs / AWAY_MS) * SAMPLES) {
      globalThis.gc?.();
      memory.push(process.memoryUsage());
    }
    await sleep(TICK_MS);
  }
  expect(dropping.publisher.stats().dropped).toBeGreaterThan(0);
  expect(blocking.publisher.stats()).toMatchObject({ dropped: 0, waiting: MOST_WAITING });
  expect(blocking.publisher.stats().refused).toBeGreaterThan(0);

  expect(dropping.publisher.stats().buffered).toBe(EVENTS['drop-oldest']);
  expect(blocking.publisher.stats().bufferedBytes).toBeGreaterThan(0.99 * BYTES);

  await broker.restart();
  await Promise.all(all.map(({ publisher }) => publisher.flush()));
  await until(() => all.every(({ sent, settled }) => sent === settled));
  for (const one of all) {
    one.expectWithinLimits();
    const { name, confirmed, dropped, refused, notSent, unknown, buffered } = one.publisher.stats();
    console.log(
      `${name}: ${one.sent} published, ${confirmed} confirmed, ${dropped} dropped, ${refused} refused, ` +
        `${notSent} not sent, ${unknown} unknown, ${buffered} buffered; ${JSON.stringify(one.outcomes)}`,
    );
    const stored = await consumeAll(broker, one === dropping ? 'drop-oldest' : 'block');
    expect(new Set(stored.map((message) => bodyOf(message).id)).size).toBe(confirmed);
    expect(one.outcomes.stored).toBe(confirmed);
    await one.publisher.close();
  }

  const full = memory.slice(SAMPLES / 2);
  const growth = (bytes: (usage: NodeJS.MemoryUsage) => number) =>
    Math.max(...full.map(bytes)) - bytes(full[0] as NodeJS.MemoryUsage);
  const held = growth(({ heapUsed, external }) => heapUsed + external);
  const rss = growth((usage) => usage.rss);
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
  console.log(`growth while both are full: heap and external ${mib(held)}, resident ${mib(rss)}`);
  expect(held).toBeLessThan(MOST_GROWTH_BYTES);
  expect(rss).toBeLessThan(MOST_RSS_GROWTH_BYTES);
});
