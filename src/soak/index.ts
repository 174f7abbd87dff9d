/**
 * The main job: run a program, watch what it holds, decide, and name the cause.
 *
 * @example
 * import { renderTerminal, soak } from 'watertight/soak';
 *
 * const { result } = await soak({ target: { scenario: 'orders.mjs' }, budgetMs: 60_000, warmup: 'auto', seed: 1 });
 * console.log(renderTerminal(result, { colour: false, width: 80 }));
 */
export type { Leak, LeakKind, PathStep, SourcePosition, Verdict } from '../leaks/index.js';
export type { HttpLoad } from './http-driver.js';
export { renderHtml, renderJson, renderJunit, renderTerminal, SoakProgress } from './report/index.js';
export type { GaugeResult, SoakResult } from './result.js';
export { type SoakOptions, type SoakOutcome, soak } from './soak.js';
