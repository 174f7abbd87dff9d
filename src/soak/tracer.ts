import { judgeCounts, type Leak, RESOURCES } from '../leaks/index.js';
import { AgentGone, type AgentLink } from './agents.js';
import { frameText, heapLeak, interrogate, NO_WITNESSES, resourceStack, sourceOf, type Witnesses } from './causes.js';
import type { CloserLook, JudgedFinding } from './closer-look.js';
import type { Driver } from './driver.js';
import { type ResourceGauge, seriesOf } from './gauges.js';
import { adviceFor } from './patterns.js';
import type { Moment } from './recorder.js';
import { resourceClass, takeHolder } from './resource-leaks.js';
import { SourceLines } from './source-lines.js';

/** Leaks of one isolate's heap that are reported. */
const MAX_REPORTED = 10;

export interface TracerOptions {
  readonly driver: Driver;
  /** Time of one step. */
  readonly stepMs: number;
  /** Where the observed program's temporary files are. */
  readonly tempFolder: string;
  readonly notes: string[];
}

/** Makes proven growth into leaks of the report: runs on a little, with every addition and creation leaving its stack. */
export class Tracer {
  readonly #options: TracerOptions;

  constructor(options: TracerOptions) {
    this.#options = options;
  }

  async heapLeaks(link: AgentLink, look: CloserLook, proven: readonly JudgedFinding[]): Promise<Leak[]> {
    const heapIds = [...new Set(proven.map(({ container }) => look.snapshot!.nodeIds[container]!))];
    const rates = proven.filter(({ unit }) => unit !== 'bytes').map(({ growth }) => growth.perIteration);
    const witnesses = await this.#interrogate(link, heapIds, Math.min(1, ...rates), false);
    const lines = new SourceLines(link);
    const leaks: Leak[] = [];
    for (const finding of proven.slice(0, MAX_REPORTED)) leaks.push(await heapLeak(finding, look, witnesses, lines));
    return leaks;
  }

  /**
   * The leak of one kind of resource. What only wraps it in the heap is taken out of `leaks`: its path tells the holder.
   *
   * @param link the main thread of the process that leaks; null where there is none left to ask
   */
  async resourceLeak(gauge: ResourceGauge, link: AgentLink | null, leaks: Leak[]): Promise<Leak> {
    const { kind, unit, name } = RESOURCES.find(({ key }) => key === gauge.key)!;
    const { perIteration, ci, newest } = gauge.growth;
    const witnesses = link ? await this.#interrogate(link, [], perIteration, true) : NO_WITNESSES;
    const stack = await new SourceLines(link).map(resourceStack(witnesses, kind));
    const holder = takeHolder(leaks, kind, perIteration);
    const className = resourceClass(newest) || name;
    const pathText = holder?.pathText ?? '';
    return {
      kind,
      perIteration,
      ci,
      unit,
      ...(holder?.bytesPerIteration === undefined ? {} : { bytesPerIteration: holder.bytesPerIteration }),
      className: holder?.className ? `${className} (${holder.className})` : className,
      path: holder?.path ?? [],
      pathText,
      allocatedAt: stack[0] ? sourceOf(stack[0]) : (holder?.allocatedAt ?? null),
      stack: stack.length > 0 ? stack.map(frameText) : (holder?.stack ?? []),
      declaredAt: holder?.declaredAt ?? null,
      ...adviceFor(kind, { className }, pathText),
    };
  }

  /**
   * Timers by their count alone, where the heap could not be looked into. A repeating timer ends by nobody's clock but
   * its owner's; one that fires once, within `budgetMs`, may just be waiting and is left open.
   */
  async timerLeak(link: AgentLink, moments: readonly Moment[], budgetMs: number): Promise<Leak | null> {
    const growth = judgeCounts(seriesOf(moments, ({ isolates }) => isolates.get(link.key)?.resources.Timeout ?? 0));
    if (growth?.verdict !== 'leak') return null;
    const witnesses = await this.#interrogate(link, [], growth.perIteration, false);
    const site = [...witnesses.origins].filter(({ kind }) => kind === 'timer').sort((a, b) => b.live - a.live)[0];
    const [, what, delay] = /^(\w+) (\d+) ms/.exec(site?.label ?? '') ?? [];
    if (!site || (what !== 'setInterval' && Number(delay) < budgetMs)) return null;
    const stack = await new SourceLines(link).map(site.stack);
    return {
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
    };
  }

  async #interrogate(
    link: AgentLink,
    heapIds: readonly number[],
    perStep: number,
    isFiles: boolean,
  ): Promise<Witnesses> {
    const { driver, stepMs, tempFolder, notes } = this.#options;
    try {
      return await interrogate(link, driver, { heapIds, perStep, stepMs, isFiles, tempFolder });
    } catch (error) {
      if (error instanceof AgentGone) throw error;
      notes.push(`could not trace the line: ${error instanceof Error ? error.message : String(error)}`);
      return NO_WITNESSES;
    }
  }
}
