/**
 * WebSocket connections by user: limits, order, heartbeat, messages kept for those who are away, backpressure, and an end
 * in good order. For sockets of the package `ws`.
 *
 * @module
 * @example
 * import { createServer } from 'node:http';
 * import { ConnectionRegistry } from 'watertight/connections';
 * import { Scope } from 'watertight/scope';
 * import { WebSocketServer } from 'ws';
 *
 * const scope = new Scope('app');
 * const server = scope.server(createServer().listen(0));
 * const registry = new ConnectionRegistry({
 *   scope,
 *   onMessage: (connection, text) => registry.send(connection.userId, `heard: ${text}`),
 * });
 * new WebSocketServer({ server, maxPayload: 2 ** 20 }).on('connection', (socket, request) => {
 *   registry.attach(socket, request.headers['x-user'] ?? 'guest');
 * });
 */
export type { Connection, ConnectionEnd, SendOutcome } from './connection.js';
export {
  ConnectionRegistry,
  type ConnectionRegistryOptions,
  type RefusalReason,
} from './connection-registry.js';
export type { Message } from './delivery.js';
export type { Health, HealthStatus } from './health.js';
export type { EndCause } from './link.js';
export type { DropReason, KeptMessage, RecoveryLimits } from './recovery.js';
export type { ConnectionStats, ConnectionsReport } from './reports.js';
export type { ServerSocket } from './server-socket.js';
export type { ConnectionLimits, Overflow } from './settings.js';
export type { Totals } from './totals.js';
