/*
 * A program that has published and closes while its server answers no more. It prints what became of it as a line of JSON,
 * and has then nothing to do: it ends by itself, or something was left open.
 */
import { NatsPublisher } from '../../src/publish/index.js';

const [url, mode] = process.argv.slice(2) as [string, 'jetstream' | 'core'];
const publisher = new NatsPublisher({ url, mode });
await publisher.connect();
process.stdout.write('connected\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.destroy();
const published = Array.from({ length: 1_000 }, () =>
  publisher.publish({ event: 'streaming', eventType: 'update' }).then(
    () => 'stored',
    (error) => String(error.details.outcome),
  ),
);
const startedAt = performance.now();
const report = await publisher.close({ timeoutMs: 1_000 });
const closeMs = performance.now() - startedAt;
const outcomes: Record<string, number> = {};
for (const outcome of await Promise.all(published)) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
process.stdout.write(`${JSON.stringify({ report, closeMs, outcomes })}\n`);
