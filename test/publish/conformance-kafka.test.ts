import { Kafka, logLevel } from 'kafkajs';
import { Children } from '../../src/children/index.js';
import { KafkaPublisher } from '../../src/publish/index.js';
import { KafkaBroker, type Received, subscribe } from '../brokers/index.js';
import { describeConformance, type Inbox } from './conformance.js';

const PARTITIONS = 4;
const isNode22 = Number.parseInt(process.versions.node, 10) >= 22;
/** A real cluster, `host:port`, on which the same is asked beside the one that the tests start. */
const REAL = process.env.WATERTIGHT_KAFKA;

async function follow(broker: KafkaBroker, topic: string): Promise<Inbox> {
  const messages: Received[] = [];
  const stop = await subscribe(broker, topic, (message) => messages.push(message));
  return { received: async () => messages, close: stop };
}

for (const client of isNode22 ? (['kafkajs', 'platformatic'] as const) : (['kafkajs'] as const)) {
  describeConformance<KafkaBroker>({
    kind: `kafka by ${client}`,
    keeps: true,
    // Brokers name their own addresses to clients.
    isBehindNoProxy: true,
    start: () => KafkaBroker.start(),
    open: (port, topic, options) => new KafkaPublisher({ brokers: `127.0.0.1:${port}`, topic, client, ...options }),
    prepare: async (broker, topic) => {
      await broker.createTopic(topic, PARTITIONS);
      return follow(broker, topic);
    },
    outage: (broker, ms) => broker.outage(ms),
  });
  if (REAL) {
    describeConformance<KafkaBroker>({
      kind: `kafka at ${REAL} by ${client}`,
      keeps: true,
      isBehindNoProxy: true,
      start: async () => clusterAt(REAL),
      open: (port, topic, options) => {
        // Through the proxy there is only a connection that is made or refused.
        const isDirect = port === portOf(REAL);
        return new KafkaPublisher({ brokers: isDirect ? REAL : `127.0.0.1:${port}`, topic, client, ...options });
      },
      prepare: async (broker, topic) => {
        const admin = new Kafka({ brokers: [REAL], logLevel: logLevel.NOTHING, retry: { retries: 2 } }).admin();
        const topics = [{ topic, numPartitions: PARTITIONS }];
        // A cluster that lets nobody make topics has to make them when they are used.
        await admin.createTopics({ topics, waitForLeaders: true }).catch(() => {});
        await admin.disconnect();
        return follow(broker, topic);
      },
    });
  }
}

function portOf(place: string): number {
  return Number(place.slice(place.lastIndexOf(':') + 1));
}

/** One that somebody else has started: it is only read from and written to. */
function clusterAt(bootstrap: string): KafkaBroker {
  const children = new Children({ name: 'readers of Kafka' });
  const cluster = { bootstrap, port: portOf(bootstrap), children, isStopped: false, stop: () => children.close() };
  const properties = Object.entries(cluster).map(([name, value]) => [name, { value }]);
  return Object.create(KafkaBroker.prototype, Object.fromEntries(properties)) as KafkaBroker;
}
