/**
 * Lifetimes: one owner for what a scenario acquires.
 *
 * @example
 * export default async (iteration, scope) => {
 *   const file = scope.acquire(() => open('a.log'), (f) => f.close());
 * };
 */
export { type CloseReport, Scope } from './scope.js';
