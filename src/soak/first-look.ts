import { additions, judgeGrowth } from '../leaks/index.js';
import type { AgentLink } from './agents.js';
import type { Driver } from './driver.js';
import { type HeapGauge, heapGauges, nativeSeries, type ResourceGauge, resourceGauges } from './gauges.js';
import { judgeNative, type NativeGrowth } from './native.js';
import { findPace, heapBytes, type Pace } from './pace.js';
import type { Moment, Recorder } from './recorder.js';

/** Samples of the first look, fewer where each costs long collections. */
const SAMPLES = { most: 48, fewest: 20 };
/** A sample's work takes at least so many times its collections, which keeps their share small. */
const WORK_PER_GC = 3;
const SAMPLE_MS = { least: 90, leastOfServers: 200, most: 1_000 };
/** Lengths of the first look while something is open. */
const MOST_LOOKS = 4;
/** Samples after the closer look while a resource is open, and the share of the budget that they leave. */
const SETTLING_SAMPLES = 240;
const SETTLING_JUDGED = 12;
const SETTLING_KEEPS = 0.15;
/** Share of the budget that collections may take. */
const GC_SHARE = 0.2;
/** Growth of the heap during the first look is kept below this: what grew costs time in every later collection. */
export const MAX_GROWTH_BYTES = 12 * 2 ** 20;
/** Growth below one byte an iteration is beyond what anyone tracks down. */
const LEAST_TOLERANCE = 1;
/** Growth below so many tolerances, and surely below four times as many, may be the end of V8's own settling. */
const NEARLY_LEVEL = 4;
const HORIZON_BYTES = 2 ** 30;
const DEFAULT_HORIZON_MS = 30 * 24 * 3600 * 1000;
/** Share of the budget that is left for the closer look. */
const KEPT_SHARE = 0.35;
/** The share of the heap limit from which on a process may die any moment. */
const NEAR_LIMIT = 0.5;
const COMMAND_MS = 30_000;
/** Listing all containers walks the heap. */
const WATCH_MS = 120_000;
/** Windows over which their lengths are compared. */
const CONTAINER_WINDOWS = 6;

export interface FirstLookOptions {
  readonly driver: Driver;
  readonly recorder: Recorder;
  readonly main: AgentLink;
  readonly budgetMs: number;
  /** Milliseconds until the budget ends. */
  readonly budgetLeft: () => number;
  readonly iterations: number | undefined;
  readonly warmup: 'auto' | number;
  readonly horizonMs: number | undefined;
  readonly seed: number;
  readonly onProgress: (phase: string, done: number, total: number) => void;
}

/**
 * First stage: the program's pace, then evenly spaced samples after forced collections. Everything but the heap's
 * contents is judged from them.
 */
export class FirstLook {
  pace: Pace = { stepMs: 1, gcMs: 10, growthBytes: 0 };
  heap: HeapGauge[] = [];
  resources: ResourceGauge[] = [];
  native: NativeGrowth | null = null;
  readonly notes: string[] = [];
  readonly #options: FirstLookOptions;
  #end = 0;
  /** Samples that the latest judgement saw. */
  #judged = 0;
  /** Sizes of grown containers of the main isolate, by their index. */
  readonly #containers: { at: number; sizes: ReadonlyMap<number, number> }[] = [];
  readonly #firstSizes = new Map<number, number>();

  constructor(options: FirstLookOptions) {
    this.#options = options;
  }

  /** The samples that were judged; those of the closer look come after them. */
  get moments(): readonly Moment[] {
    return this.#options.recorder.moments.slice(0, this.#end || undefined);
  }

  /** Bytes a step below which growth is tolerated: 1 GiB over the horizon, and at least one byte. */
  get tolerance(): number {
    const horizonMs = this.#options.horizonMs ?? DEFAULT_HORIZON_MS;
    return Math.max(LEAST_TOLERANCE, (HORIZON_BYTES * this.pace.stepMs) / horizonMs);
  }

