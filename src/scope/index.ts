/**
 * Lifetimes: everything acquired has one owner, and is released in order, in time, once, on every path, with a report.
 *
 * @example
 * await main(async (scope) => {
 *   const pool = scope.use('database', new Pool());
 *   scope.server(createServer(handle).listen(3000));
 * });
 */
export type { Closable } from './closable.js';
export type { CloseFailure, CloseReport, CloseStatus, ReleaseRow, StuckResource } from './close-report.js';
export { currentScope, enterScope } from './current-scope.js';
export type { Held, HoldOptions, Release, ReleaseContext } from './entry.js';
export type { ListenOptions } from './listeners.js';
export { type MainOptions, main } from './main.js';
export { closeReportText } from './report-text.js';
export { Scope, type ScopeOptions, type ScopeState } from './scope.js';
export type { ServerOptions } from './servers.js';
export { configureScopes, type Sampling, type ScopeDefaults } from './settings.js';
export type { ScopeTree, TreeResource } from './tree.js';
