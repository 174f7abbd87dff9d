/**
 * Processes that leave nothing behind: they end with all that they have started, when they exit, when their owner closes, and
 * when this process dies, however it dies.
 *
 * @module
 * @example
 * import { Scope } from 'watertight';
 * import { Children } from 'watertight/children';
 *
 * const scope = new Scope('app');
 * const children = new Children({ scope, limit: 4 });
 * const sorter = children.start('sort', [], { input: 'b\na\n' });
 * console.log((await sorter.ended).stdout.text); // 'a\nb\n'
 * const daemon = children.start('sh', ['-c', 'trap "" TERM; sleep 1000'], { graceMs: 100 });
 * console.log((await daemon.end()).signal); // 'SIGKILL'
 * await scope.close();
 */
export type { Child, ChildState, Protection } from './child.js';
export type { ChildReport, ChildrenCloseReport, ChildrenUsage, EndReason } from './child-report.js';
export { Children } from './children.js';
export type { Relative } from './family.js';
export type { Output } from './kept-output.js';
export type { Lines, LinesOptions } from './lines.js';
export type { ChildrenOptions, ForkOptions, StartOptions, StreamUse } from './settings.js';