  async run(): Promise<void> {
    await this.#warmUp();
    await this.#sample();
    const { recorder } = this.#options;
    const [head, last] = [recorder.moments[0]!, recorder.moments.at(-1)!];
    this.pace = { ...this.pace, growthBytes: (heapBytes(last) - heapBytes(head)) / Math.max(1, last.at - head.at) };
    if (this.#judged < this.#end) this.judge();
  }

  /**
   * Goes on sampling while the growth of a resource is open (what leaks one in a hundred iterations needs a while to be
   * seen often enough), or that of a heap which no snapshot could be afforded of. Judged over all samples, those of the
   * closer look included.
   *
   * @param unseenHeaps keys of such heaps
   */
  async settle(unseenHeaps: ReadonlySet<string>): Promise<void> {
    const { recorder, driver, budgetMs, budgetLeft, onProgress } = this.#options;
    const isOpen = (): boolean =>
      this.resources.some(({ growth }) => growth.verdict === 'unclear') ||
      this.heap.some(({ key, trend }) => unseenHeaps.has(key) && trend.shape !== 'level');
    const steps = this.#stepsOfSample();
    this.#judgeAgain(unseenHeaps);
    for (let i = 1; i <= SETTLING_SAMPLES && isOpen() && budgetLeft() > budgetMs * SETTLING_KEEPS; i++) {
      onProgress('watching on', i, SETTLING_SAMPLES);
      const { done } = await driver.advance(steps, budgetLeft());
      if (done === 0) break;
      await recorder.sample(driver.total);
      if (i % SETTLING_JUDGED === 0) this.#judgeAgain(unseenHeaps);
    }
    this.#judgeAgain(unseenHeaps);
  }

  #judgeAgain(unseenHeaps: ReadonlySet<string>): void {
    const { recorder, seed } = this.#options;
    this.resources = resourceGauges(recorder.moments);
    if (unseenHeaps.size === 0) return;
    const longer = heapGauges(recorder.moments, recorder.titles, this.tolerance, seed);
    this.heap = this.heap.map((gauge) =>
      unseenHeaps.has(gauge.key) ? (longer.find(({ key }) => key === gauge.key) ?? gauge) : gauge,
    );
  }

  /** Judges all samples there are by now. */
  judge(): void {
    const { recorder, main, seed } = this.#options;
    this.#end ||= recorder.moments.length;
    this.#judged = this.#end;
    this.heap = heapGauges(this.moments, recorder.titles, this.tolerance, seed);
    this.resources = resourceGauges(this.moments);
    this.native = judgeNative(nativeSeries(this.moments, main.hello.pid), seed);
  }

  /** Whether a container's length grew evenly, be the heap level or not. */
  hasGrowingContainer(): boolean {
    const at = this.#containers.map((moment) => moment.at);
    return [...(this.#containers.at(-1)?.sizes.keys() ?? [])].some((index) => {
      const lengths = this.#containers.map(({ sizes }) => sizes.get(index) ?? this.#firstSizes.get(index)!);
      return judgeGrowth({ at, population: lengths, alive: additions(lengths) }).verdict === 'leak';
    });
  }

