import { join } from 'node:path';
import { WatertightError } from '../core/index.js';
import { type Leak, RESOURCES, type Verdict } from '../leaks/index.js';
import { AgentGone, type AgentLink } from './agents.js';
import { type CloserLook, type JudgedFinding, lookCloser } from './closer-look.js';
import type { Driver } from './driver.js';
import { FirstLook, MAX_GROWTH_BYTES } from './first-look.js';
import { gaugeResults, type HeapGauge, type ResourceGauge } from './gauges.js';
import { answers, HttpDriver, type HttpLoad, TimeDriver, waitForServer } from './http-driver.js';
import { firstAgent, scenarioFile } from './launch.js';
import { Recorder } from './recorder.js';
import { nativeLeak, withoutConsequences } from './resource-leaks.js';
import type { GaugeResult, SoakResult } from './result.js';
import { ScenarioDriver } from './scenario-driver.js';
import { Target } from './target.js';
import { tellEnd } from './target-end.js';
import { Tracer } from './tracer.js';

export interface SoakOptions {
  /** A scenario file, or a command with the load that drives it. */
  readonly target:
    | { readonly scenario: string }
    | { readonly command: readonly string[]; readonly http: HttpLoad | null };
  /** Iterations of the first look; the closer look adds its windows. Default: as many as fit some 4 s. */
  readonly iterations?: number | undefined;
  /** Whole time, start-up included, milliseconds. */
  readonly budgetMs: number;
  /** Iterations before the first sample; `auto` drops the first third of the samples. */
  readonly warmup: 'auto' | number;
  /** How long the program must last: growth that stays below 1 GiB in this time is tolerated. Milliseconds. */
  readonly horizonMs?: number | undefined;
  readonly seed: number;
  readonly onProgress?: (state: SoakProgressState) => void;
  /** Ends the soak early; what was found so far is reported. */
  readonly signal?: AbortSignal | undefined;
}

export interface SoakProgressState {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly iterations: number;
  readonly detail?: string;
}

export interface SoakOutcome {
  readonly result: SoakResult;
  /** Why the soak could not be finished; the result then holds what was seen until then. */
  readonly failure: WatertightError | null;
}

/** Work of the first windows of the closer look. */
const WINDOW_MS = 500;
const SERVER_START_MS = 30_000;
/** Isolates that are looked at closely; each costs its own snapshots. */
const MAX_CLOSER_LOOKS = 3;
/** Time of a snapshot, in full collections (Node 20: 52 to 62, Node 24: 35 to 43, and reading it). */
const SNAPSHOT_PER_GC = 50;
/** Fewer iterations than this clear nobody: a leak of one in ten would leave a handful. */
const FEWEST_STEPS = 60;
/**
 * Runs a program, watches what it holds, and decides: leak, clean, or undecided.
 *
 * @throws WatertightError WT_SOAK_NO_SCENARIO, WT_SOAK_CANNOT_START, WT_SOAK_URL_TAKEN before anything ran. What goes
 * wrong later is the outcome's `failure`, beside the partial result.
 */
export async function soak(options: SoakOptions): Promise<SoakOutcome> {
  return new SoakRun(options).run();
}

class SoakRun {
  readonly #options: SoakOptions;
  readonly #startedAt = performance.now();
  readonly #notes: string[] = [];
  readonly #leaks: Leak[] = [];
  readonly #openQuestions: string[] = [];
  #target: Target | null = null;
  #driver: Driver | null = null;
  #recorder: Recorder | null = null;
  #main: AgentLink | null = null;
  #look: FirstLook | null = null;
  #tracer: Tracer | null = null;
  #resources: readonly ResourceGauge[] = [];
  #judgedHeap = new Map<string, Verdict>();
  /** Heaps that were to be looked into and could not be. */
  readonly #unseenHeaps = new Set<string>();
  #hasDecided = false;
  #isEnding = false;

  constructor(options: SoakOptions) {
    this.#options = options;
  }

