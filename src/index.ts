/**
 * Watertight: keeps long-running Node.js programs from leaking, and proves it.
 *
 * The command `watertight soak` is one way in, `main()` the other; each room has a door of its own: `watertight/scope`,
 * `watertight/tasks`, `watertight/soak` and so on.
 */
export { WatertightError } from './core/index.js';
export { main, Scope } from './scope/index.js';
export { BackgroundTasks } from './tasks/index.js';
