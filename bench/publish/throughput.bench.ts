// How many events a second, every one confirmed, beside the bare client with the same guarantees?
// Run: npm run build && npx tsx bench/publish/throughput.bench.ts [redis-stream|redis-pubsub|kafka|rabbitmq|nats-jetstream|nats-core ...]
//
// Both encode the same event of some 300 bytes, have 1000 on their way, and wait for the broker's word on each. The bare
// clients get what their own documentation names as the fast way: pipelines, batches, an ordered channel.
import type { Publisher } from 'watertight/publish';
import { BARE, type Bare } from './bare-clients.js';
import { type BenchBroker, startBroker } from './brokers.js';

const EVENTS = Number(process.env.WT_BENCH_EVENTS ?? 50_000);
const IN_FLIGHT = 1_000;
const ROUNDS = 5;
const TEXT = 'x'.repeat(120);

const anEvent = (n: number) => ({
  event: 'node_execution' as const,
  eventType: 'progress' as const,
  runId: `run-${n % 64}`,
  nodeName: 'retrieve',
  data: { text: TEXT, n },
});

interface Result {
  readonly perSecond: number;
  readonly cpuUs: number;
}

async function measure(publish: (n: number) => Promise<unknown>, events: number): Promise<Result> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < events) await publish(next++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond: events / seconds, cpuUs: (user + system) / events };
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] as number;

async function compare(kind: string, broker: BenchBroker, bare: Bare): Promise<void> {
  const [mine, its] = ['wt.bench.ours', 'wt.bench.bare'] as const;
  await bare.prepare?.(broker, [mine, its]);
  const publisher: Publisher = bare.publisher(broker, mine);
  await publisher.connect();
  const raw = await bare.open(broker, its);
  const ours: Result[] = [];
  const theirs: Result[] = [];
  const events = Math.round(EVENTS * (bare.share ?? 1));
  for (let round = -1; round < ROUNDS; round++) {
    const one = await measure((n) => publisher.publish(anEvent(n)), events);
    const other = await measure((n) => raw.publish(anEvent(n)), events);
    if (round >= 0) {
      ours.push(one);
      theirs.push(other);
    }
  }
  const ratios = ours.map(({ perSecond }, round) => perSecond / (theirs[round] as Result).perSecond);
  const of = (results: Result[]) =>
    `${(median(results.map(({ perSecond }) => perSecond)) / 1000).toFixed(1).padStart(6)} k/s ${median(
      results.map(({ cpuUs }) => cpuUs),
    )
      .toFixed(1)
      .padStart(5)} µs`;
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  console.log(
    `  ${median([...ratios]).toFixed(2)} × (${least.toFixed(2)} to ${most.toFixed(2)})  ours ${of(ours)}   bare ${of(theirs)}   ${kind}: ${raw.how}`,
  );
  await publisher.close();
  await raw.close();
}

console.log(
  `node ${process.version}, ${IN_FLIGHT} on their way, ${ROUNDS} rounds in turn; CPU of this process an event`,
);
const wanted = process.argv.slice(2);
for (const [kind, bare] of Object.entries(BARE)) {
  if (wanted.length > 0 && !wanted.includes(kind)) continue;
  const broker = await startBroker(bare.broker);
  try {
    await compare(kind, broker, bare);
  } finally {
    await broker.stop();
  }
}
