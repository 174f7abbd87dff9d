import { monotonicMs, WatertightError } from '../core/index.js';
import type { CloseReport, Scope } from '../scope/index.js';
import type { Budget } from './budget.js';
import { type Check, judgeCounts } from './check.js';
import type { PlannedStep } from './plan.js';
import type { Policy } from './policy.js';
import type { StepReport, StepStatus } from './report.js';
import type { Watchdog } from './watchdog.js';

/** What a step is given. */
export interface StepContext<Results> {
  /** Owns what the step takes: released when the step fails, and with the start-up's scope when it succeeds. */
  readonly scope: Scope;
  /** Aborts when the step is out of time, or the start-up ends without it. */
  readonly signal: AbortSignal;
  /** `performance.now()` in ms by which the step has to be done. */
  readonly deadlineAt: number;
  /** What the steps named by `needs` returned. */
  readonly results: Results;
  /**
   * For a step that makes progress: it may go on for `ms` from now, as far as its phase and the start-up have time left.
   * Never shortens. @returns the new `deadlineAt`. @throws RangeError unless `ms` is a finite number above 0
   */
  extend(ms: number): number;
}

type Outcome = Exclude<StepStatus, 'skipped'>;

/** One step while it runs: its budget, its scope, its signal, and its one outcome. */
export class StepRun {
  readonly step: PlannedStep;
  readonly scope: Scope;
  /** Resolves with the outcome. */
  readonly ended: Promise<Outcome>;
  readonly startedAt = monotonicMs();
  value: unknown;
  #outcome: Outcome | null = null;
  #error: unknown;
  /** What its signal says; undefined while it may go on, and for good when it completed. */
  #stopReason: unknown;
  #reason: string | undefined;
  #checks: readonly Check[] = [];
  #endedAt = 0;
  #limitOf: StepReport['limitOf'];
  #hasReturned = false;
  #released: CloseReport | undefined;
  #releasing: Promise<void> | null = null;
  #controller: AbortController | null = null;
  #timer: NodeJS.Timeout | undefined;
  #resolve!: (outcome: Outcome) => void;
  readonly #budget: Budget;
  readonly #policy: Policy;
  readonly #isVital: boolean;
  readonly #rollbackTimeoutMs: number;
  readonly #watchdog: Watchdog | null;

  constructor(
    step: PlannedStep,
    scope: Scope,
    budget: Budget,
    settings: { readonly policy: Policy; readonly isVital: boolean; readonly rollbackTimeoutMs: number },
    watchdog: Watchdog | null,
  ) {
    this.step = step;
    this.scope = scope;
    this.#budget = budget;
    this.#policy = settings.policy;
    this.#isVital = settings.isVital;
    this.#rollbackTimeoutMs = settings.rollbackTimeoutMs;
    this.#watchdog = watchdog;
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  start(results: object): void {
    const { step } = this;
    this.#watchdog?.begin(step.index, this.#budget.endsAt);
    this.#arm();
    const context = this.#context(results) as StepContext<never>;
    const returned = this.#watched(async () => step.run(context));
    returned.then(
      (value) => this.#returned(value),
      (error) => this.#threw(error),
    );
  }

  /** Ends it without its consent: its signal aborts, what it still does is nobody's. */
  cut(outcome: 'timeout' | 'cancelled', error: WatertightError): void {
    if (this.#outcome !== null) return;
    if (outcome === 'cancelled') this.#reason = error.message;
    else this.#error = error;
    this.#end(outcome, error);
  }

  /** Settles when all that the step had taken is released, where the start-up goes on without it. */
  get releasing(): Promise<void> | null {
    return this.#releasing;
  }

  report(phase: string, begunAt: number): StepReport {
    const { step, startedAt } = this;
    const declaredAt = step.place.text;
    return {
      phase,
      name: step.name,
      status: this.#outcome ?? 'cancelled',
      impact: step.impact,
      startedAfterMs: startedAt - begunAt,
      durationMs: this.#endedAt - startedAt,
      grantedMs: this.#budget.grantedMs,
      ...(this.#limitOf === undefined ? {} : { limitOf: this.#limitOf }),
      ...(this.#error === undefined ? {} : { error: this.#error }),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      checks: this.#checks,
      isAbandoned: !this.#hasReturned,
      ...(this.#released === undefined ? {} : { released: this.#released }),
      ...(declaredAt === undefined ? {} : { declaredAt }),
    };
  }

  #context(results: object): StepContext<object> {
    const own = this;
    return {
      scope: this.scope,
      results,
      get signal() {
        return own.#signal();
      },
      get deadlineAt() {
        return own.#budget.endsAt;
      },
      extend: (ms) => this.#extend(ms),
    };
  }

  /** Made when first asked for: it costs 2 µs on Node 20, and most steps do not look. */
  #signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#stopReason !== undefined) this.#controller.abort(this.#stopReason);
    }
    return this.#controller.signal;
  }

  #extend(ms: number): number {
    if (!(Number.isFinite(ms) && ms > 0))
      throw new RangeError(`extend(ms): ms must be a number above 0, received ${ms}`);
    if (this.#outcome === null) {
      this.#budget.extend(ms, monotonicMs());
      // The timer looks again at the deadline when it fires.
      this.#watchdog?.begin(this.step.index, this.#budget.endsAt);
    }
    return this.#budget.endsAt;
  }

  /** A timer may fire a fraction of a millisecond early, or the step has got more time: then it is set once more. */
  #arm(): void {
    const restMs = this.#budget.endsAt - monotonicMs();
    this.#timer = setTimeout(() => (this.#isOver() ? this.#timeOut() : this.#arm()), Math.max(1, Math.ceil(restMs)));
  }

