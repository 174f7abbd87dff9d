// A program that publishes, waits for SIGUSR2, and closes; it ends by itself when nothing keeps it alive.
// Usage: rabbitmq-close.fixture.ts <url> <exchange>
import { once } from 'node:events';
import { RabbitMQPublisher } from '../../src/publish/index.js';
import { controlTimer } from './control-timer.fixture.js';

const [url = '', exchange = ''] = process.argv.slice(2);
const event = { event: 'llm_call', eventType: 'progress' } as const;
const publisher = new RabbitMQPublisher({ url, exchange, mandatory: false });
await publisher.publish(event);
const isTold = once(process, 'SIGUSR2');
// An idle publisher without a connection keeps no process alive.
const awake = setInterval(() => {}, 1_000);
console.log('connected');
await isTold;
clearInterval(awake);
const outcomes = Array.from({ length: 100 }, () =>
  publisher.publish(event).catch((error) => error.details.outcome as string),
);
const deadline = controlTimer(500);
const { durationMs, ...report } = await publisher.close({ timeoutMs: 500 });
const settled = await Promise.all(outcomes);
console.log(JSON.stringify({ ...report, isInTime: durationMs <= deadline() + 50, outcomes: [...new Set(settled)] }));
