/**
 * References that keep nothing alive, and the proof that what should be gone is gone.
 *
 * @module
 * @example
 * import { watchCollected, WeakValueMap } from 'watertight/weak';
 *
 * const sessions = new WeakValueMap<string, { user: string }>();
 * const ended = (() => {
 *   const session = { user: 'ann' };
 *   sessions.set('ann', session);
 *   return watchCollected(session, 'session of ann', { withinMs: 100, force: true });
 * })();
 * console.log((await ended).outcome, sessions.get('ann')); // collected undefined
 */
export { BackReference } from './back-reference.js';
export type { WatchOutcome } from './retained-report.js';
export { type WatchOptions, watchCollected } from './watch-collected.js';
export { weakListener } from './weak-listener.js';
export { WeakValueMap } from './weak-value-map.js';
