import { CallPlace, checkCallback, checkOptionNames, kindOf, plainText, WatertightError } from '../core/index.js';
import { Scope } from '../scope/index.js';
import type { Count } from './check.js';
import { orderSteps, type PlannedPhase, type PlannedStep } from './plan.js';
import { choosePolicy, type Policy } from './policy.js';
import type { Impact, StartupReport } from './report.js';
import { type RunSettings, StartupRun } from './startup-run.js';
import type { StepContext } from './step-run.js';
import type { WatchdogOptions } from './watchdog.js';

/** The four levels, each inside the one before, as a chat backend with 28 steps had them: 30, 20, 15 and 5 s. */
const TIMEOUT_MS = 30_000;
const CRITICAL_TIMEOUT_MS = 20_000;
const PHASE_TIMEOUT_MS = 15_000;
const STEP_TIMEOUT_MS = 5_000;
/** As long as a scope takes at most for closing. */
const ROLLBACK_TIMEOUT_MS = 10_000;
/** The longest that a timer of Node's can sleep. */
const LONGEST_MS = 2 ** 31 - 1;

/** What a start-up is made with; all times in ms, above 0 and up to 2³¹ − 1. */
export interface StartupOptions {
  /** Owns everything that the steps take. When it closes meanwhile, the start-up is cancelled. */
  readonly scope: Scope;
  /** Name of the start-up's own scope within it; `start-up` by default. */
  readonly name?: string;
  /** For the whole; 30,000 by default. */
  readonly timeoutMs?: number;
  /** For all blocking steps together, counted from the beginning of the start-up; 20,000 by default. */
  readonly criticalTimeoutMs?: number;
  /** For releasing everything after a failure, beyond the limits above; 10,000 by default. */
  readonly rollbackTimeoutMs?: number;
  /** What a failed step does to the start-up; by default what `WATERTIGHT_STARTUP` says, else `degrade`. */
  readonly policy?: Policy;
  /** Lets the policy `skip` pass with `NODE_ENV=production`. */
  readonly allowSkipInProduction?: boolean;
  /** `false` for no watch over the event loop. */
  readonly watchdog?: WatchdogOptions | false;
}

/** How one step is run. */
export interface StepOptions<Need extends string = string, Level extends Impact = Impact> {
  /** Longest time in ms; 5,000 by default. */
  readonly timeoutMs?: number;
  /** Steps of this or an earlier phase that have to be complete before; their values are in `results`. */
  readonly needs?: readonly Need[];
  /** What its failure means; `blocking` by default. */
  readonly impact?: Level;
}

/** All names, held against the types by the compiler. */
export const STARTUP_OPTION_NAMES: readonly string[] = Object.keys({
  scope: 0,
  name: 0,
  timeoutMs: 0,
  criticalTimeoutMs: 0,
  rollbackTimeoutMs: 0,
  policy: 0,
  allowSkipInProduction: 0,
  watchdog: 0,
} satisfies Record<keyof StartupOptions, 0>);
export const WATCHDOG_OPTION_NAMES: readonly string[] = Object.keys({
  graceMs: 0,
  exitCode: 0,
} satisfies Record<keyof WatchdogOptions, 0>);
export const PHASE_OPTION_NAMES = ['timeoutMs'] as const;
export const STEP_OPTION_NAMES: readonly string[] = Object.keys({
  timeoutMs: 0,
  needs: 0,
  impact: 0,
} satisfies Record<keyof StepOptions, 0>);

/** Values of the steps that are needed; of one that is declared later nothing is known. */
type Needed<Values, Need extends string> = {
  readonly [Name in Need]: Name extends keyof Values ? Values[Name] : unknown;
};
type Started<Values, Missing extends string> = Omit<Values, Missing> & Partial<Pick<Values, Missing & keyof Values>>;

/**
 * Brings a program up in phases of steps, within four limits that lie in one another: start-up ⊃ critical path (blocking
 * steps) ⊃ phase ⊃ step. A child never outlives what its parent has left. Steps of one phase run together as far as they do
 * not need each other. When a blocking step does not complete, everything taken is released, newest first.
 *
 * Owned by its `scope`, in which the things that steps take stay after success. Runs once.
 *
 * Cost: ≈ 20 µs a step; the watchdog is told at `Watchdog`.
 *
 * @example
 * await new Startup({ scope })
 *   .phase('dependencies')
 *   .step('database', {}, ({ scope, signal }) => scope.acquire('pool', () => connect({ signal }), (pool) => pool.end()))
 *   .phase('services')
 *   .step('http', { needs: ['database'] }, ({ scope, results }) => scope.server(serve(results.database).listen(3000)))
 *   .start();
 */
