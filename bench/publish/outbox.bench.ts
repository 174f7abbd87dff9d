// What an outbox costs: events a second onto the disk by sync, and heap an event that waits there while the broker is away.
// npx tsx --expose-gc bench/publish/outbox.bench.ts [folder on the disk to measure]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { RedisPublisher } from '../../src/publish/index.js';

const EVENTS = 100_000;
const AT_ONCE = 1_000;
const ROUNDS = 3;
const where = process.argv[2] ?? tmpdir();
const heap = () => {
  global.gc?.();
  return process.memoryUsage();
};
const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;

const rates: Record<string, number[]> = {};
const spaces: number[][] = [];
for (let round = 0; round < ROUNDS; round++) {
  for (const [sync, events] of [
    ['group', EVENTS],
    ['os', EVENTS],
    ['each', 300],
  ] as const) {
    const folder = mkdtempSync(`${where}/wt-bench-`);
    // Nobody listens there: all stays on the disk.
    const publisher = new RedisPublisher({ url: 'redis://127.0.0.1:1', delivery: 'outbox', outbox: { folder, sync } });
    const before = heap();
    const startedAt = performance.now();
    for (let n = 0; n < events; n += AT_ONCE) {
      const many = Array.from({ length: Math.min(AT_ONCE, events - n) }, (_, i) =>
        publisher.publish({
          event: 'streaming',
          eventType: 'update',
          runId: `run-${i % 64}`,
          content: 'x'.repeat(160),
        }),
      );
      await Promise.all(many);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    rates[sync] ??= [];
    rates[sync]!.push(events / seconds);
    const after = heap();
    const { outboxBytes, bufferedBytes, buffered, outboxEvents } = publisher.stats();
    if (sync === 'group') {
      spaces.push([
        (after.heapUsed - before.heapUsed) / outboxEvents!,
        (after.arrayBuffers - before.arrayBuffers) / outboxEvents!,
        outboxBytes! / outboxEvents!,
        bufferedBytes / buffered,
      ]);
    }
    await publisher.close({ timeoutMs: 0 });
    rmSync(folder, { recursive: true });
  }
}
for (const [sync, values] of Object.entries(rates)) {
  console.log(`sync ${sync.padEnd(6)} ${Math.round(median(values))} events/s (${values.map(Math.round).join(', ')})`);
}
const column = (index: number) => Math.round(median(spaces.map((row) => row[index]!)) * 10) / 10;
console.log(
  `bytes an event, of ${EVENTS} waiting: heap ${column(0)}, outside of it ${column(1)}, disk ${column(2)} for bodies of ${column(3)}`,
);
console.log(`Node ${process.version}`);
