// A program whose broker dies before it closes its publisher: `kafka-dead.fixture.ts <bootstrap> <client> <close ms>`.
// It says what it sees over the channel, and has nothing else to do.
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaPublisher } from '../../src/publish/index.js';

const [brokers, client, timeoutMs] = process.argv.slice(2) as [string, 'kafkajs' | 'platformatic', string];
const publisher = new KafkaPublisher({ brokers, topic: 'orders', client });
await publisher.publish({ event: 'llm_call', eventType: 'update' });
process.send?.('ready');
await once(process, 'message');
const settled = { stored: 0, failed: 0 };
const count = (which: keyof typeof settled) => () => {
  settled[which]++;
};
const publishing = Array.from({ length: 1_000 }, () =>
  publisher.publish({ event: 'llm_call', eventType: 'update' }).then(count('stored'), count('failed')),
);
// Batches are on their way to a broker that will not answer.
await new Promise((resolve) => setImmediate(resolve));
const startedAt = performance.now();
// What a timer alone is late by on this machine, now.
const bare = sleep(Number(timeoutMs)).then(() => performance.now());
const report = await publisher.close({ timeoutMs: Number(timeoutMs) });
const closedAt = performance.now();
const lateMs = closedAt - Math.max(startedAt + Number(timeoutMs), await bare);
await Promise.all(publishing);
process.send?.({ report, settled, lateMs, endedAt: Date.now() });
process.disconnect();