// biome-ignore lint/complexity/noBannedTypes: `{}` is the type without properties to which each step adds its own.
export class Startup<Values = {}, Missing extends string = never> {
  readonly #settings: RunSettings;
  readonly #phases: PlannedPhase[] = [];
  readonly #names = new Set<string>();
  readonly #results = new Map<string, unknown>();
  #run: Promise<StartupReport> | null = null;

  /**
   * @throws TypeError, RangeError for a wrong option
   * @throws WatertightError WT_STARTUP_UNKNOWN_POLICY, WT_STARTUP_SKIP_REFUSED
   */
  constructor(options: StartupOptions) {
    checkOptionNames('new Startup(options)', options, STARTUP_OPTION_NAMES);
    const { scope, name = 'start-up', watchdog = {} } = options;
    if (!(scope instanceof Scope))
      throw new TypeError(`new Startup({ scope }): scope must be a Scope, not ${kindOf(scope)}`);
    checkName('new Startup({ name })', name, false);
    this.#settings = {
      scope,
      name,
      timeoutMs: checkMs('new Startup({ timeoutMs })', options.timeoutMs ?? TIMEOUT_MS),
      criticalTimeoutMs: checkMs(
        'new Startup({ criticalTimeoutMs })',
        options.criticalTimeoutMs ?? CRITICAL_TIMEOUT_MS,
      ),
      rollbackTimeoutMs: checkMs(
        'new Startup({ rollbackTimeoutMs })',
        options.rollbackTimeoutMs ?? ROLLBACK_TIMEOUT_MS,
      ),
      policy: choosePolicy(options.policy, options.allowSkipInProduction === true, process.env),
      watchdog: watchdog === false ? false : checkWatchdog(watchdog),
    };
  }

  /**
   * Begins a phase: it runs when the one before is over. Steps declared from here on belong to it.
   *
   * @param options.timeoutMs for the phase; 15,000 by default
   * @throws TypeError, RangeError for a name that is taken or empty, a wrong time, or an option that there is not
   */
  phase(name: string, options: { readonly timeoutMs?: number } = {}): this {
    this.#checkOpen('phase');
    const isTaken = this.#phases.some((phase) => phase.name === name);
    checkName('phase(name)', name, isTaken);
    checkOptionNames(`phase '${shown(name)}'`, options, PHASE_OPTION_NAMES);
    const timeoutMs = checkMs(`phase '${shown(name)}': timeoutMs`, options.timeoutMs ?? PHASE_TIMEOUT_MS);
    this.#phases.push({ name, timeoutMs, steps: [] });
    return this;
  }

  /**
   * Adds a step to the phase begun last.
   *
   * @param name single among all steps
   * @param run does the work; what it returns is the step's result. It should take what must be released through its
   * `scope`, and pass its `signal` on to what it waits for
   * @param check counts what the step brought up: too few are reported, none at all fails a blocking step
   * @throws TypeError, RangeError for wrong arguments, and when no phase was begun
   */
  step<const Name extends string, Value, const Need extends string = never, const Level extends Impact = 'blocking'>(
    name: Name,
    options: StepOptions<Need, Level>,
    run: (context: StepContext<Needed<Values, Need>>) => Value,
    check?: (value: Awaited<Value>) => Count | readonly Count[],
  ): Startup<Values & Record<Name, Awaited<Value>>, 'blocking' extends Level ? Missing : Missing | Name> {
    this.#checkOpen('step');
    const phase = this.#phases.at(-1);
    if (!phase) throw new RangeError(`step('${shown(name)}'): a phase must be begun first, by phase(name)`);
    checkName('step(name)', name, this.#names.has(name));
    checkOptionNames(`step '${shown(name)}'`, options, STEP_OPTION_NAMES);
    if (typeof run !== 'function')
      throw new TypeError(`step '${shown(name)}': run must be a function, received ${typeof run}`);
    const { impact = 'blocking', needs = [], timeoutMs = STEP_TIMEOUT_MS } = options;
    if (!IMPACTS.includes(impact)) {
      throw new RangeError(
        `step '${shown(name)}': impact must be one of ${IMPACTS.join(', ')}, received ${String(impact)}`,
      );
    }
    checkNeeds(name, needs);
    checkCallback(`step '${shown(name)}'`, 'check', check);
    this.#names.add(name);
    phase.steps.push({
      path: `${phase.name}/${name}`,
      name,
      index: this.#names.size - 1,
      needs: [...needs],
      impact,
      timeoutMs: checkMs(`step '${shown(name)}': timeoutMs`, timeoutMs),
      check: check as PlannedStep['check'],
      run: run as PlannedStep['run'],
      place: new CallPlace(this.step),
    });
    return this as never;
  }

  /**
   * Runs it, once: every call gives the one report. Never rejects because of what a step does.
   *
   * Ends by the limit of the start-up, plus `rollbackTimeoutMs` where it had to be rolled back, on an event loop that turns;
   * where a step blocks it, the watchdog ends the process.
   *
   * @throws RangeError for needs that are no steps or go in a circle, before anything runs
   */
  async run(): Promise<StartupReport> {
    this.#run ??= this.#begin();
    return this.#run;
  }

  /**
   * Runs it and gives the values of the steps by name; those that may be missing are optional.
   *
   * @throws WatertightError WT_STARTUP_FAILED, WT_STARTUP_CANCELLED with the report in `details.report`, and in `cause` what
   * the step threw; RangeError as `run`
   */
  async start(): Promise<Started<Values, Missing>> {
    const report = await this.run();
    if (report.status === 'cancelled') throw cancelledError(report, this.#settings.scope);
    if (report.status === 'failed') throw failedError(report);
    return Object.fromEntries(this.#results) as Started<Values, Missing>;
  }

  async #begin(): Promise<StartupReport> {
    const order = orderSteps(this.#phases);
    return new StartupRun(this.#settings, this.#phases, order, this.#results).run();
  }

  #checkOpen(method: string): void {
    if (this.#run) throw new RangeError(`${method}(): steps must be declared before the start-up runs`);
  }
}

const IMPACTS: readonly string[] = ['blocking', 'degraded', 'warning'] satisfies Impact[];

function checkName(where: string, name: string, isTaken: boolean): void {
  if (typeof name !== 'string') throw new TypeError(`${where}: name must be a string, received ${typeof name}`);
  if (name === '') throw new RangeError(`${where}: name must not be empty`);
  if (isTaken) throw new RangeError(`${where}: name must be new, received '${shown(name)}' again`);
}

/** A text would be taken apart into its letters. */
function checkNeeds(step: string, needs: unknown): void {
  const isList = Array.isArray(needs);
  if (isList && needs.every((need) => typeof need === 'string')) return;
  const wrong: unknown = isList ? needs.find((need) => typeof need !== 'string') : needs;
  throw new TypeError(
    `step '${shown(step)}': needs must be an array of names of steps, not ${isList ? 'one with ' : ''}${kindOf(wrong)}`,
  );
}

function checkMs(where: string, ms: number): number {
  if (typeof ms === 'number' && ms > 0 && ms <= LONGEST_MS) return ms;
  throw new RangeError(`${where} must be a time in ms above 0 and up to ${LONGEST_MS}, received ${String(ms)}`);
}

function checkWatchdog(options: WatchdogOptions): WatchdogOptions {
  checkOptionNames('new Startup({ watchdog })', options, WATCHDOG_OPTION_NAMES);
  const { graceMs, exitCode } = options;
  if (graceMs !== undefined && !(typeof graceMs === 'number' && graceMs >= 50 && graceMs <= LONGEST_MS)) {
    throw new RangeError(
      `new Startup({ watchdog }): graceMs must be a time in ms from 50, received ${String(graceMs)}`,
    );
  }
  if (exitCode !== undefined && !(Number.isInteger(exitCode) && exitCode >= 1 && exitCode <= 255)) {
    throw new RangeError(
      `new Startup({ watchdog }): exitCode must be an integer from 1 to 255, received ${String(exitCode)}`,
    );
  }
  return options;
}

function failedError(report: StartupReport): WatertightError {
  const { failed } = report;
  const cause = failed?.error;
  const why = cause instanceof Error ? cause.message : (failed?.reason ?? String(cause));
  const message = `Cannot start as the step ${failed?.phase}/${failed?.name} did not complete: ${shown(why)}`;
  return new WatertightError('WT_STARTUP_FAILED', message, {
    hint: 'print startupText(error.details.report): it shows every step; what was taken has been rolled back',
    details: { report },
    cause,
  });
}

function cancelledError(report: StartupReport, scope: Scope): WatertightError {
  return new WatertightError('WT_STARTUP_CANCELLED', `Cannot start as the scope ${scope.path} closes`, {
    hint: 'the program was told to end while it started; what it had taken is released',
    details: { report },
  });
}

function shown(text: string): string {
  return plainText(String(text), 200);
}
