export { ConnectionPool, type ConnectionPoolOptions, type ConnectionUsage } from './connection-pool.js';
export type { PublishOutcome } from './delivery.js';
export { CONTENT_TYPES, EVENT_TYPES, EVENT_VERSION, EVENTS, type EventInput, type PublishedEvent } from './event.js';
export { KafkaPublisher, type KafkaPublisherOptions } from './kafka-publisher.js';
export type * from './publisher.js';
export { RedisPublisher, type RedisPublisherOptions } from './redis-publisher.js';
