import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WatertightError } from '../core/index.js';
import {
  additions,
  judgeCounts,
  judgeGrowth,
  type Leak,
  type Point,
  RESOURCES,
  trendOf,
  type Verdict,
} from '../leaks/index.js';
import { AgentGone, type AgentLink } from './agents.js';
import { frameText, heapLeak, interrogate, NO_WITNESSES, resourceStack, sourceOf, type Witnesses } from './causes.js';
import { type CloserLook, type JudgedFinding, lookCloser } from './closer-look.js';
import type { Driver } from './driver.js';
import {
  type HeapGauge,
  heapGauges,
  nativeSeries,
  type ResourceGauge,
  resourceGauges,
  resourceResult,
  seriesOf,
  trendResult,
} from './gauges.js';
import { answers, HttpDriver, type HttpLoad, TimeDriver, waitForServer } from './http-driver.js';
import { judgeNative, type NativeGrowth } from './native.js';
import { findPace, heapBytes, type Pace } from './pace.js';
import { adviceFor } from './patterns.js';
import { Recorder } from './recorder.js';
import type { GaugeResult, SoakResult } from './result.js';
import { ScenarioDriver } from './scenario-driver.js';
import { SourceLines } from './source-lines.js';
import { Target } from './target.js';
import { tellEnd } from './target-end.js';

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

