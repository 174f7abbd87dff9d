/*
 * A program with a broker of each kind, for a test that kills it. When all serve, it prints a line of JSON and waits.
 */
import { KafkaBroker, NatsBroker, RabbitBroker, RedisBroker, subscribe } from './index.js';
import { belongings } from './remains.fixture.js';

export interface ParentLine {
  readonly pids: readonly number[];
  readonly folders: readonly string[];
}

const starts = [RedisBroker.start(), NatsBroker.start(), KafkaBroker.start(), RabbitBroker.start()] as const;
const brokers = await Promise.all(starts);
const [redis] = brokers;
await subscribe(redis, 'news', () => {});
// One that is stopped cannot end by itself.
await redis.pause();
const line: ParentLine = {
  pids: brokers.flatMap((broker) => belongings(broker).processes()),
  folders: brokers.map(({ folder }) => folder),
};
process.stdout.write(`${JSON.stringify(line)}\n`);
