import { RabbitMQPublisher } from '../../src/publish/index.js';
import { RabbitBroker, type Received, subscribe } from '../brokers/index.js';
import { describeConformance } from './conformance.js';
import { bind } from './rabbitmq.fixture.js';

describeConformance<RabbitBroker>({
  kind: 'rabbitmq',
  // The reader goes with the broker.
  keeps: false,
  start: () => RabbitBroker.start(),
  open: (port, exchange, options) => new RabbitMQPublisher({ url: `amqp://127.0.0.1:${port}`, exchange, ...options }),
  prepare: async (broker, exchange) => {
    await bind(broker, exchange, exchange);
    const messages: Received[] = [];
    const stop = await subscribe(broker, exchange, (message) => messages.push(message));
    return { received: async () => messages, close: stop };
  },
  outage: async (broker, ms) => {
    await broker.kill9();
    await new Promise((resolve) => setTimeout(resolve, ms));
    await broker.restart();
  },
});
