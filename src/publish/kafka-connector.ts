import { connectErrorOf } from './broker-url.js';
import type { Connector } from './connection-pool.js';
import type { KAFKA_CLIENTS, KafkaClient, KafkaClientMaker, KafkaCluster, KafkaCompression } from './kafka-client.js';
import { loopTimeout } from './loop-timeout.js';
import { connectTimeoutError, noClientError } from './publish-errors.js';

/** `@platformatic/kafka` 2 is made for Node.js 22 and later. */
const PLATFORMATIC_NODE = 22;
const isForPlatformatic = Number.parseInt(process.versions.node, 10) >= PLATFORMATIC_NODE;

export function kafkaConnector(
  cluster: KafkaCluster,
  choice: (typeof KAFKA_CLIENTS)[number],
  compression: KafkaCompression,
): Connector<KafkaClient> {
  const target = `kafka://${cluster.brokers.join(',')}`;
  const onlyPlatformatic = choice === 'platformatic' || needsPlatformatic(compression);
  return {
    key: JSON.stringify([target, choice, onlyPlatformatic, cluster]),
    target,
    async open(timeoutMs, onLost, signal) {
      const make = onlyPlatformatic ? platformatic : choice === 'kafkajs' ? kafkajs : whicheverIsThere;
      const client = await make(cluster, timeoutMs, onLost);
      let late: Error | undefined;
      const stopLimit = loopTimeout(timeoutMs, () => {
        late = connectTimeoutError(target, timeoutMs);
        client.destroy();
      });
      signal.onabort = () => client.destroy();
      try {
        await client.open();
        return client;
      } catch (error) {
        client.destroy();
        throw connectErrorOf(target, late ?? error);
      } finally {
        stopLimit();
      }
    },
    check: (client) => client.check(),
    close: (client) => client.close(),
    destroy: (client) => client.destroy(),
  };
}

/** kafkajs has gzip; for the others it needs packages that nobody keeps. */
export function needsPlatformatic(compression: KafkaCompression): boolean {
  return compression !== 'none' && compression !== 'gzip';
}

const platformatic: KafkaClientMaker = async (...args) => {
  if (!isForPlatformatic) {
    throw noClientError('@platformatic/kafka', undefined, {
      rule: `needs Node.js ${PLATFORMATIC_NODE} or later, and this is ${process.versions.node}`,
      hint: "use a later Node.js, or client: 'kafkajs' with compression none or gzip",
    });
  }
  const { platformaticClient } = await import('./kafka-platformatic.js');
  return platformaticClient(...args).catch((error) => {
    throw isMissing(error) ? noClientError('@platformatic/kafka', error) : error;
  });
};

const kafkajs: KafkaClientMaker = async (...args) => {
  const { kafkajsClient } = await import('./kafka-kafkajs.js');
  return kafkajsClient(...args).catch((error) => {
    throw isMissing(error) ? noClientError('kafkajs', error) : error;
  });
};

/** The faster one first. */
const whicheverIsThere: KafkaClientMaker = async (...args) => {
  if (!isForPlatformatic) return kafkajs(...args);
  return platformatic(...args).catch((error) => {
    if (error.code !== 'WT_PUBLISH_NO_CLIENT') throw error;
    // If neither is there, the better one is named.
    return kafkajs(...args).catch((other) => {
      throw other.code === 'WT_PUBLISH_NO_CLIENT' ? error : other;
    });
  });
};

function isMissing(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND';
}
