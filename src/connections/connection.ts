import type { Scope } from '../scope/index.js';
import type { Message } from './delivery.js';

/**
 * What became of a message by the time that the call returned. `sent`: handed to a socket. `waiting`: its connections are
 * slow, it goes out when one of them reads. `kept`: nobody is there, it goes out when the user comes back. `dropped`: a
 * limit had no place for it.
 */
export type SendOutcome = 'sent' | 'waiting' | 'kept' | 'dropped';

/** How a connection ended; code 1006 means without a close frame. */
export interface ConnectionEnd {
  readonly code: number;
  readonly reason: string;
}

/** One socket of one user, as long as it is attached. Ends by itself when the socket does. */
export interface Connection<Metadata = unknown> {
  /** A random UUID. */
  readonly id: string;
  readonly userId: string;
  readonly metadata: Metadata;
  /** `Date.now()` at which it was attached. */
  readonly connectedAtMs: number;
  readonly state: 'open' | 'closing' | 'closed';
  /** Bytes that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Messages that wait for it to read; at most `recovery.perUser`, or what was kept for its user. */
  readonly waiting: number;
  /**
   * Owner of what belongs to this connection: subscriptions, timers, listeners. Closed when it ends. Made when first asked
   * for. @throws WatertightError WT_SCOPE_CLOSED when the connection has ended
   */
  readonly scope: Scope;
  /** Resolves when it has ended and everything of it has been taken away. Made when first asked for. */
  readonly ended: Promise<ConnectionEnd>;
  /**
   * Sends to this connection only. A reply that does not get out is kept only when its user has no other connection.
   * @throws as `ConnectionRegistry.send`
   */
  send(message: Message): SendOutcome;
  /** Begins the closing handshake; the socket is destroyed when it takes longer than `closeTimeoutMs`. */
  close(code?: number, reason?: string): void;
  /** Destroys the socket. */
  terminate(): void;
}
