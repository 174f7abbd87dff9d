/*
 * A program that has published and closes while its Redis answers no more. It prints a line when it is closed, and has then
 * nothing to do: it ends by itself, or something was left open.
 */
import { RedisPublisher } from '../../src/publish/index.js';

const [url] = process.argv.slice(2) as [string];
const publisher = new RedisPublisher({ url });
await publisher.connect();
process.stdout.write('connected\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
process.stdin.destroy();
const published = publisher
  .publish({ event: 'streaming', eventType: 'update' })
  .catch((error) => error.details.outcome);
const { status } = await publisher.close({ timeoutMs: 300 });
process.stdout.write(`${status} ${await published}\n`);
