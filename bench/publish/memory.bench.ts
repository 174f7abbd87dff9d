// How much heap does an event take that waits for a broker which is away, beyond its own bytes?
// Run: npm run build && node --expose-gc --import tsx bench/publish/memory.bench.ts
import { createServer } from 'node:net';
import { Redis } from 'ioredis';
import { RedisPublisher } from 'watertight/publish';

const EVENTS = 100_000;
const BODY = { text: 'x'.repeat(150) };
const event = (n: number) => ({
  event: 'node_execution' as const,
  eventType: 'progress' as const,
  runId: `run-${n % 100}`,
  data: BODY,
});

/** Takes connections and says nothing: a broker that hangs. */
const silent = createServer(() => {}).listen(0, '127.0.0.1');
await new Promise((resolve) => silent.once('listening', resolve));
const { port } = silent.address() as { port: number };
const url = `redis://127.0.0.1:${port}`;

async function collect(): Promise<NodeJS.MemoryUsage> {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    globalThis.gc?.();
  }
  return process.memoryUsage();
}

type Queue = () => { hold: unknown; payloadBytes: number; end: () => unknown };

async function heapOf(name: string, queue: Queue) {
  // Once before, so that what is loaded and compiled is not counted.
  await queue().end();
  const before = await collect();
  const { hold, payloadBytes, end } = queue();
  const after = await collect();
  const heap = (after.heapUsed - before.heapUsed) / EVENTS;
  const external = (after.external - before.external) / EVENTS;
  const beyond = heap + external - payloadBytes / EVENTS;
  console.log(
    `  ${heap.toFixed(0).padStart(6)} ${external.toFixed(0).padStart(9)} ${beyond.toFixed(0).padStart(9)}   ${name}`,
  );
  await end();
  return hold;
}

console.log(`node ${process.version}, ${EVENTS} events that wait for a broker which hangs, bytes an event`);
console.log('    heap   outside    beyond its body');
for (const delivery of ['broker', 'memory'] as const) {
  const wait = delivery === 'broker' ? 'its promise kept' : 'nobody waits';
  await heapOf(`watertight, delivery: '${delivery}' (${wait})`, () => {
    const limits = { maxBufferedEvents: EVENTS, maxBufferedBytes: 2 ** 30 };
    const patience = { publishTimeoutMs: 600_000, connectTimeoutMs: 600_000 };
    const publisher = new RedisPublisher({ url, delivery, ...limits, ...patience });
    const hold = Array.from({ length: EVENTS }, (_, n) => publisher.publish(event(n)));
    return { hold, payloadBytes: publisher.stats().bufferedBytes, end: () => publisher.close({ timeoutMs: 100 }) };
  });
}
const bodies = Array.from({ length: EVENTS }, (_, n) => JSON.stringify(event(n)));
const payloadBytes = bodies.join('').length;
await heapOf('ioredis, its offline queue', () => {
  const client = new Redis(url, { lazyConnect: true });
  client.on('error', () => {});
  // A text of its own for each, as an event would be.
  const hold = bodies.map((body) => client.xadd('events', '*', 'body', Buffer.from(body).toString()).catch(() => {}));
  return { hold, payloadBytes, end: () => client.disconnect() };
});
silent.close();
process.exit(0);
