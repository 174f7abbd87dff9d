/**
 * Engines that are torn down and begun anew without starting anything: a pool keeps threads or processes warm, a session
 * opens in them with segments and data, and ends with everything it acquired released.
 *
 * @module
 * @example
 * import { Segment } from 'watertight/shm';
 * import { WarmPool } from 'watertight/warm';
 *
 * // engine.js: serveSessions((session) => { new Int32Array(session.segments.out.buffer, 0, 1)[0] = session.data.gain; });
 * const pool = new WarmPool({ script: new URL('./engine.js', import.meta.url), size: 2 });
 * const out = Segment.create({ bytes: 4096 });
 * for (const gain of [1, 2, 3]) {
 *   const session = await pool.open({ segments: { out }, data: { gain } });
 *   console.log((await session.close()).status); // 'completed': both are warm again
 * }
 * out.close();
 * await pool.stop();
 */
export type { Begin, MemberSession } from './member-session.js';
export { serveSessions } from './serve-sessions.js';
export type { OpenOptions, WarmPoolOptions } from './warm-options.js';
export { WarmPool } from './warm-pool.js';
export type { MemberOutcome, MemberReport, SessionReport, StartReport, StopReport, WarmUsage } from './warm-report.js';
export type { SendOptions, SessionMember, WarmSession } from './warm-session.js';