  #isOver(): boolean {
    return monotonicMs() >= this.#budget.endsAt;
  }

  #timeOut(): void {
    this.#limitOf = this.#budget.decider.of;
    this.cut('timeout', timeoutError(this.step, this.#budget));
  }

  #returned(value: unknown): void {
    this.#hasReturned = true;
    if (this.#outcome !== null) return;
    // It kept the event loop from its timer, and came too late all the same.
    if (this.#isOver()) {
      this.#timeOut();
      return;
    }
    try {
      this.#accept(value);
    } catch (error) {
      this.#fail(error);
    }
  }

  #accept(value: unknown): void {
    this.#checks = this.#judge(value);
    const low = this.#policy === 'skip' ? undefined : this.#checks.find((check) => this.#isTooLow(check));
    if (low) throw countError(this.step, low);
    this.value = value;
    this.#end('completed');
  }

  #threw(error: unknown): void {
    this.#hasReturned = true;
    if (this.#outcome === null) this.#fail(error);
  }

  #fail(error: unknown): void {
    this.#error = error ?? new Error(`The step ${this.step.path} threw ${String(error)}`);
    this.#end('failed', this.#error);
  }

  #judge(value: unknown): Check[] {
    const counts = this.step.check?.(value as never);
    if (counts === undefined) return [];
    return judgeCounts(Array.isArray(counts) ? counts : [counts], this.step.impact === 'blocking');
  }

  #isTooLow({ status }: Check): boolean {
    return status === 'critical' || (status === 'warning' && this.#policy === 'strict');
  }

  /** A release can block the event loop as well as a step can. */
  async #release(): Promise<void> {
    const timeoutMs = this.#rollbackTimeoutMs;
    this.#watchdog?.begin(this.step.index, monotonicMs() + timeoutMs);
    this.#released = await this.#watched(() => this.scope.close({ timeoutMs }));
    this.#watchdog?.end(this.step.index);
  }

  #watched<T>(work: () => T): T {
    return this.#watchdog ? this.#watchdog.run(this.step.index, work) : work();
  }

  #end(outcome: Outcome, stopReason?: unknown): void {
    this.#outcome = outcome;
    this.#endedAt = monotonicMs();
    clearTimeout(this.#timer);
    this.#watchdog?.end(this.step.index);
    if (outcome !== 'completed') {
      // What goes on beside the step hears of its end before its things are taken away.
      this.#stopReason = stopReason;
      this.#controller?.abort(stopReason);
    }
    // Where it ends the start-up, all scopes are closed by their common owner, newest first.
    if ((outcome === 'failed' || outcome === 'timeout') && !this.#isVital) this.#releasing = this.#release();
    this.#resolve(outcome);
  }
}

function timeoutError(step: PlannedStep, budget: Budget): WatertightError {
  const { decider } = budget;
  const grantedMs = Math.round(budget.grantedMs);
  const within =
    decider === budget
      ? `${grantedMs} ms, its own limit`
      : `${grantedMs} ms, what the ${decider.of} had left of ${decider.timeoutMs} ms`;
  return new WatertightError('WT_STARTUP_STEP_TIMEOUT', `Cannot finish the step ${step.path} within ${within}`, {
    hint: 'give the step more time by timeoutMs, or let it call extend(ms) while it makes progress',
    details: { step: step.path, limitOf: decider.of, grantedMs },
  });
}

function countError(step: PlannedStep, { name, expected, actual }: Check): WatertightError {
  const message = `Cannot accept the step ${step.path} as there are ${actual} of at least ${expected} ${name}`;
  return new WatertightError('WT_STARTUP_COUNT_TOO_LOW', message, {
    hint: 'see why the step brought up fewer, or lower what its check expects',
    details: { step: step.path, name, expected, actual },
  });
}
