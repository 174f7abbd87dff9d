import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { EDGE_TYPES, type HeapSnapshot, RetainingPaths, readSnapshot } from '../heap/index.js';
import {
  additions,
  type Bound,
  boundKeepers,
  boundsOf,
  CohortLedger,
  findHeapGrowth,
  type HeapFinding,
  judgeGrowth,
} from '../leaks/index.js';
import type { AllocationSite } from '../monitor/index.js';
import type { AgentLink } from './agents.js';
import type { Driver } from './driver.js';

/** Answering takes as long as V8 needs: some 30 s a GB of heap on slow machines. */
const SNAPSHOT_MS = 300_000;
const COMMAND_MS = 30_000;
/** Windows before a first judgement, and at most. */
const MIN_WINDOWS = 4;
const MAX_WINDOWS = 12;
/** From here on windows double while the judgement stays open. */
const DOUBLE_AFTER = 5;
/** Share of the members that a leak from the start on would have left by now. */
const YOUNG_SHARE = 0.4;
/** Queues and pools of ordinary programs rise this far and come down again (undici empties its queue at 256). */
const FEW_MEMBERS = 300;
/** Windows through which no sawtooth rises. */
const SAWTOOTH_WINDOWS = 7;
const JITTER = [1, 1.19, 0.83, 1.07, 0.91, 1.23, 0.87];
/** Sampling more finely slows a program that makes much garbage down to a fraction of its speed. */
const LEAST_INTERVAL = 16_384;

export interface CloserLookOptions {
  readonly link: AgentLink;
  readonly driver: Driver;
  readonly folder: string;
  /** Steps of the first windows. */
  readonly windowSteps: number;
  /** Time of one step, to keep within the deadline. */
  readonly stepMs: number;
  /** Growth that matters, bytes a step. */
  readonly tolerance: number;
  /** Growth that the gauges suggest, bytes a step. */
  readonly suspectedBytes: number;
  /** `performance.now()` at which the look must end. */
  readonly deadline: number;
  /**
   * `each`: at every border of a window. `last`: where snapshots of a large heap would eat the budget, only the lengths
   * of containers are followed, and one snapshot names what they prove.
   */
  readonly snapshots: 'each' | 'last';
  /** What one snapshot will take, by experience. */
  readonly expectedSnapshotMs: number;
  readonly onWindow: (window: number, atMost: number) => Promise<void>;
}

/** A finding with what may stop its growth. */
export interface JudgedFinding extends HeapFinding {
  readonly bounds: readonly Bound[];
  readonly verdict: 'leak' | 'bounded' | 'saturating' | 'unclear';
}

export interface CloserLook {
  readonly findings: readonly JudgedFinding[];
  readonly snapshot: HeapSnapshot | null;
  /** Whether objects were counted by birth; else only the lengths of containers were. */
  readonly hasCohorts: boolean;
  readonly paths: RetainingPaths | null;
  readonly allocations: readonly AllocationSite[];
  readonly windows: number;
  /** Steps under observation, first snapshot to last. */
  readonly steps: number;
  readonly snapshotMs: number;
  readonly notes: readonly string[];
}

/**
 * Second stage: equal windows of work with a heap snapshot at each border, until birth cohorts decide.
 *
 * 1. Remember all containers and start the sampling allocation profile.
 * 2. Snapshot; then for each window: work, measure container lengths, snapshot, enter it into the ledger.
 * 3. From the fourth window on, judge. Growth that is slowing, too sparse, or below a capacity that the program
 *    states itself gets more and longer windows while time allows.
 */
export async function lookCloser(options: CloserLookOptions): Promise<CloserLook> {
  return new Look(options).run();
}

class Look {
  readonly #options: CloserLookOptions;
  readonly #ledger = new CohortLedger();
  /** Sizes of grown containers at each moment, by index; first sizes apart. */
  readonly #sizes: Map<number, number>[] = [];
  readonly #firstSizes = new Map<number, number>();
  readonly #moments: number[] = [];
  readonly #notes: string[] = [];
  #windowSteps: number;
  #stepMs: number;
  #startedAt = 0;
  #snapshotMs = 0;
  #mode: CloserLookOptions['snapshots'];
  #snapshot: HeapSnapshot | null = null;
  #paths: RetainingPaths | null = null;
  #signatures: Int32Array = new Int32Array(0);
  #findings: JudgedFinding[] = [];

  constructor(options: CloserLookOptions) {
    this.#options = options;
    this.#windowSteps = options.windowSteps;
    this.#stepMs = options.stepMs;
    this.#snapshotMs = options.expectedSnapshotMs;
    this.#mode = options.snapshots;
  }

