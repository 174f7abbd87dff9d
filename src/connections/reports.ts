import type { Totals } from './totals.js';

export interface ConnectionStats {
  /** What is held now: all 0 when everybody has left and nothing is kept for them. */
  readonly held: {
    readonly connections: number;
    /** Users with a connection or with messages being handled. */
    readonly users: number;
    /** Messages received and not yet handled. */
    readonly handling: number;
    /** Messages in line at slow connections. */
    readonly inLine: number;
    readonly kept: number;
    readonly keptUsers: number;
    /** Bytes of what is kept and in line. */
    readonly keptBytes: number;
    /** Calls of `waitForConnection` that wait. */
    readonly waiters: number;
    /** Sockets that were refused and have not closed yet. */
    readonly refused: number;
    /** Members of the heartbeat. */
    readonly pulses: number;
    /** Periodic timers: of the heartbeat, and of what is kept. */
    readonly timers: number;
  };
  readonly totals: Readonly<Totals>;
}

/** What closing did. */
export interface ConnectionsReport {
  /** `timeout`: handlers or sockets had not ended by the deadline. `failed`: a release in some `connection.scope` failed. */
  readonly status: 'completed' | 'failed' | 'timeout';
  /** Connections when closing began. */
  readonly initial: number;
  /** Of these, how many ended by themselves or by the closing handshake; the rest was terminated. */
  readonly closed: number;
  readonly terminated: number;
  /** Messages that were being handled, or waited for it, at the deadline. */
  readonly unhandled: number;
  /** Messages that were kept for users who were away. */
  readonly undelivered: number;
  readonly durationMs: number;
}
