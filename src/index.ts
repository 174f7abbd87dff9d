/**
 * Watertight: keeps long-running Node.js programs from leaking, and proves it.
 *
 * The command `watertight soak` is the way in; the parts are at `watertight/soak`, `watertight/leaks`,
 * `watertight/heap`, `watertight/monitor` and `watertight/scope`.
 */
export { WatertightError } from './core/index.js';
export { main, Scope } from './scope/index.js';
