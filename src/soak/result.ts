import type { Leak, Verdict } from '../leaks/index.js';

/** One quantity that was followed through the run. */
export interface GaugeResult {
  /** `heap used · main`, `file descriptors`, `resident memory` … */
  readonly name: string;
  /** `bytes` or `count`. */
  readonly unit: 'bytes' | 'count';
  /** Growth for each iteration, robust slope. */
  readonly perIteration: number;
  /** Confidence interval of the slope. */
  readonly ci: readonly [number, number];
  readonly verdict: Verdict;
  /** Smallest growth for each iteration that this gauge would have shown. */
  readonly smallestDetectable: number;
  /** `[iteration, value]` for each sample. */
  readonly series: readonly (readonly [number, number])[];
}

/** The stable result of one soak, as written by `--json`. Plain data. */
export interface SoakResult {
  readonly schema: 1;
  /** The scenario file or the command. */
  readonly target: string;
  readonly verdict: Verdict;
  /** Iterations (or requests) that ran, warm-up included. */
  readonly iterations: number;
  readonly durationMs: number;
  readonly gauges: readonly GaugeResult[];
  readonly leaks: readonly Leak[];
  /** What a reader should know: smallest detectable leak, extensions, what was cut short and why. */
  readonly notes: readonly string[];
}