  async run(): Promise<CloserLook> {
    const { link, driver, onWindow } = this.#options;
    await link.ask('watchContainers', {}, COMMAND_MS);
    await link.ask('startAllocations', { intervalBytes: this.#interval() }, COMMAND_MS);
    this.#startedAt = performance.now();
    await this.#observe();
    // V8 may take four times as long as foreseen: lengths then decide, and this snapshot names what they prove.
    if (MIN_WINDOWS * (this.#windowMs() + this.#snapshotMs) > this.#remainingMs()) this.#mode = 'last';
    let window = 0;
    while (window < MAX_WINDOWS && this.#timeForWindow()) {
      window++;
      await onWindow(window, MAX_WINDOWS);
      const { done, ms } = await driver.advance(this.#stepsOf(window), this.#remainingMs());
      if (done > 0) this.#stepMs = ms / done;
      await this.#observe();
      if (window >= MIN_WINDOWS) {
        this.#findings = await this.#judge();
        if (this.#isSettled()) break;
        if (window >= DOUBLE_AFTER - 1) this.#lengthen(MAX_WINDOWS - window);
      }
    }
    if (window < MIN_WINDOWS) this.#notes.push(`the budget ended after ${window} of at least ${MIN_WINDOWS} windows`);
    const { sites } = await link.ask('allocations', {}, COMMAND_MS);
    await link.ask('stopAllocations', {}, COMMAND_MS);
    await link.ask('forgetContainers', {}, COMMAND_MS);
    return {
      findings: this.#findings,
      snapshot: this.#snapshot,
      hasCohorts: this.#mode === 'each',
      paths: this.#paths,
      allocations: sites,
      windows: window,
      steps: this.#moments.length > 1 ? this.#moments.at(-1)! - this.#moments[0]! : 0,
      snapshotMs: this.#snapshotMs,
      notes: this.#notes,
    };
  }

  /** Windows of unequal length, so that none keeps step with a queue that is flushed every so many iterations. */
  #stepsOf(window: number): number {
    const steps = this.#windowSteps * JITTER[window % JITTER.length]!;
    return this.#options.driver.unit === 'second' ? steps : Math.max(1, Math.round(steps));
  }

  /** Collects garbage, measures lengths, takes a snapshot and enters it. */
  async #observe(): Promise<void> {
    const { link, driver } = this.#options;
    await link.ask('sample', { process: false }, COMMAND_MS);
    const { grown } = await link.ask('grownContainers', {}, COMMAND_MS);
    for (const [index, first] of grown) this.#firstSizes.set(index, first);
    this.#sizes.push(new Map(grown.map(([index, , now]) => [index, now])));
    this.#moments.push(driver.total);
    if (this.#mode === 'each') await this.#takeSnapshot();
  }

  async #takeSnapshot(): Promise<void> {
    const { link, driver, folder } = this.#options;
    const file = join(folder, `${this.#ledger.at.length}.heapsnapshot`);
    try {
      const { ms } = await link.ask('snapshot', { file }, SNAPSHOT_MS);
      const start = performance.now();
      const snapshot = await readSnapshot(file);
      const paths = new RetainingPaths(snapshot);
      this.#signatures = this.#ledger.add(snapshot, paths, driver.total);
      this.#snapshot = snapshot;
      this.#paths = paths;
      this.#snapshotMs = ms + performance.now() - start;
    } finally {
      rmSync(file, { force: true });
    }
  }

  async #judge(): Promise<JudgedFinding[]> {
    const objects =
      this.#mode === 'each' ? findHeapGrowth(this.#ledger, this.#snapshot!, this.#paths!, this.#signatures) : [];
    const lengths = await this.#growingContainers();
    const holders = new Set(objects.map(({ container }) => container));
    // Many containers of one kind (each table's guests) share a path; one of them stands for all.
    const kinds = new Set([...holders].map((container) => this.#signatures[container]));
    const numbers = lengths.filter(
      ({ container }) => !kinds.has(this.#signatures[container]) && !this.#isExplained(container, holders),
    );
    const known = this.#findings;
    const judged: JudgedFinding[] = [];
    const held = mergedByContainer(objects.map((object) => countedByEntries(this.#snapshot!, object, lengths)));
    for (const finding of [...held, ...numbers]) {
      const bounds = await this.#boundsOf(finding);
      const whole = { ...finding, bounds, verdict: this.#verdictOf(finding, bounds) };
      if (this.#matters(whole, known)) judged.push(whole);
    }
    return judged;
  }

  /** Asked of the live objects, and only for what would otherwise be called a leak: each costs a walk over the heap. */
  async #boundsOf(finding: HeapFinding): Promise<Bound[]> {
    if (finding.growth.verdict !== 'leak') return [];
    const snapshot = this.#snapshot!;
    const { owners, timer } = boundKeepers(snapshot, this.#paths!, finding);
    const heapIds = [...owners, ...(timer < 0 ? [] : [timer])].map((node) => snapshot.nodeIds[node]!);
    const { numbers } = await this.#options.link.ask('numbers', { heapIds }, COMMAND_MS);
    return boundsOf(finding, numbers.slice(0, owners.length).flat(), timer < 0 ? [] : numbers.at(-1)!);
  }

  /** Containers whose lengths grow, whether by objects of their own, by numbers, or by what others hold as well. */
  async #growingContainers(): Promise<HeapFinding[]> {
    const at = this.#moments;
    const judged = [...this.#sizes.at(-1)!.keys()]
      .map((index) => {
        const lengths = this.#sizes.map((sizes) => sizes.get(index) ?? this.#firstSizes.get(index)!);
        return { index, lengths, growth: judgeGrowth({ at, population: lengths, alive: additions(lengths) }) };
      })
      .filter(({ growth }) => growth.verdict !== 'none')
      .sort((a, b) => b.growth.perIteration - a.growth.perIteration)
      .slice(0, 20);
    if (judged.length === 0) return [];
    if (!this.#snapshot) {
      // Nothing has a name without a snapshot; one is worth its price only when it has a leak to name.
      if (!judged.some(({ growth }) => growth.verdict === 'leak')) return [];
      await this.#takeSnapshot();
    }
    const { heapIds } = await this.#options.link.ask(
      'containerIds',
      { indexes: judged.map(({ index }) => index) },
      COMMAND_MS,
    );
    const snapshot = this.#snapshot!;
    return judged.flatMap(({ lengths, growth }, i) => {
      const node = snapshot.nodeIds.indexOf(heapIds[i]!);
      if (node < 0) return [];
      return [
        {
          growth,
          unit: 'elements' as const,
          bytesPerIteration: this.#bytesOfElements(snapshot.className(node), growth.perIteration),
          member: node,
          container: node,
          className: this.#mode === 'each' ? snapshot.className(node) : elementClass(snapshot, node),
          population: lengths.at(-1)!,
          companions: [],
        },
      ];
    });
  }

  /** Without cohorts of objects the gauge tells the bytes; else a slot of an array is 8, an entry of a map about 24. */
  #bytesOfElements(className: string, perIteration: number): number {
    if (this.#mode === 'last') return this.#options.suspectedBytes;
    return perIteration * (className === 'Array' ? 8 : 24);
  }

  /** A container inside something that is reported already, such as the keys array beside the values array. */
  #isExplained(node: number, known: ReadonlySet<number>): boolean {
    const { parentNode } = this.#paths!;
    for (let at = parentNode[node]!, steps = 0; at > 0 && steps < 3; at = parentNode[at]!, steps++) {
      if (known.has(at)) return true;
    }
    return false;
  }

  #verdictOf(finding: HeapFinding, bounds: readonly Bound[]): JudgedFinding['verdict'] {
    const { verdict, perIteration } = finding.growth;
    if (verdict === 'saturating') return 'saturating';
    if (verdict !== 'leak') return 'unclear';
    if (this.#isYoung(finding)) return 'unclear';
    for (const bound of bounds) {
      if (bound.kind === 'capacity') {
        if (perIteration > 0) return 'bounded';
      } else {
        const observedMs = performance.now() - this.#startedAt;
        if (bound.value > observedMs && this.#fits(bound.value - observedMs)) return 'bounded';
      }
    }
    return 'leak';
  }

  /**
   * Fewer members than this rate would have left since the start: growth that began late, or the rising side of a
   * sawtooth. More windows tell one from the other.
   */
  #isYoung({ unit, population, growth }: HeapFinding): boolean {
    const expected = growth.perIteration * this.#options.driver.total;
    const isFew = population < Math.max(FEW_MEMBERS, YOUNG_SHARE * expected);
    return unit !== 'bytes' && isFew && this.#moments.length <= SAWTOOTH_WINDOWS;
  }

  /** Whether so much more time, and three windows after it, are left. */
  #fits(ms: number): boolean {
    return ms + 3 * (this.#windowMs() + this.#snapshotMs) < this.#remainingMs();
  }

  /** Proven growth counts unless it is tiny; unproven growth counts when it would matter. */
  #matters(finding: JudgedFinding, known: readonly JudgedFinding[]): boolean {
    const { tolerance } = this.#options;
    if (finding.verdict === 'leak') return finding.bytesPerIteration >= tolerance / 20;
    const isKnown = known.some(
      (other) => other.container === finding.container && other.className === finding.className,
    );
    return finding.bytesPerIteration >= (isKnown ? tolerance / 2 : tolerance);
  }

  #isSettled(): boolean {
    if (this.#findings.length === 0) return true;
    const open = this.#findings.filter(({ verdict }) => verdict !== 'leak');
    if (open.length === this.#findings.length) return false;
    // A proven leak is not kept waiting for small matters beside it.
    const proven = this.#findings.filter(({ verdict }) => verdict === 'leak');
    const bytes = (list: readonly JudgedFinding[]): number => list.reduce((total, f) => total + f.bytesPerIteration, 0);
    return bytes(open) < bytes(proven) || this.#moments.length > MIN_WINDOWS + 2;
  }

  /** Longer windows for what is still open: twice as long, or as long as a stated bound needs. */
  #lengthen(windowsLeft: number): void {
    let steps = this.#windowSteps * (this.#moments.length > DOUBLE_AFTER ? 2 : 1);
    for (const { verdict, bounds, population, growth } of this.#findings) {
      if (verdict !== 'bounded') continue;
      for (const bound of bounds) {
        const ms = bound.value - (performance.now() - this.#startedAt);
        const needed = bound.kind === 'capacity' ? (bound.value - population) / growth.perIteration : ms / this.#stepMs;
        steps = Math.max(steps, needed / 2);
      }
    }
    const affordable = this.#remainingMs() / Math.min(3, windowsLeft + 1) - this.#snapshotMs;
    this.#windowSteps = Math.max(1, Math.round(Math.min(steps, affordable / Math.max(this.#stepMs, 1e-6))));
  }

  #timeForWindow(): boolean {
    const snapshots = this.#mode === 'each' ? 1.5 : this.#snapshot ? 0 : 3;
    const ms = this.#windowMs() + snapshots * this.#snapshotMs;
    return ms < this.#remainingMs() || (this.#moments.length <= MIN_WINDOWS && ms < 1.5 * this.#remainingMs());
  }

  #windowMs(): number {
    return this.#windowSteps * this.#stepMs;
  }

  #remainingMs(): number {
    return Math.max(0, this.#options.deadline - performance.now());
  }

  /** About 200 samples of the suspected growth over the first windows where that is bearable; 32 KiB costs some 4 % CPU. */
  #interval(): number {
    const expected = this.#options.suspectedBytes * this.#windowSteps * MIN_WINDOWS;
    return Math.round(Math.min(32_768, Math.max(LEAST_INTERVAL, expected / 200)));
  }
}

/** What one container gains at one rate is one leak: the keys of a dictionary belong to its values. */
function mergedByContainer(findings: readonly HeapFinding[]): HeapFinding[] {
  const merged: HeapFinding[] = [];
  for (const finding of [...findings].sort((a, b) => b.bytesPerIteration - a.bytesPerIteration)) {
    const index = merged.findIndex((other) => {
      const ratio = finding.growth.perIteration / other.growth.perIteration;
      const isSame = other.container === finding.container && other.growth.verdict === finding.growth.verdict;
      return isSame && other.unit === finding.unit && ratio > 0.8 && ratio < 1.25;
    });
    const other = merged[index];
    if (other) merged[index] = { ...other, bytesPerIteration: other.bytesPerIteration + finding.bytesPerIteration };
    else merged.push(finding);
  }
  return merged;
}

/** A map keeps a key and a value for each entry: the entries are what people count. */
function countedByEntries(snapshot: HeapSnapshot, finding: HeapFinding, lengths: readonly HeapFinding[]): HeapFinding {
  if (snapshot.className(finding.container) !== 'Map') return finding;
  const entries = lengths.find(({ container, growth }) => container === finding.container && growth.verdict === 'leak');
  const isDouble = entries && finding.growth.perIteration > 1.5 * entries.growth.perIteration;
  return isDouble ? { ...finding, growth: entries.growth, population: entries.population } : finding;
}

/** Class of what a container holds last; the container's own where that is nothing with a class. */
function elementClass(snapshot: HeapSnapshot, node: number): string {
  for (let edge = snapshot.firstEdges[node + 1]! - 1; edge >= snapshot.firstEdges[node]!; edge--) {
    if (EDGE_TYPES[snapshot.edgeTypes[edge]!] !== 'element') continue;
    const name = snapshot.className(snapshot.edgeTargets[edge]!);
    if (!name.startsWith('(')) return name;
  }
  return snapshot.className(node);
}
