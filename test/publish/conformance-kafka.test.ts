import { KafkaPublisher } from '../../src/publish/index.js';
import { KafkaBroker, type Received, subscribe } from '../brokers/index.js';
import { describeConformance } from './conformance.js';

const isNode22 = Number.parseInt(process.versions.node, 10) >= 22;

for (const client of isNode22 ? (['kafkajs', 'platformatic'] as const) : (['kafkajs'] as const)) {
  describeConformance<KafkaBroker>({
    kind: `kafka by ${client}`,
    keeps: true,
    // Brokers name their own addresses to clients.
    isBehindNoProxy: true,
    start: () => KafkaBroker.start(),
    open: (port, topic, options) => new KafkaPublisher({ brokers: `127.0.0.1:${port}`, topic, client, ...options }),
    prepare: async (broker, topic) => {
      await broker.createTopic(topic, 4);
      const messages: Received[] = [];
      const stop = await subscribe(broker, topic, (message) => messages.push(message));
      return { received: async () => messages, close: stop };
    },
    outage: (broker, ms) => broker.outage(ms),
  });
}
