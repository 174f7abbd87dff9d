// What does our publisher to NATS cost, against the bare client with the same guarantees: each event has an id for the
// server to know it by, and is confirmed? 2,000 events are on their way at once; rivals take turns.
// Run: npx tsx bench/publish/nats.bench.ts
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { NatsPublisher } from '../../src/publish/index.js';
import { NatsBroker } from '../../test/brokers/index.js';

const EVENTS = 20_000;
const IN_FLIGHT = 2_000;
const ROUNDS = 7;

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] as number;

await using broker = await NatsBroker.start();
const nc = await connect({ servers: [`127.0.0.1:${broker.port}`], reconnect: false });
const manager = await jetstreamManager(nc);
// The stream forgets the oldest: the disk does not fill.
const limits = { storage: StorageType.File, max_bytes: 64 * 2 ** 20 };
await manager.streams.add({ name: 'BENCH', subjects: ['bench'], ...limits });
const js = jetstream(nc);
const stored = new NatsPublisher({ url: broker.url, subject: 'bench', maxBufferedEvents: IN_FLIGHT });
const read = new NatsPublisher({ url: broker.url, subject: 'nobody', mode: 'core', maxBufferedEvents: IN_FLIGHT });
await Promise.all([stored.connect(), read.connect()]);

// With what is filled in, some 300 bytes.
const event = (run: number) =>
  ({ event: 'streaming', eventType: 'update', runId: `run-${run}`, content: 'x'.repeat(150) }) as const;
const whole = (run: number) => ({ id: randomUUID(), version: 1, timestamp: Date.now(), sequence: 0, ...event(run) });

/** Keeps so many on their way, as who awaits in so many places. */
async function inTurns(publish: (run: number) => Promise<unknown>): Promise<void> {
  let left = EVENTS;
  const one = async (run: number) => {
    while (left-- > 0) await publish(run);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, (_, run) => one(run)));
}

/** One flush for all that was published in a turn of the loop. */
let flushing: Promise<void> | undefined;
const flushed = () => {
  flushing ??= new Promise(setImmediate).then(() => {
    flushing = undefined;
    return nc.flush();
  });
  return flushing;
};

const rivals: Record<string, () => Promise<void>> = {
  'JetStream, ours': () => inTurns((run) => stored.publish(event(run))),
  'JetStream, js.publish': () =>
    inTurns((run) => {
      const body = whole(run);
      return js.publish('bench', JSON.stringify(body), { msgID: body.id });
    }),
  'core, ours': () => inTurns((run) => read.publish(event(run))),
  'core, publish + flush': () =>
    inTurns((run) => {
      nc.publish('nobody', JSON.stringify(whole(run)));
      return flushed();
    }),
};

const rates = new Map(Object.keys(rivals).map((name) => [name, { perSecond: [] as number[], cpuUs: [] as number[] }]));
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, run] of Object.entries(rivals)) {
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    await run();
    const ms = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(cpu);
    // The first round warms up.
    if (round === 0) continue;
    rates.get(name)!.perSecond.push((EVENTS / ms) * 1_000);
    rates.get(name)!.cpuUs.push((user + system) / EVENTS);
  }
}
const of = (name: string) => rates.get(name)!;
const ratio = (ours: string, theirs: string) => (median(of(ours).perSecond) / median(of(theirs).perSecond)).toFixed(2);
console.log(
  `ours / bare: JetStream ${ratio('JetStream, ours', 'JetStream, js.publish')}, core ${ratio('core, ours', 'core, publish + flush')}`,
);
for (const [name, { perSecond, cpuUs }] of rates) {
  const spread = [Math.min(...perSecond), Math.max(...perSecond)].map(Math.round).join(' to ');
  console.log(
    `${name}: ${Math.round(median(perSecond))} events/s (${spread}), ${median(cpuUs).toFixed(1)} µs of CPU each`,
  );
}
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
console.log(`${EVENTS} events a round, ${ROUNDS} rounds, Node ${process.version}, commit ${commit}`);
await Promise.all([stored.close(), read.close(), nc.close()]);