  async run(): Promise<SoakOutcome> {
    let failure: WatertightError | null = null;
    const interrupt = this.#interruption();
    try {
      const work = this.#start().then(() => Promise.race([this.#soak(), this.#death()]));
      // The interruption may win the race; what the work then rejects with is no news.
      work.catch(() => {});
      await Promise.race([work, interrupt.promise]);
    } catch (error) {
      failure = await this.#explain(error);
      const isInterruption = failure.code === 'WT_SOAK_INTERRUPTED';
      if (!this.#target && !isInterruption) throw failure;
    } finally {
      this.#isEnding = true;
      interrupt.dispose();
      await this.#stop(failure);
    }
    if (failure?.code === 'WT_SOAK_INTERRUPTED') {
      this.#notes.unshift('stopped early by a signal; this is what was seen until then');
      failure = null;
    } else if (failure) this.#notes.unshift(failure.message);
    return { result: this.#result(failure), failure };
  }

  // --- phases ------------------------------------------------------------------------------------------------------

  async #start(): Promise<void> {
    const { target: what, budgetMs } = this.#options;
    const file = 'scenario' in what ? scenarioFile(what.scenario) : '';
    this.#progress('starting', 0, 1);
    if ('scenario' in what) {
      await this.#adopt(Target.startScenario(file));
      this.#main = await firstAgent(this.#target!, true);
      const driver = new ScenarioDriver(this.#main, Math.max(2_000, budgetMs));
      await Promise.race([driver.setup(), this.#death()]);
      this.#driver = driver;
    } else {
      await this.#startCommand(what.command, what.http);
    }
    this.#recorder = new Recorder(this.#target!, this.#main!);
  }

  /** Takes over a target; one that came up after the soak had ended is put down at once. */
  async #adopt(starting: Promise<Target>): Promise<Target> {
    const target = await starting;
    this.#target = target;
    if (this.#isEnding) {
      await target.stop(0);
      throw new AgentGone('');
    }
    return target;
  }

  async #startCommand(command: readonly string[], http: HttpLoad | null): Promise<void> {
    if (http && (await answers(http.url))) {
      throw new WatertightError(
        'WT_SOAK_URL_TAKEN',
        `Something answers at ${http.url} before the command was started`,
        {
          hint: 'stop it, or give the command another port: it would be soaked in place of your server',
        },
      );
    }
    const target = await this.#adopt(Target.startCommand(command));
    if (http) {
      await Promise.race([waitForServer(http.url, () => target.exit !== null, SERVER_START_MS), this.#death()]);
      this.#driver = new HttpDriver(http);
    } else this.#driver = new TimeDriver(target.exited);
    this.#main = await firstAgent(target, false);
  }

  async #soak(): Promise<void> {
    const { budgetMs, iterations, warmup, horizonMs, seed } = this.#options;
    this.#look = new FirstLook({
      driver: this.#driver!,
      recorder: this.#recorder!,
      main: this.#main!,
      budgetMs,
      budgetLeft: () => this.#budgetLeft(),
      iterations,
      warmup,
      horizonMs,
      seed,
      onProgress: (phase, done, total) => this.#progress(phase, done, total),
    });
    await this.#look.run();
    this.#notes.push(...this.#look.notes);
    this.#tracer = new Tracer({
      driver: this.#driver!,
      stepMs: this.#look.pace.stepMs,
      tempFolder: join(this.#target!.folder, 'tmp'),
      notes: this.#notes,
    });
    await this.#lookCloser(this.#look);
    await this.#look.settle(this.#unseenHeaps);
    this.#resources = this.#look.resources;
    this.#concludeUnseen(this.#look);
    await this.#traceResources(this.#look);
    this.#noteSilent();
    this.#hasDecided = true;
    if (this.#driver instanceof ScenarioDriver) await this.#driver.teardown();
  }

  #noteSilent(): void {
    const { silent } = this.#recorder!;
    if (silent.size === 0) return;
    this.#notes.push(`${silent.size} worker or child did not answer (its loop is blocked): its heap was not watched`);
  }

