/**
 * Real brokers as processes of their own, faults between them and a client, and readers that are not our code.
 *
 * @module
 * @example
 * await using broker = await RedisBroker.start();
 * await using proxy = await FaultProxy.start(broker);
 * const client = new Redis(proxy.port);
 * const publishing = client.xadd('orders', '*', 'body', '{}');
 * proxy.drop();
 * await publishing;
 * console.log(await consumeAll(broker, 'orders')); // once, or twice?
 */
export { produceToRabbit } from './amqp-client.js';
export type { Broker, BrokerKind } from './broker.js';
export { consumeAll, subscribe } from './consumers.js';
export { FaultProxy, type ProxyUsage } from './fault-proxy.js';
export { freePort } from './free-port.js';
export { KafkaBroker, type KafkaOptions } from './kafka-broker.js';
export { produceToKafka } from './kcat.js';
export { NatsBroker, type NatsOptions } from './nats-broker.js';
export { createNatsStream, produceToNats, publishToNats } from './nats-client.js';
export { RabbitBroker } from './rabbit-broker.js';
export type { OnMessage, Received, Unsubscribe } from './received.js';
export { RedisBroker, type RedisOptions } from './redis-broker.js';
export { redisCli } from './redis-cli.js';
