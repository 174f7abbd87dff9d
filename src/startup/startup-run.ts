import { monotonicMs, settleBy, WatertightError } from '../core/index.js';
import type { CloseReport, Scope } from '../scope/index.js';
import { Budget } from './budget.js';
import type { PlannedPhase, PlannedStep } from './plan.js';
import type { Policy } from './policy.js';
import type { PhaseReport, StartupReport, StepReport } from './report.js';
import { printedAsTree } from './startup-text.js';
import { StepRun } from './step-run.js';
import { Watchdog, type WatchdogOptions } from './watchdog.js';

/** What failed steps had taken is released while the others go on; the report waits for it, but no longer than this. */
const RELEASE_WAIT_MS = 1_000;

/** What a start-up runs with. */
export interface RunSettings {
  readonly name: string;
  readonly scope: Scope;
  readonly timeoutMs: number;
  readonly criticalTimeoutMs: number;
  readonly rollbackTimeoutMs: number;
  readonly policy: Policy;
  readonly watchdog: WatchdogOptions | false;
}

/**
 * One run, in four parts: phases one after another, each with its steps along `needs`; the wait for what failed steps let
 * go of; the rollback, when it failed; the end of the watchdog. Stops in between by one of two reasons: a step that ends
 * the start-up, or the scope that closes.
 */
export class StartupRun {
  readonly #settings: RunSettings;
  readonly #phases: readonly PlannedPhase[];
  readonly #order: readonly PlannedStep[][];
  readonly #begunAt = monotonicMs();
  readonly #whole: Budget;
  readonly #critical: Budget;
  readonly #watchdog: Watchdog | null;
  readonly #results: Map<string, unknown>;
  readonly #runs = new Map<PlannedStep, StepRun>();
  readonly #skips = new Map<PlannedStep, string>();
  readonly #phaseTimes = new Map<PlannedPhase, { begunAt: number; endedAt: number }>();
  #failedStep: PlannedStep | null = null;
  #isCancelled = false;

  /** @param order steps of each phase, needs first */
  constructor(
    settings: RunSettings,
    phases: readonly PlannedPhase[],
    order: readonly PlannedStep[][],
    results: Map<string, unknown>,
  ) {
    this.#settings = settings;
    this.#phases = phases;
    this.#order = order;
    this.#results = results;
    this.#whole = new Budget('start-up', settings.timeoutMs, this.#begunAt);
    this.#critical = new Budget('critical path', settings.criticalTimeoutMs, this.#begunAt, this.#whole);
    const names = phases.flatMap(({ steps }) => steps.map(({ path }) => `step ${path}`));
    const isWatched = settings.watchdog !== false && !settings.scope.isClosed;
    this.#watchdog = isWatched ? new Watchdog([...names, 'rollback of the start-up'], settings.watchdog || {}) : null;
  }

  async run(): Promise<StartupReport> {
    try {
      return await this.#run();
    } finally {
      await this.#watchdog?.close();
    }
  }