  async #lookCloser(first: FirstLook): Promise<void> {
    const isFilling = first.hasGrowingContainer();
    const samples = first.moments.length;
    // A worker that was born during the look is still warming up.
    const isDoubtful = ({ key, trend, series }: HeapGauge): boolean =>
      series.length > samples / 2 && (trend.shape !== 'level' || (isFilling && key === this.#main!.key));
    const growing = first.heap
      .filter(isDoubtful)
      .sort((a, b) => b.trend.perIteration - a.trend.perIteration)
      .slice(0, MAX_CLOSER_LOOKS);
    for (const [i, gauge] of growing.entries()) {
      const link = this.#target!.links.find(({ key }) => key === gauge.key);
      if (!link) continue;
      const look = await this.#lookInto(first, link, gauge, growing.length - i);
      this.#notes.push(...look.notes);
      await this.#conclude(link, gauge, look);
    }
    for (const gauge of first.heap) if (!isDoubtful(gauge)) this.#judgedHeap.set(gauge.key, 'clean');
  }

  #lookInto(first: FirstLook, link: AgentLink, gauge: HeapGauge, looksLeft: number): Promise<CloserLook> {
    const { stepMs, gcMs } = first.pace;
    // A sample collects twice.
    const snapshotMs = (gcMs / 2) * SNAPSHOT_PER_GC;
    const deadlineMs = (0.9 * this.#budgetLeft()) / looksLeft;
    const wanted = Math.max(1, WINDOW_MS / Math.max(stepMs, 1e-6));
    const bearable = MAX_GROWTH_BYTES / 8 / Math.max(1, gauge.trend.perIteration);
    const reserve = Math.min(5_000, this.#options.budgetMs / 10);
    return lookCloser({
      link,
      driver: this.#driver!,
      folder: this.#target!.folder,
      windowSteps: Math.max(1, Math.round(Math.min(wanted, bearable))),
      stepMs,
      tolerance: first.tolerance,
      suspectedBytes: Math.max(1, gauge.trend.perIteration),
      deadline: performance.now() + Math.max(0, (this.#budgetLeft() - reserve) / looksLeft),
      snapshots: 5 * (snapshotMs + WINDOW_MS) < deadlineMs ? 'each' : 'last',
      expectedSnapshotMs: snapshotMs,
      onWindow: async (window, atMost) => {
        this.#progress('looking closer', window, atMost, gauge.title);
        await this.#recorder!.sample(this.#driver!.total);
      },
    });
  }

  async #conclude(link: AgentLink, gauge: HeapGauge, look: CloserLook): Promise<void> {
    const proven = look.findings.filter(({ verdict }) => verdict === 'leak');
    this.#noteOpen(look, gauge);
    // Lengths of containers prove growth, but their standing still proves nothing about other objects.
    const unfinished = look.windows < 4 || !(look.hasCohorts || this.#isNegligible(gauge));
    const open = unfinished || look.findings.some(isOpen);
    this.#judgedHeap.set(gauge.key, proven.length > 0 ? 'leak' : open ? 'undecided' : 'clean');
    if (unfinished && proven.length === 0) this.#unseenHeaps.add(gauge.key);
    if (proven.length === 0) {
      if (!open && look.hasCohorts) {
        this.#notes.push(
          `${gauge.title}: looked inside over ${look.windows} windows; no kind of object was kept at an even rate (a leak of one object in ${Math.max(1, Math.floor(look.steps / 12))} ${this.#driver!.unit}s would have shown)`,
        );
      }
      return;
    }
    this.#progress('tracing', 0, 1, gauge.title);
    this.#leaks.push(...(await this.#tracer!.heapLeaks(link, look, proven)));
  }

  /** Where the budget allowed no snapshots, more samples may still show that a heap is level. */
  #concludeUnseen(look: FirstLook): void {
    for (const { key, title, trend } of look.heap) {
      if (!this.#unseenHeaps.has(key)) continue;
      if (trend.shape === 'level' && !look.hasGrowingContainer()) this.#judgedHeap.set(key, 'clean');
      else this.#openQuestions.push(`${title}: grew, and the budget was too short for heap snapshots of its size`);
    }
  }

  /** Growth that its gauge bounds well enough, where no snapshot could be afforded. */
  #isNegligible({ trend }: HeapGauge): boolean {
    return trend.ci[1] < 10 * this.#look!.tolerance;
  }

  #noteOpen(look: CloserLook, gauge: HeapGauge): void {
    for (const finding of look.findings) {
      const what = `${gauge.title}: ${finding.className} grows by ${short(finding.growth.perIteration)} each ${this.#driver!.unit}`;
      const bound = finding.bounds[0];
      if (finding.verdict === 'saturating' && finding.growth.isFalling) {
        this.#notes.push(`${what}, slower and slower: it looks like a cache that fills`);
      } else if (finding.verdict === 'saturating') {
        this.#openQuestions.push(`${what}, more slowly than at first but without coming to rest`);
      } else if (finding.verdict === 'bounded' && bound) {
        const text = `${what}, but says itself where that ends (${bound.name} = ${bound.value}); it was not reached in this run`;
        this.#openQuestions.push(text);
      } else if (finding.verdict === 'unclear')
        this.#openQuestions.push(`${what}, not evenly enough to call it a leak yet`);
    }
  }

  async #traceResources({ native }: FirstLook): Promise<void> {
    for (const gauge of withoutConsequences(this.#resources)) {
      const link = this.#target!.links.find(({ hello, isMainThread }) => hello.pid === gauge.pid && isMainThread);
      this.#progress('tracing', 0, 1, RESOURCES.find(({ key }) => key === gauge.key)!.name);
      this.#leaks.unshift(await this.#tracer!.resourceLeak(gauge, link ?? null, this.#leaks));
    }
    if (this.#leaks.length === 0 && this.#openQuestions.length > 0) {
      const leak = await this.#tracer!.timerLeak(this.#main!, this.#recorder!.moments, this.#options.budgetMs);
      if (leak) this.#leaks.push(leak);
    }
    for (const { growth, key } of this.#resources) {
      if (growth.verdict === 'unclear' && growth.newest.length >= 3) {
        const { name } = RESOURCES.find((resource) => resource.key === key)!;
        this.#openQuestions.push(`${name} grew by ${growth.newest.length}, not evenly enough to call it a leak yet`);
      }
    }
    if (native?.verdict === 'leak' && this.#leaks.length === 0) this.#leaks.push(nativeLeak(native));
    else if (native?.verdict === 'undecided' && this.#leaks.length === 0) {
      this.#notes.push(
        'resident memory outside the heap still grew at the end; allocators keep what they once took, so this alone decides nothing',
      );
    }
  }

  // --- time and the end --------------------------------------------------------------------------------------------

  #budgetLeft(): number {
    return this.#options.budgetMs - (performance.now() - this.#startedAt);
  }

