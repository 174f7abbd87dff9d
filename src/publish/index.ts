export type { PartReport, PartStatus } from './close-parts.js';
export {
  type ChildCloseReport,
  type ChildPolicy,
  type CompositeChild,
  type CompositeCloseReport,
  type CompositeFailure,
  CompositePublisher,
  type CompositePublisherOptions,
  type CompositeStats,
} from './composite-publisher.js';
export { ConnectionPool, type ConnectionPoolOptions, type ConnectionUsage } from './connection-pool.js';
export { ConsolePublisher, type ConsolePublisherOptions } from './console-publisher.js';
export { type CreatePublisherOptions, createPublisher } from './create-publisher.js';
export type { PublishOutcome } from './delivery.js';
export { CONTENT_TYPES, EVENT_TYPES, EVENT_VERSION, EVENTS, type EventInput, type PublishedEvent } from './event.js';
export type {
  GraphCloseReport,
  GraphPublishFailure,
  GraphStats,
  RunnableGraph,
  RunsCloseReport,
  SuperviseGraphOptions,
} from './graph-options.js';
export type { GraphRunInfo, StoppedBy } from './graph-run.js';
export type { GraphStream } from './graph-stream.js';
export { KafkaPublisher, type KafkaPublisherOptions } from './kafka-publisher.js';
export { NatsPublisher, type NatsPublisherOptions } from './nats-publisher.js';
export type { OutboxOptions, OutboxSync } from './outbox-options.js';
export type * from './publisher.js';
export { RabbitMQPublisher, type RabbitMQPublisherOptions } from './rabbitmq-publisher.js';
export { RedisPublisher, type RedisPublisherOptions } from './redis-publisher.js';
export { type SupervisedGraph, superviseGraph } from './supervise-graph.js';
