/**
 * A soak's result for people and machines: terminal, HTML, JUnit, JSON; and the progress on the way there. Pure but for
 * `SoakProgress`, which writes to the stream that it is given: writing files and choosing colour is the caller's.
 *
 * @example
 * import { renderTerminal } from './report/index.js';
 * process.stdout.write(renderTerminal(result, { colour: process.stdout.hasColors?.() ?? false, width: 80 }));
 */
export type { ReportOptions } from './facts.js';
export { renderHtml } from './html.js';
export { renderJson } from './json.js';
export { renderJunit } from './junit.js';
export { type ProgressOptions, type ProgressState, type ProgressStream, SoakProgress } from './progress.js';
export { renderTerminal, type TerminalOptions } from './terminal.js';
