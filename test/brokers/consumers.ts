import { consumeRabbit, readRabbitQueue } from './amqp-client.js';
import type { Broker } from './broker.js';
import { KafkaBroker } from './kafka-broker.js';
import { followKafka, readKafkaTopic } from './kcat.js';
import { NatsBroker } from './nats-broker.js';
import { listenToNats, readNatsStream } from './nats-client.js';
import { RabbitBroker } from './rabbit-broker.js';
import type { OnMessage, Received, Unsubscribe } from './received.js';
import { RedisBroker } from './redis-broker.js';
import { listenToRedis, readRedisStream } from './redis-cli.js';

/**
 * All that a broker has stored, read without our clients: a stream of Redis, a topic of Kafka, a queue of RabbitMQ, a
 * subject of a JetStream stream. It takes nothing away.
 */
export function consumeAll(broker: Broker, destination: string): Promise<Received[]> {
  if (broker instanceof RedisBroker) return readRedisStream(broker, destination);
  if (broker instanceof KafkaBroker) return readKafkaTopic(broker, destination);
  if (broker instanceof RabbitBroker) return readRabbitQueue(broker, destination);
  if (broker instanceof NatsBroker) return readNatsStream(broker, destination);
  throw new TypeError(`No consumer for ${broker.kind}`);
}

/**
 * What comes from now on: on a channel of Redis, on a subject of NATS, to a queue of RabbitMQ (which loses it), to a topic
 * of Kafka (with what it has already). It does not outlive a kill of the broker, except that of Kafka an outage.
 */
export function subscribe(broker: Broker, destination: string, onMessage: OnMessage): Promise<Unsubscribe> {
  if (broker instanceof RedisBroker) return listenToRedis(broker, destination, onMessage);
  if (broker instanceof KafkaBroker) return followKafka(broker, destination, onMessage);
  if (broker instanceof RabbitBroker) return consumeRabbit(broker, destination, onMessage);
  if (broker instanceof NatsBroker) return listenToNats(broker, destination, onMessage);
  throw new TypeError(`No consumer for ${broker.kind}`);
}
