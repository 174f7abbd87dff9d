/**
 * Pools: a bounded number of dear things, lent to borrowers who are known by name, line and age.
 *
 * @module
 * @example
 * import { Pool } from 'watertight/pool';
 *
 * const pool = new Pool({ name: 'db', create: () => connect(), destroy: (client) => client.end(), leaseTimeoutMs: 30_000 });
 * const rows = await pool.use((client) => client.query('select 1'), { borrower: 'GET /orders' });
 * const report = await pool.close({ timeoutMs: 5_000 });
 * console.log(rows, report.holders);
 */
export type { AcquireOptions } from './acquire-options.js';
export type { Loan } from './loan.js';
export type { Creation, Holder, LeaseNotice, PoolFailure, PoolOptions } from './options.js';
export { Pool } from './pool.js';
export type { PoolCloseReport, PoolStats } from './report.js';
