/*
 * Publishes to its standard output until nobody reads it any more; then says on the other one what became of the last event,
 * and how the close went.
 */
import { ConsolePublisher } from './index.js';

const publisher = new ConsolePublisher();
let outcome: unknown = 'stored';
while (outcome === 'stored') {
  outcome = await publisher
    .publish({ event: 'streaming', eventType: 'update', content: 'x'.repeat(1_000) })
    .catch((error) => error.details.outcome);
  await new Promise(setImmediate);
}
const { status } = await publisher.close();
process.stderr.write(`${outcome} ${status}\n`);
