/**
 * Start-up as the mirror of closing: phases of steps within nested limits, rolled back whole when it fails, and watched from
 * outside the event loop.
 *
 * @example
 * const { database } = await new Startup({ scope })
 *   .phase('dependencies', { timeoutMs: 15_000 })
 *   .step('database', { timeoutMs: 5_000 }, ({ scope }) => scope.acquire('pool', connect, (pool) => pool.end()))
 *   .start();
 */
export type { LimitOf } from './budget.js';
export type { Check, Count } from './check.js';
export type { Policy } from './policy.js';
export type { Impact, PhaseReport, StartupReport, StepReport, StepStatus } from './report.js';
export { Startup, type StartupOptions, type StepOptions } from './startup.js';
export { startupText } from './startup-text.js';
export type { StepContext } from './step-run.js';
export { BLOCKED_EXIT_CODE, type WatchdogOptions, type WatchdogState } from './watchdog.js';