  async #warmUp(): Promise<void> {
    const { warmup, iterations, driver, recorder, budgetMs, budgetLeft } = this.#options;
    this.#options.onProgress('warming up', 0, 1);
    if (typeof warmup === 'number' && warmup > 0) await driver.advance(warmup, budgetLeft() / 3);
    // So few iterations are not spent on finding a pace.
    if (iterations !== undefined && iterations < 100) return;
    const first = { request: 50, second: 0.5, iteration: 1 }[driver.unit];
    this.pace = await findPace(driver, recorder, first, budgetMs / 10);
  }

  async #sample(): Promise<void> {
    const { recorder, driver, main, iterations } = this.#options;
    recorder.moments.length = 0;
    const samples = this.#samples();
    let steps = this.#stepsOfSample();
    let last = samples;
    for (let i = 0; i <= last; i++) {
      const start = performance.now();
      const moment = await recorder.sample(driver.total);
      const sampleMs = performance.now() - start;
      this.#options.onProgress('watching', i, last);
      await this.#followContainers(i, samples);
      if (this.#isNearLimit(moment)) break;
      if (i === last) {
        if (last === MOST_LOOKS * samples || this.#left() <= 0 || !this.#needsLongerLook(last === samples)) break;
        last += samples;
      }
      const { done, ms } = await driver.advance(steps, this.#left());
      if (done === 0) break;
      // Code gets faster while V8 learns it: the steps are fitted once more before the part that counts.
      if (i === samples >> 2 && iterations === undefined) {
        this.pace = { stepMs: ms / done, gcMs: moment.gcMs, growthBytes: this.#recentGrowth() };
        steps = this.#stepsOfSample();
      }
      if (iterations === undefined && moment.isolates.size > 1 && sampleMs > ms) steps = this.#longer(steps, ms);
      if (this.#left() <= 0 || (i + 1 === samples >> 1 && this.#isPlainGrowth())) break;
    }
    this.#end = recorder.moments.length;
    await main.ask('forgetContainers', {}, COMMAND_MS);
  }

  /**
   * A map or array of numbers takes memory in leaps of half its size or more, and is level for long between them: its
   * length tells earlier. Watched from a quarter on, as what that costs must not fall into the judged part.
   */
  async #followContainers(sample: number, samples: number): Promise<void> {
    const { main, driver } = this.#options;
    const first = samples >> 2;
    const every = Math.max(1, Math.floor((samples - first) / CONTAINER_WINDOWS));
    if (sample === first) await main.ask('watchContainers', {}, WATCH_MS);
    if (sample <= first || (sample - first) % every !== 0) return;
    const { grown } = await main.ask('grownContainers', {}, COMMAND_MS);
    for (const [index, size] of grown) this.#firstSizes.set(index, size);
    this.#containers.push({ at: driver.total, sizes: new Map(grown.map(([index, , now]) => [index, now])) });
  }

  /** The heap grows beyond doubt and nothing else is open: more samples would only make the heap larger. */
  #isPlainGrowth(): boolean {
    if (this.#options.iterations !== undefined) return false;
    this.#judgeSoFar();
    const isPlain = this.heap.some(
      ({ trend }) => trend.ci[0] > 8 * this.tolerance && trend.ci[0] > trend.perIteration / 2,
    );
    return isPlain && this.resources.every(({ growth }) => growth.verdict === 'none');
  }

  /**
   * Resources whose growth is still open, native memory on the rise, or a heap that misses "level" by a hair are worth
   * as much time again, the last only once: V8 goes on settling for long, and more samples cost less than snapshots.
   */
  #needsLongerLook(isFirst: boolean): boolean {
    const { budgetMs, budgetLeft } = this.#options;
    this.#judgeSoFar();
    const isOpen = this.resources.some(({ growth }) => growth.verdict === 'unclear' || growth.verdict === 'saturating');
    const limit = NEARLY_LEVEL * this.tolerance;
    const isNearlyLevel = this.heap.some(
      ({ trend }) => trend.shape !== 'level' && trend.perIteration < limit && trend.ci[1] < 4 * limit,
    );
    return (
      (isOpen || (isFirst && isNearlyLevel) || this.native?.verdict === 'undecided') && budgetLeft() > budgetMs / 2
    );
  }

  #judgeSoFar(): void {
    this.#end = this.#options.recorder.moments.length;
    this.judge();
  }

  /** Bytes a step over the last samples. */
  #recentGrowth(): number {
    const recent = this.#options.recorder.moments.slice(-6);
    const [first, last] = [recent[0]!, recent.at(-1)!];
    return Math.max(0, (heapBytes(last) - heapBytes(first)) / Math.max(1e-9, last.at - first.at));
  }

  #samples(): number {
    const affordable = (GC_SHARE * this.#options.budgetMs) / Math.max(1, this.pace.gcMs);
    return Math.round(Math.min(SAMPLES.most, Math.max(SAMPLES.fewest, affordable)));
  }

  #stepsOfSample(): number {
    const { iterations, budgetMs, driver } = this.#options;
    if (iterations !== undefined) return Math.max(1, Math.ceil(iterations / this.#samples()));
    const { stepMs, gcMs, growthBytes } = this.pace;
    const share = (budgetMs * 0.3) / SAMPLES.most;
    const least = driver.unit === 'iteration' ? SAMPLE_MS.least : SAMPLE_MS.leastOfServers;
    const wantedMs = Math.min(share, SAMPLE_MS.most, Math.max(least, WORK_PER_GC * gcMs));
    const wanted = wantedMs / Math.max(stepMs, 1e-6);
    const bearable = growthBytes > 0 ? MAX_GROWTH_BYTES / SAMPLES.most / growthBytes : wanted;
    const steps = Math.min(wanted, bearable);
    return driver.unit === 'second' ? Math.max(0.2, steps) : Math.max(1, Math.round(steps));
  }

  /** Each worker that the program starts makes samples longer: they shall not become most of the run. */
  #longer(steps: number, ms: number): number {
    const isBearable = 2 * steps * this.pace.growthBytes < MAX_GROWTH_BYTES / SAMPLES.most;
    return isBearable && ms < SAMPLE_MS.most / 2 ? 2 * steps : steps;
  }

  #isNearLimit({ isolates }: Moment): boolean {
    const { main } = this.#options;
    const used = isolates.get(main.key)?.heapUsedBytes ?? 0;
    if (used <= NEAR_LIMIT * main.hello.heapLimitBytes) return false;
    this.notes.push('the heap came near its limit during the first look, which was cut short');
    return true;
  }

  #left(): number {
    return this.#options.budgetLeft() - this.#options.budgetMs * KEPT_SHARE;
  }
}
