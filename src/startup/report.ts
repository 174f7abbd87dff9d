import type { CloseReport } from '../scope/index.js';
import type { LimitOf } from './budget.js';
import type { Check } from './check.js';
import type { Policy } from './policy.js';
import type { WatchdogState } from './watchdog.js';

/** What the failure of a step means: the program cannot run, runs with less, or somebody should know. */
export type Impact = 'blocking' | 'degraded' | 'warning';

export type StepStatus = 'completed' | 'failed' | 'timeout' | 'cancelled' | 'skipped';

/** How one step went. */
export interface StepReport {
  readonly phase: string;
  readonly name: string;
  readonly status: StepStatus;
  readonly impact: Impact;
  /** ms after the start-up began; absent when it never ran. */
  readonly startedAfterMs?: number;
  /** 0 when it never ran. */
  readonly durationMs: number;
  /** What it was granted, in ms: its own limit, or the rest of the limit it lies in. Absent when it never ran. */
  readonly grantedMs?: number;
  /** For `timeout`: whose limit was over. */
  readonly limitOf?: LimitOf;
  /** Why it failed or timed out: what was thrown. */
  readonly error?: unknown;
  /** Why it was skipped or cancelled, in words. */
  readonly reason?: string;
  readonly checks: readonly Check[];
  /** True when it was cut and still had not ended when the report was made: it ignores its signal. */
  readonly isAbandoned: boolean;
  /**
   * What became of the things that it had taken, where the start-up went on without it; absent when their release was not
   * over yet.
   */
  readonly released?: CloseReport;
  /** `file:line` of its declaration. */
  readonly declaredAt?: string;
}

export interface PhaseReport {
  readonly name: string;
  readonly durationMs: number;
  readonly timeoutMs: number;
  /** In the order of declaration. */
  readonly steps: readonly StepReport[];
}

/**
 * How a start-up went. `completed`: every step did, but for some whose failure is a warning. `degraded`: it runs with
 * less. `failed`: a blocking step did not complete; all was rolled back. `cancelled`: its scope closed meanwhile.
 *
 * Plain data; `console.log` prints it as `startupText` does.
 */
export interface StartupReport {
  readonly status: 'completed' | 'degraded' | 'failed' | 'cancelled';
  readonly policy: Policy;
  /** Until it was decided, without the rollback. */
  readonly durationMs: number;
  readonly timeoutMs: number;
  readonly phases: readonly PhaseReport[];
  /** The step that ended it, for `failed`. */
  readonly failed?: StepReport;
  /** What rolling back did; absent when everything stays. */
  readonly rollback?: CloseReport;
  readonly watchdog: WatchdogState;
}
