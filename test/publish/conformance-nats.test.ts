import { NatsPublisher } from '../../src/publish/index.js';
import { consumeAll, NatsBroker, type Received, subscribe } from '../brokers/index.js';
import { describeConformance } from './conformance.js';

async function outage(broker: NatsBroker, ms: number): Promise<void> {
  await broker.kill9();
  await new Promise((resolve) => setTimeout(resolve, ms));
  await broker.restart();
}

describeConformance<NatsBroker>({
  kind: 'nats-jetstream',
  keeps: true,
  start: () => NatsBroker.start(),
  open: (port, subject, options) => new NatsPublisher({ url: `nats://127.0.0.1:${port}`, subject, ...options }),
  prepare: async (broker, subject) => ({
    // Before the first event there is no stream.
    received: () => consumeAll(broker, subject).catch(() => []),
  }),
  outage,
});

describeConformance<NatsBroker>({
  kind: 'nats-core',
  keeps: false,
  start: () => NatsBroker.start(),
  open: (port, subject, options) =>
    new NatsPublisher({ url: `nats://127.0.0.1:${port}`, mode: 'core', subject, ...options }),
  prepare: async (broker, subject) => {
    const messages: Received[] = [];
    const stop = await subscribe(broker, subject, (message) => messages.push(message));
    return { received: async () => messages, close: stop };
  },
  outage,
});