  #progress(phase: string, done: number, total: number, detail?: string): void {
    const iterations = this.#driver?.total ?? 0;
    this.#options.onProgress?.({ phase, done, total, iterations, ...(detail === undefined ? {} : { detail }) });
  }

  /** Rejects when the observed program ends on its own. */
  async #death(): Promise<never> {
    await this.#target!.exited;
    if (this.#hasDecided || (this.#driver instanceof TimeDriver && this.#target!.exit?.code === 0)) {
      return new Promise(() => {});
    }
    throw new AgentGone('');
  }

  #interruption(): { promise: Promise<never>; dispose: () => void } {
    const { signal } = this.#options;
    let listener: () => void = () => {};
    const promise = new Promise<never>((_, reject) => {
      listener = () => reject(new WatertightError('WT_SOAK_INTERRUPTED', 'The soak was stopped by a signal'));
      if (signal?.aborted) listener();
      else signal?.addEventListener('abort', listener, { once: true });
    });
    promise.catch(() => {});
    return { promise, dispose: () => signal?.removeEventListener('abort', listener) };
  }

  /** Turns whatever stopped the run into an error that says what happened to the program. */
  async #explain(error: unknown): Promise<WatertightError> {
    const target = this.#target;
    if (error instanceof AgentGone && target) {
      await Promise.race([target.exited, new Promise((resolve) => setTimeout(resolve, 2_000).unref())]);
      return tellEnd(target, this.#driver?.total ?? 0, this.#main?.at ?? -1);
    }
    if (error instanceof WatertightError) return error;
    return new WatertightError(
      'WT_SOAK_FAILED',
      `The soak failed: ${error instanceof Error ? error.message : String(error)}`,
      { hint: 'this is a defect of watertight; its --json result holds what was seen until then', cause: error },
    );
  }

  async #stop(failure: WatertightError | null): Promise<void> {
    this.#driver?.stop();
    if (failure) this.#look?.judge();
    await this.#target?.stop(failure ? 500 : 3_000);
  }

  #result(failure: WatertightError | null): SoakResult {
    const { target } = this.#options;
    const verdict = this.#verdict(failure);
    if (verdict === 'undecided') this.#notes.push(...this.#openQuestions);
    const gauges = this.#gaugeResults();
    if (verdict !== 'leak') this.#noteSmallest(gauges);
    return {
      schema: 1,
      target: 'scenario' in target ? target.scenario : target.command.join(' '),
      verdict,
      iterations: Math.round(this.#driver?.total ?? 0),
      durationMs: Math.round(performance.now() - this.#startedAt),
      gauges,
      leaks: this.#leaks,
      notes: this.#notes,
    };
  }

  #verdict(failure: WatertightError | null): Verdict {
    if (this.#leaks.length > 0) return 'leak';
    if (failure || !this.#hasDecided || this.#openQuestions.length > 0) return 'undecided';
    if (this.#look!.heap.length === 0) {
      this.#openQuestions.push('too few samples for any verdict');
      return 'undecided';
    }
    const { unit, total } = this.#driver!;
    if (unit !== 'second' && total < FEWEST_STEPS) {
      this.#openQuestions.push(`only ${Math.round(total)} ${unit}s fit into the budget; nothing is clean after so few`);
      return 'undecided';
    }
    return [...this.#judgedHeap.values()].every((verdict) => verdict === 'clean') ? 'clean' : 'undecided';
  }

  #noteSmallest(gauges: readonly GaugeResult[]): void {
    const heap = gauges.find(({ name }) => name.startsWith('heap'));
    if (heap && heap.smallestDetectable > 0) {
      this.#notes.push(
        `growth below ${short(heap.smallestDetectable)} bytes each ${this.#driver!.unit} would not have been seen`,
      );
    }
  }

  #gaugeResults(): GaugeResult[] {
    if (!this.#look || !this.#main) return [];
    const { moments, heap, tolerance } = this.#look;
    const resources = this.#resources.length > 0 ? this.#resources : this.#look.resources;
    return gaugeResults(this.#main, moments, {
      heap,
      resources,
      verdicts: this.#judgedHeap,
      tolerance,
      seed: this.#options.seed,
    });
  }
}

const isOpen = ({ verdict, growth }: JudgedFinding): boolean =>
  verdict === 'unclear' || verdict === 'bounded' || (verdict === 'saturating' && !growth.isFalling);

const short = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(2));
