export { ConnectionPool, type ConnectionPoolOptions, type ConnectionUsage } from './connection-pool.js';
export type { PublishOutcome } from './delivery.js';
export { CONTENT_TYPES, EVENT_TYPES, EVENT_VERSION, EVENTS, type EventInput, type PublishedEvent } from './event.js';
export type { OutboxOptions, OutboxSync } from './outbox-options.js';
export type * from './publisher.js';
export { RedisPublisher, type RedisPublisherOptions } from './redis-publisher.js';