/** Samples of the first look. */
const SAMPLES = 48;
/** A sample's work takes at least so many times its collections, which keeps their share small. */
const WORK_PER_GC = 5;
const SAMPLE_MS = { least: 60, most: 1_000 };
/** Growth of the heap during the first look is kept below this. */
const MAX_GROWTH_BYTES = 12 * 2 ** 20;
/** Work of the first windows of the closer look. */
const WINDOW_MS = 500;
/** Growth below one byte an iteration is beyond what anyone tracks down. */
const LEAST_TOLERANCE = 1;
const HORIZON_BYTES = 2 ** 30;
const DEFAULT_HORIZON_MS = 30 * 24 * 3600 * 1000;
const COMMAND_MS = 30_000;
/** Listing all containers walks the heap three times. */
const WATCH_MS = 120_000;
/** Windows over which their lengths are compared. */
const CONTAINER_WINDOWS = 6;
const AGENT_START_MS = 20_000;
const SERVER_START_MS = 30_000;
/** Isolates that are looked at closely; each costs its own snapshots. */
const MAX_CLOSER_LOOKS = 3;
/** Time of a snapshot, in full collections (Node 20: 52 to 62, Node 24: 35 to 43, and reading it). */
const SNAPSHOT_PER_GC = 50;
/** Share of the budget that collections of the first look may take. */
const GC_SHARE = 0.2;
const FEWEST_SAMPLES = 20;
/** Fewer iterations than this clear nobody: a leak of one in ten would leave a handful. */
const FEWEST_STEPS = 60;
/** The share of the heap limit from which on a process may die any moment. */
const NEAR_LIMIT = 0.5;

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
  #pace: Pace = { stepMs: 1, gcMs: 10, growthBytes: 0 };
  #heap: HeapGauge[] = [];
  #resources: ResourceGauge[] = [];
  #native: NativeGrowth | null = null;
  #judgedHeap = new Map<string, Verdict>();
  #firstLookEnd = 0;
  #hasDecided = false;
  #isEnding = false;
  /** Sizes of grown containers of the main isolate, by their index. */
  readonly #containers: { at: number; sizes: ReadonlyMap<number, number> }[] = [];
  readonly #firstSizes = new Map<number, number>();

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
      if (!this.#recorder && !isInterruption) throw failure;
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
      this.#main = await this.#firstAgent(true);
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
    this.#main = await this.#firstAgent(false);
  }

  /** The isolate in the foreground: the host of a scenario, else the main thread that started last (npm starts node). */
  async #firstAgent(isHost: boolean): Promise<AgentLink> {
    const target = this.#target!;
    const timeout = new Promise<never>((_, reject) => {
      const timer = setTimeout(() => reject(noAgent()), AGENT_START_MS);
      timer.unref();
    });
    const ended = target.exited.then(({ code }): never => {
      throw code === 0 ? noAgent() : new AgentGone('');
    });
    const first = await Promise.race([target.hub.when((link) => link.isMainThread), ended, timeout]);
    if (isHost) return first;
    return target.links.filter((link) => link.isMainThread).at(-1) ?? first;
  }

  async #soak(): Promise<void> {
    await this.#warmUp();
    await this.#firstLook();
    await this.#lookCloser();
    // The closer look took samples as well: longer evidence for what the kernel counts.
    this.#resources = resourceGauges(this.#recorder!.moments);
    await this.#traceResources();
    this.#noteSilent();
    this.#hasDecided = true;
    if (this.#driver instanceof ScenarioDriver) await this.#driver.teardown();
  }

  async #warmUp(): Promise<void> {
    const { warmup, iterations, target } = this.#options;
    this.#progress('warming up', 0, 1);
    const isHttp = 'command' in target && target.http !== null;
    const first = isHttp ? 50 : this.#driver!.unit === 'second' ? 0.5 : 1;
    if (typeof warmup === 'number' && warmup > 0) await this.#driver!.advance(warmup, this.#budgetLeft() / 3);
    const isShort = iterations !== undefined && iterations < 100;
    this.#pace = isShort
      ? { stepMs: 1, gcMs: 10, growthBytes: 0 }
      : await findPace(this.#driver!, this.#recorder!, first, this.#options.budgetMs / 10);
  }

  /** Evenly spaced samples after forced collections; everything but the heap's contents is decided here. */
  async #firstLook(): Promise<void> {
    const recorder = this.#recorder!;
    recorder.moments.length = 0;
    const samples = this.#samples();
    let steps = this.#stepsOfSample();
    let lastLook = samples;
    for (let i = 0; i <= lastLook; i++) {
      const moment = await recorder.sample(this.#driver!.total);
      this.#progress('watching', i, lastLook);
      await this.#followContainers(i, samples);
      if (i === lastLook) break;
      if (this.#isNearLimit(moment)) {
        this.#notes.push('the heap came near its limit during the first look, which was cut short');
        break;
      }
      const { done, ms } = await this.#driver!.advance(steps, this.#firstLookLeft());
      if (done === 0) break;
      // Code gets faster while V8 learns it: the steps are fitted once more before the part that counts.
      if (i === samples >> 2 && this.#options.iterations === undefined) {
        this.#pace = { stepMs: ms / done, gcMs: moment.gcMs, growthBytes: this.#recentGrowth() };
        steps = this.#stepsOfSample();
      }
      if (this.#firstLookLeft() <= 0 || (i + 1 === samples >> 1 && this.#isPlainGrowth())) break;
      if (i === lastLook - 1 && lastLook === samples && this.#needsLongerLook()) lastLook = 2 * samples;
    }
    await this.#main!.ask('forgetContainers', {}, COMMAND_MS);
    const last = recorder.moments.at(-1)!;
    const head = recorder.moments[0]!;
    this.#firstLookEnd = recorder.moments.length;
    this.#pace = { ...this.#pace, growthBytes: (heapBytes(last) - heapBytes(head)) / Math.max(1, last.at - head.at) };
    this.#judgeGauges();
  }

  #noteSilent(): void {
    const { silent } = this.#recorder!;
    if (silent.size === 0) return;
    this.#notes.push(`${silent.size} worker or child did not answer (its loop is blocked): its heap was not watched`);
  }

  #judgeGauges(): void {
    const moments = this.#recorder!.moments.slice(0, this.#firstLookEnd || undefined);
    this.#heap = heapGauges(moments, this.#recorder!.titles, this.#tolerance(), this.#options.seed);
    this.#resources = resourceGauges(moments);
    this.#native = judgeNative(nativeSeries(moments, this.#main!.hello.pid), this.#options.seed);
  }

  /**
   * A map or array of numbers takes memory in leaps of half its size or more, and is level for long between them: its
   * length tells earlier. Watched from a quarter on, as what that costs must not fall into the judged part.
   */
  async #followContainers(sample: number, samples: number): Promise<void> {
    const first = samples >> 2;
    if (sample === first) await this.#main!.ask('watchContainers', {}, WATCH_MS);
    if (sample <= first || (sample - first) % Math.max(1, Math.floor((samples - first) / CONTAINER_WINDOWS)) !== 0)
      return;
    const { grown } = await this.#main!.ask('grownContainers', {}, COMMAND_MS);
    for (const [index, size] of grown) if (!this.#firstSizes.has(index)) this.#firstSizes.set(index, size);
    this.#containers.push({ at: this.#driver!.total, sizes: new Map(grown.map(([index, , now]) => [index, now])) });
  }

  /** Whether a container's length grew evenly while the heap was level. */
  #hasGrowingContainer(): boolean {
    const at = this.#containers.map((moment) => moment.at);
    return [...(this.#containers.at(-1)?.sizes.keys() ?? [])].some((index) => {
      const lengths = this.#containers.map(({ sizes }) => sizes.get(index) ?? this.#firstSizes.get(index)!);
      return judgeGrowth({ at, population: lengths, alive: additions(lengths) }).verdict === 'leak';
    });
  }

  /** The heap grows beyond doubt and nothing else is open: more samples would only make the heap larger. */
  #isPlainGrowth(): boolean {
    if (this.#options.iterations !== undefined) return false;
    this.#firstLookEnd = this.#recorder!.moments.length;
    this.#judgeGauges();
    const isPlain = this.#heap.some(
      ({ trend }) => trend.ci[0] > 8 * this.#tolerance() && trend.ci[0] > trend.perIteration / 2,
    );
    return isPlain && this.#resources.every(({ growth }) => growth.verdict === 'none');
  }

  /** Resources whose growth is still open, or native memory on the rise, are worth as much time again. */
  #needsLongerLook(): boolean {
    this.#firstLookEnd = this.#recorder!.moments.length;
    this.#judgeGauges();
    const open = this.#resources.some(({ growth }) => growth.verdict === 'unclear' || growth.verdict === 'saturating');
    return (open || this.#native?.verdict === 'undecided') && this.#budgetLeft() > this.#options.budgetMs / 2;
  }

  async #lookCloser(): Promise<void> {
    const isFilling = this.#hasGrowingContainer();
    const isDoubtful = ({ key, trend }: HeapGauge): boolean =>
      trend.shape !== 'level' || (isFilling && key === this.#main!.key);
    const growing = this.#heap
      .filter(isDoubtful)
      .sort((a, b) => b.trend.perIteration - a.trend.perIteration)
      .slice(0, MAX_CLOSER_LOOKS);
    for (const [i, gauge] of growing.entries()) {
      const link = this.#target!.links.find(({ key }) => key === gauge.key);
      if (!link) continue;
      const look = await this.#lookInto(link, gauge, growing.length - i);
      this.#notes.push(...look.notes);
      await this.#conclude(link, gauge, look);
    }
    for (const gauge of this.#heap) if (!isDoubtful(gauge)) this.#judgedHeap.set(gauge.key, 'clean');
  }

  #lookInto(link: AgentLink, gauge: HeapGauge, looksLeft: number): Promise<CloserLook> {
    const { stepMs } = this.#pace;
    const wanted = Math.max(1, WINDOW_MS / Math.max(stepMs, 1e-6));
    const bearable = MAX_GROWTH_BYTES / 8 / Math.max(1, gauge.trend.perIteration);
    const reserve = Math.min(5_000, this.#options.budgetMs / 10);
    return lookCloser({
      link,
      driver: this.#driver!,
      folder: this.#target!.folder,
      windowSteps: Math.max(1, Math.round(Math.min(wanted, bearable))),
      stepMs,
      tolerance: this.#tolerance(),
      suspectedBytes: Math.max(1, gauge.trend.perIteration),
      deadline: performance.now() + Math.max(0, (this.#budgetLeft() - reserve) / looksLeft),
      snapshots: this.#snapshotsFit(looksLeft) ? 'each' : 'last',
      expectedSnapshotMs: this.#snapshotMs(),
      onWindow: async (window, atMost) => {
        this.#progress('looking closer', window, atMost, gauge.title);
        await this.#recorder!.sample(this.#driver!.total);
      },
    });
  }

  /** What one snapshot takes; a sample collects twice. */
  #snapshotMs(): number {
    return (this.#pace.gcMs / 2) * SNAPSHOT_PER_GC;
  }

  /** Whether the closer look can have all its snapshots. */
  #snapshotsFit(looksLeft: number): boolean {
    return 5 * (this.#snapshotMs() + WINDOW_MS) < (0.9 * this.#budgetLeft()) / looksLeft;
  }

  async #conclude(link: AgentLink, gauge: HeapGauge, look: CloserLook): Promise<void> {
    const proven = look.findings.filter(({ verdict }) => verdict === 'leak');
    this.#noteOpen(look, gauge);
    // Lengths of containers prove growth, but their standing still proves nothing about other objects.
    const unfinished = look.windows < 4 || (look.snapshot === null && !this.#isNegligible(gauge));
    const open = unfinished || look.findings.some(isOpen);
    this.#judgedHeap.set(gauge.key, proven.length > 0 ? 'leak' : open ? 'undecided' : 'clean');
    if (unfinished && proven.length === 0) {
      this.#openQuestions.push(`${gauge.title}: grew, and the budget was too short for heap snapshots of its size`);
    }
    if (proven.length === 0) {
      if (!open && look.snapshot) {
        this.#notes.push(
          `${gauge.title}: looked inside over ${look.windows} windows; no kind of object was kept at an even rate (a leak of one object in ${Math.max(1, Math.floor(look.steps / 12))} ${this.#driver!.unit}s would have shown)`,
        );
      }
      return;
    }
    this.#progress('tracing', 0, 1, gauge.title);
    const heapIds = [...new Set(proven.map(({ container }) => look.snapshot!.nodeIds[container]!))];
    const slowest = Math.min(
      1,
      ...proven.filter(({ unit }) => unit !== 'bytes').map(({ growth }) => growth.perIteration),
    );
    const witnesses = await this.#interrogate(link, heapIds, slowest, false);
    const lines = new SourceLines(link);
    for (const finding of proven.slice(0, 10)) {
      this.#leaks.push(await heapLeak(finding, look, witnesses, lines));
    }
  }

  /** Growth that its gauge bounds well enough, where no snapshot could be afforded. */
  #isNegligible({ trend }: HeapGauge): boolean {
    return trend.ci[1] < 10 * this.#tolerance();
  }

  #noteOpen(look: CloserLook, gauge: HeapGauge): void {
    for (const finding of look.findings) {
      const what = `${gauge.title}: ${finding.className} grows by ${short(finding.growth.perIteration)} each ${this.#driver!.unit}`;
      const bound = finding.bounds[0];
      if (finding.verdict === 'saturating')
        this.#notes.push(`${what}, slower and slower: it looks like a cache that fills`);
      else if (finding.verdict === 'bounded' && bound) {
        const text = `${what}, but says itself where that ends (${bound.name} = ${bound.value}); it was not reached in this run`;
        this.#openQuestions.push(text);
      } else if (finding.verdict === 'unclear')
        this.#openQuestions.push(`${what}, not evenly enough to call it a leak yet`);
    }
  }

  async #interrogate(
    link: AgentLink,
    heapIds: readonly number[],
    perStep: number,
    isFiles: boolean,
  ): Promise<Witnesses> {
    try {
      return await interrogate(link, this.#driver!, {
        heapIds,
        perStep,
        stepMs: this.#pace.stepMs,
        isFiles,
        tempFolder: join(this.#target!.folder, 'tmp'),
      });
    } catch (error) {
      if (error instanceof AgentGone) throw error;
      this.#notes.push(`could not trace the line: ${error instanceof Error ? error.message : String(error)}`);
      return NO_WITNESSES;
    }
  }

  async #traceResources(): Promise<void> {
    const leaking = withoutConsequences(this.#resources);
    for (const gauge of leaking) {
      const { kind, name, unit } = RESOURCES.find(({ key }) => key === gauge.key)!;
      const link = this.#target!.links.find(({ hello, isMainThread }) => hello.pid === gauge.pid && isMainThread);
      this.#progress('tracing', 0, 1, name);
      const witnesses = link ? await this.#interrogate(link, [], gauge.growth.perIteration, true) : NO_WITNESSES;
      const stack = await new SourceLines(link ?? null).map(resourceStack(witnesses, kind));
      const held = this.#takeHolder(kind, gauge);
      const className = resourceClass(gauge.growth.newest);
      this.#leaks.unshift({
        kind,
        perIteration: gauge.growth.perIteration,
        ci: gauge.growth.ci,
        unit,
        ...(held?.bytesPerIteration === undefined ? {} : { bytesPerIteration: held.bytesPerIteration }),
        className: held?.className ? `${className} (${held.className})` : className,
        path: held?.path ?? [],
        pathText: held?.pathText ?? '',
        allocatedAt: stack[0] ? sourceOf(stack[0]) : (held?.allocatedAt ?? null),
        stack: stack.length > 0 ? stack.map(frameText) : (held?.stack ?? []),
        declaredAt: held?.declaredAt ?? null,
        ...adviceFor(kind, { className }, held?.pathText ?? ''),
      });
    }
    if (this.#leaks.length === 0 && this.#openQuestions.length > 0) await this.#traceTimers();
    for (const { growth, key } of this.#resources) {
      if (growth.verdict === 'unclear' && growth.newest.length >= 3) {
        const { name } = RESOURCES.find((resource) => resource.key === key)!;
        this.#openQuestions.push(`${name} grew by ${growth.newest.length}, not evenly enough to call it a leak yet`);
      }
    }
    if (this.#native?.verdict === 'leak' && this.#leaks.length === 0) this.#leaks.push(nativeLeak(this.#native));
    else if (this.#native?.verdict === 'undecided' && this.#leaks.length === 0) {
      this.#notes.push(
        'resident memory outside the heap still grew at the end; allocators keep what they once took, so this alone decides nothing',
      );
    }
  }

  /**
   * Timers by their count alone, where the heap could not be looked into. A repeating timer ends by nobody's clock but
   * its owner's; one that fires once, within the time that a soak has, may just be waiting and is left open.
   */
  async #traceTimers(): Promise<void> {
    const link = this.#main!;
    const counts = seriesOf(this.#recorder!.moments, (moment) => moment.isolates.get(link.key)?.resources.Timeout ?? 0);
    const growth = judgeCounts(counts);
    if (growth?.verdict !== 'leak') return;
    const witnesses = await this.#interrogate(link, [], growth.perIteration, false);
    const site = [...witnesses.origins].filter(({ kind }) => kind === 'timer').sort((a, b) => b.live - a.live)[0];
    const [, what, delay] = /^(\w+) (\d+) ms/.exec(site?.label ?? '') ?? [];
    if (!site || (what !== 'setInterval' && Number(delay) < this.#options.budgetMs)) return;
    const stack = await new SourceLines(link).map(site.stack);
    this.#leaks.push({
      kind: 'timer',
      perIteration: growth.perIteration,
      ci: growth.ci,
      unit: 'timers',
      className: site.label,
      path: [],
      pathText: '',
      allocatedAt: stack[0] ? sourceOf(stack[0]) : null,
      stack: stack.map(frameText),
      declaredAt: null,
      ...adviceFor('timer', { className: site.label }, ''),
    });
  }

  /** Objects that only wrap a leaking resource are one leak with it: their path tells who holds it. */
  #takeHolder(kind: Leak['kind'], gauge: ResourceGauge): Leak | undefined {
    const wrapper = WRAPPERS[kind];
    const index = this.#leaks.findIndex(
      (leak) => wrapper?.test(leak.className) && comesWith(leak.perIteration / gauge.growth.perIteration),
    );
    return index < 0 ? undefined : this.#leaks.splice(index, 1)[0];
  }

  // --- time and size -----------------------------------------------------------------------------------------------

  /** Bytes a step over the last samples. */
  #recentGrowth(): number {
    const recent = this.#recorder!.moments.slice(-6);
    const [first, last] = [recent[0]!, recent.at(-1)!];
    return Math.max(0, (heapBytes(last) - heapBytes(first)) / Math.max(1e-9, last.at - first.at));
  }

  /** Fewer samples where each costs long collections: time is needed for the closer look as well. */
  #samples(): number {
    const affordable = (GC_SHARE * this.#options.budgetMs) / Math.max(1, this.#pace.gcMs);
    return Math.round(Math.min(SAMPLES, Math.max(FEWEST_SAMPLES, affordable)));
  }

  #stepsOfSample(): number {
    const { iterations } = this.#options;
    if (iterations !== undefined) return Math.max(1, Math.ceil(iterations / this.#samples()));
    const { stepMs, gcMs, growthBytes } = this.#pace;
    const share = (this.#options.budgetMs * 0.3) / SAMPLES;
    const isServer = this.#driver!.unit !== 'iteration';
    const least = isServer ? 200 : SAMPLE_MS.least;
    const wantedMs = Math.min(share, SAMPLE_MS.most, Math.max(least, WORK_PER_GC * gcMs));
    const wanted = wantedMs / Math.max(stepMs, 1e-6);
    const bearable = growthBytes > 0 ? MAX_GROWTH_BYTES / SAMPLES / growthBytes : wanted;
    const steps = Math.min(wanted, bearable);
    return this.#driver!.unit === 'second' ? Math.max(0.2, steps) : Math.max(1, Math.round(steps));
  }

  /** Bytes a step below which growth is tolerated. */
  #tolerance(): number {
    const horizonMs = this.#options.horizonMs ?? DEFAULT_HORIZON_MS;
    return Math.max(LEAST_TOLERANCE, (HORIZON_BYTES * this.#pace.stepMs) / horizonMs);
  }

  #isNearLimit(moment: { isolates: ReadonlyMap<string, { heapUsedBytes: number }> }): boolean {
    const used = moment.isolates.get(this.#main!.key)?.heapUsedBytes ?? 0;
    return used > NEAR_LIMIT * this.#main!.hello.heapLimitBytes;
  }

  #budgetLeft(): number {
    return this.#options.budgetMs - (performance.now() - this.#startedAt);
  }

  #firstLookLeft(): number {
    return this.#budgetLeft() - this.#options.budgetMs * 0.35;
  }

  #progress(phase: string, done: number, total: number, detail?: string): void {
    const iterations = this.#driver?.total ?? 0;
    this.#options.onProgress?.({ phase, done, total, iterations, ...(detail === undefined ? {} : { detail }) });
  }

  // --- the end -----------------------------------------------------------------------------------------------------

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
    if (failure && this.#recorder) {
      try {
        this.#firstLookEnd ||= this.#recorder.moments.length;
        this.#judgeGauges();
      } catch {
        // Too little was seen to judge anything.
      }
    }
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
    if (this.#heap.length === 0) {
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
    const recorder = this.#recorder;
    if (!recorder || !this.#main) return [];
    const { seed } = this.#options;
    const heaps = this.#heap.map((gauge) => {
      const verdict = this.#judgedHeap.get(gauge.key) ?? (gauge.trend.shape === 'level' ? 'clean' : 'undecided');
      return trendResult(`heap and external · ${gauge.title}`, 'bytes', gauge.series, gauge.trend, verdict);
    });
    const moments = recorder.moments.slice(0, this.#firstLookEnd || undefined);
    const { pid } = this.#main.hello;
    const extras: [string, 'bytes' | 'count', Point[]][] = [
      ['array buffers', 'bytes', seriesOf(moments, (m) => m.isolates.get(this.#main!.key)?.arrayBuffersBytes ?? null)],
      ['resident memory', 'bytes', seriesOf(moments, (m) => m.processes.get(pid)?.rssBytes ?? null)],
      [
        'timers',
        'count',
        seriesOf(moments, (m) =>
          m.isolates.has(this.#main!.key) ? (m.isolates.get(this.#main!.key)!.resources.Timeout ?? 0) : null,
        ),
      ],
    ];
    const others = extras.map(([name, unit, series]) => {
      const trend = trendOf(series, unit === 'bytes' ? this.#tolerance() : 1e-6, seed);
      // Shown for the reader; the verdict on memory is the heap's, that on resident memory is the native one's.
      return trendResult(name, unit, series, trend, trend.shape === 'level' ? 'clean' : 'undecided');
    });
    const resources = this.#resources
      .filter((gauge) => gauge.pid === pid || gauge.growth.verdict !== 'none')
      .map((gauge) => resourceResult(gauge, RESOURCES.find(({ key }) => key === gauge.key)!.name, pid));
    return [...heaps, ...others, ...resources];
  }
}

const isOpen = ({ verdict, growth }: JudgedFinding): boolean =>
  verdict === 'unclear' || verdict === 'bounded' || (verdict === 'saturating' && !growth.isFalling);

const WRAPPERS: Partial<Record<Leak['kind'], RegExp>> = {
  'child-process': /ChildProcess|Process|Socket|Pipe/,
  thread: /Worker|MessagePort/,
  socket: /Socket|TCP|Pipe|ClientRequest|IncomingMessage|Server/,
  'file-descriptor': /FileHandle|ReadStream|WriteStream|ReadFileContext|FSReqCallback/,
  'temp-file': /WriteStream|FileHandle/,
};

/** One to some objects for each resource, as rates that are both estimates. */
const comesWith = (ratio: number): boolean => ratio > 0.4 && ratio < 6;

const short = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(2));

/** Descriptors and threads that may come with one child process or one worker. */
const MOST_PER_OWNER = 8;

/**
 * The leaking resources without what only comes with another: a child has pipes, a worker has descriptors. Where the
 * companions prove the growth, their owner needs no proof of its own, sparse as it is.
 */
function withoutConsequences(gauges: readonly ResourceGauge[]): ResourceGauge[] {
  const order = RESOURCES.map(({ key }) => key);
  const sorted = [...gauges].sort((a, b) => order.indexOf(a.key) - order.indexOf(b.key));
  const proven = sorted.filter(({ growth }) => growth.verdict === 'leak');
  const causes: ResourceGauge[] = [];
  const explains = (owner: ResourceGauge, other: ResourceGauge): boolean =>
    owner.pid === other.pid &&
    owner.growth.newest.length * MOST_PER_OWNER >= other.growth.newest.length &&
    other.growth.newest.length >= owner.growth.newest.length;
  for (const gauge of sorted) {
    const isOwner = gauge.key === 'children' || gauge.key === 'threads';
    const hasWitness = isOwner && gauge.growth.newest.length >= 3 && proven.some((other) => explains(gauge, other));
    if (gauge.growth.verdict !== 'leak' && !hasWitness) continue;
    const isConsequence =
      causes.some(({ key }) => key === 'children' || key === 'threads') &&
      ['sockets', 'descriptors', 'threads'].includes(gauge.key) &&
      causes.some((cause) => explains(cause, gauge));
    if (!isConsequence) causes.push(gauge);
  }
  return causes;
}

/** What the newest identities have in common, without the numbers that make them different: `/tmp/upload-*.part`. */
function resourceClass(newest: readonly string[]): string {
  const names = newest.map((identity) =>
    identity
      .slice(identity.indexOf(' ') + 1)
      .replace(/\d+/g, '*')
      .replace(/\[\*\]/, ''),
  );
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0].slice(0, 200) ?? '';
}

function nativeLeak(native: NativeGrowth): Leak {
  return {
    kind: 'native-memory',
    perIteration: native.perIteration,
    ci: native.ci,
    unit: 'bytes',
    bytesPerIteration: native.perIteration,
    className: 'native memory',
    path: [],
    pathText: '',
    allocatedAt: null,
    declaredAt: null,
    ...adviceFor('native-memory', { className: 'native memory' }, ''),
  };
}

function scenarioFile(name: string): string {
  const file = resolve(name);
  const refuse = (why: string, hint: string): never => {
    throw new WatertightError('WT_SOAK_NO_SCENARIO', `Cannot soak ${name} as ${why}`, { hint });
  };
  if (!existsSync(file))
    refuse('there is no such file', 'check the path; to soak a command write: watertight soak -- <command>');
  if (statSync(file).isDirectory()) refuse('it is a folder', 'name the scenario file in it');
  if (!/\.[cm]?[jt]sx?$/.test(file))
    refuse('it is neither JavaScript nor TypeScript', 'a scenario is a .js, .mjs, .cjs or .ts module');
  return file;
}

function noAgent(): WatertightError {
  return new WatertightError('WT_SOAK_NO_NODE', `No Node.js program appeared within ${AGENT_START_MS / 1000} s`, {
    hint: 'the command must start Node.js 20.19 or newer, and pass on NODE_OPTIONS',
  });
}
