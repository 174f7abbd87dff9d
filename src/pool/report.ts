import type { Holder, PoolFailure } from './options.js';

/** What closing did. `initial` = `destroyed` + `failed` + `remaining`. */
export interface PoolCloseReport {
  /** `timeout`: something is still open. `failed`: nothing is, but a destroy failed or was given up. */
  readonly status: 'completed' | 'failed' | 'timeout' | 'already-closed';
  /** Resources that were there when closing began, or came while it ran. */
  readonly initial: number;
  readonly destroyed: number;
  /** Their destroy threw, or took longer than its limit. */
  readonly failed: number;
  /** On loan, or being made or destroyed: not yet done. A loan is destroyed when it comes back. */
  readonly remaining: number;
  readonly durationMs: number;
  /** What failed while closing: the first 100. */
  readonly failures: readonly PoolFailure[];
  /** Who still has a resource, oldest first. */
  readonly holders: readonly Holder[];
}

/** What is there now, and totals since the pool was made. */
export interface PoolStats {
  /** All resources: idle + lent + creating + checking + destroying. */
  readonly size: number;
  readonly idle: number;
  readonly lent: number;
  readonly creating: number;
  readonly checking: number;
  readonly destroying: number;
  readonly waiting: number;
  /** Lent now, as part of `max`, 0 to 1. */
  readonly utilisation: number;
  /** Most that were lent at once. */
  readonly peakLent: number;
  /** Loans now over `leaseTimeoutMs`. */
  readonly overdue: number;
  readonly loans: number;
  readonly created: number;
  readonly destroyed: number;
  /** Acquirers that waited in vain. */
  readonly timedOut: number;
}