  async #run(): Promise<StartupReport> {
    const { scope, name } = this.#settings;
    if (scope.isClosed) {
      this.#cancel();
      return this.#report(monotonicMs());
    }
    const own = scope.child(name);
    const cancel = () => this.#cancel();
    // Draining comes first when a scope closes: steps are told before anything is taken away.
    const held = own.hold('steps', undefined, cancel, { drain: cancel });
    for (const [at, phase] of this.#phases.entries()) await this.#runPhase(phase, this.#order[at]!, own);
    const endedAt = monotonicMs();
    if (this.#isCancelled) return this.#report(endedAt, await this.#rollBack(own));
    held.detach();
    if (this.#failedStep) return this.#report(endedAt, await this.#rollBack(own));
    await this.#releases(endedAt);
    return this.#report(endedAt);
  }

  async #runPhase(phase: PlannedPhase, order: readonly PlannedStep[], own: Scope): Promise<void> {
    const begunAt = monotonicMs();
    const budget = new Budget('phase', phase.timeoutMs, begunAt, this.#whole);
    const scope = this.#isStopped ? null : own.child(phase.name);
    const ends = new Map<string, Promise<void>>();
    for (const step of order)
      ends.set(
        step.name,
        this.#runStep(
          step,
          step.needs.map((need) => ends.get(need)),
          budget,
          scope,
        ),
      );
    await Promise.all(ends.values());
    this.#phaseTimes.set(phase, { begunAt, endedAt: monotonicMs() });
  }

  async #runStep(
    step: PlannedStep,
    needs: readonly (Promise<void> | undefined)[],
    phase: Budget,
    scope: Scope | null,
  ): Promise<void> {
    await Promise.all(needs);
    const parents = step.impact === 'blocking' ? [phase, this.#critical] : [phase];
    const budget = new Budget('step', step.timeoutMs, monotonicMs(), ...parents);
    const reason = this.#reasonToSkip(step, budget);
    if (reason !== null || scope === null) {
      this.#skip(step, reason ?? 'the start-up had ended');
      return;
    }
    const settings = { ...this.#settings, isVital: this.#isVital(step) };
    const run = new StepRun(step, scope.child(step.name), budget, settings, this.#watchdog);
    this.#runs.set(step, run);
    run.start(this.#resultsFor(step));
    const outcome = await run.ended;
    if (outcome === 'completed') this.#results.set(step.name, run.value);
    else this.#lose(step);
  }

  #reasonToSkip(step: PlannedStep, budget: Budget): string | null {
    if (this.#isCancelled) return 'the scope closes';
    if (this.#failedStep) return `the step ${this.#failedStep.path} ended the start-up`;
    const missing = step.needs.find((need) => !this.#results.has(need));
    if (missing !== undefined) return `it needs ${missing}, which did not complete`;
    return budget.grantedMs > 0 ? null : `the ${budget.decider.of} had nothing left of ${budget.decider.timeoutMs} ms`;
  }

  #skip(step: PlannedStep, reason: string): void {
    this.#skips.set(step, reason);
    this.#lose(step);
  }

  /** A step is missing: does that end the start-up? */
  #lose(step: PlannedStep): void {
    if (!this.#isVital(step) || this.#isStopped) return;
    this.#failedStep = step;
    const message = `Cannot go on as the step ${step.path} ended the start-up`;
    this.#cutAll(new WatertightError('WT_STARTUP_CANCELLED', message, { hint: 'see the report of that step' }));
  }

  #isVital({ impact }: PlannedStep): boolean {
    const { policy } = this.#settings;
    return policy === 'strict' || (policy === 'degrade' && impact === 'blocking');
  }

  #cancel(): void {
    if (this.#isStopped) return;
    this.#isCancelled = true;
    const message = `Cannot go on as the scope ${this.#settings.scope.path} closes`;
    this.#cutAll(
      new WatertightError('WT_STARTUP_CANCELLED', message, { hint: 'the program was told to end while it started' }),
    );
  }

  #cutAll(error: WatertightError): void {
    for (const run of this.#runs.values()) run.cut('cancelled', error);
  }

  get #isStopped(): boolean {
    return this.#isCancelled || this.#failedStep !== null;
  }

  /** Closing the one scope that holds all scopes of steps: newest first, dependents before what they need. */
  async #rollBack(own: Scope): Promise<CloseReport> {
    const { rollbackTimeoutMs } = this.#settings;
    const rollback = this.#phases.reduce((count, { steps }) => count + steps.length, 0);
    this.#watchdog?.begin(rollback, monotonicMs() + rollbackTimeoutMs);
    const close = () => own.close({ timeoutMs: rollbackTimeoutMs });
    const report = await (this.#watchdog ? this.#watchdog.run(rollback, close) : close());
    this.#watchdog?.end(rollback);
    return report;
  }

  async #releases(now: number): Promise<void> {
    const releasing = [...this.#runs.values()].map((run) => run.releasing).filter((promise) => promise !== null);
    if (releasing.length === 0) return;
    await settleBy(Promise.all(releasing), Math.min(now + RELEASE_WAIT_MS, this.#whole.endsAt));
  }

  #resultsFor(step: PlannedStep): object {
    return Object.fromEntries(step.needs.map((need) => [need, this.#results.get(need)]));
  }

  #report(endedAt: number, rollback?: CloseReport): StartupReport {
    const { policy, timeoutMs } = this.#settings;
    const phases = this.#phases.map((phase) => this.#phaseReport(phase));
    const steps = phases.flatMap((phase) => phase.steps);
    const failed = steps.find(({ phase, name }) => `${phase}/${name}` === this.#failedStep?.path);
    return printedAsTree({
      status: this.#statusOf(steps),
      policy,
      durationMs: endedAt - this.#begunAt,
      timeoutMs,
      phases,
      ...(failed === undefined ? {} : { failed }),
      ...(rollback === undefined ? {} : { rollback }),
      watchdog: this.#watchdog?.state ?? 'off',
    });
  }

  #statusOf(steps: readonly StepReport[]): StartupReport['status'] {
    if (this.#isCancelled) return 'cancelled';
    if (this.#failedStep) return 'failed';
    return steps.some(({ status, impact }) => status !== 'completed' && impact !== 'warning')
      ? 'degraded'
      : 'completed';
  }

  #phaseReport(phase: PlannedPhase): PhaseReport {
    const { begunAt, endedAt } = this.#phaseTimes.get(phase) ?? { begunAt: 0, endedAt: 0 };
    const steps = phase.steps.map((step) => this.#stepReport(phase, step));
    return { name: phase.name, durationMs: endedAt - begunAt, timeoutMs: phase.timeoutMs, steps };
  }

  #stepReport(phase: PlannedPhase, step: PlannedStep): StepReport {
    const run = this.#runs.get(step);
    if (run) return run.report(phase.name, this.#begunAt);
    const { name, impact, place } = step;
    const reason = this.#skips.get(step) ?? 'the scope was closed';
    const declaredAt = place.text;
    return {
      phase: phase.name,
      name,
      status: 'skipped',
      impact,
      durationMs: 0,
      reason,
      checks: [],
      isAbandoned: false,
      ...(declaredAt === undefined ? {} : { declaredAt }),
    };
  }
}
