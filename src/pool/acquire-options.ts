import { checkSignal, kindOf } from '../core/index.js';
import { checkMs } from './options.js';

export interface AcquireOptions {
  /** Who takes it, for reports: `GET /orders`. */
  borrower?: string;
  /** Longest wait, in ms, from 0. Default `acquireTimeoutMs` of the pool. */
  timeoutMs?: number;
}

/** Before anybody is in line. @throws TypeError or RangeError */
export function checkAcquire(signal: unknown, options: AcquireOptions | undefined): void {
  if (signal !== undefined) checkSignal('acquire()', signal);
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`acquire(): options must be an object, got ${kindOf(options)}`);
  }
  const { borrower, timeoutMs } = options;
  if (borrower !== undefined && typeof borrower !== 'string') {
    throw new TypeError(`acquire(): borrower must be a text, got ${kindOf(borrower)}`);
  }
  if (timeoutMs !== undefined) checkMs('acquire()', 'timeoutMs', timeoutMs);
}
