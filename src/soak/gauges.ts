import {
  type Growth,
  judgeCounts,
  judgeIdentities,
  type Point,
  RESOURCES,
  type ResourceKey,
  type Trend,
  trendOf,
  type Verdict,
} from '../leaks/index.js';
import type { IsolateSample } from '../monitor/index.js';
import type { AgentLink } from './agents.js';
import type { Moment } from './recorder.js';
import type { GaugeResult } from './result.js';

/** Fewest samples from which a series is judged; isolates and processes that lived shorter are left out. */
const MIN_SAMPLES = 8;
/** Growth of a set that would have been noticed: as many members over the judged part of the run. */
const MIN_MEMBERS = 8;

export interface HeapGauge {
  readonly key: string;
  readonly title: string;
  readonly trend: Trend;
  readonly series: Point[];
}

/** Heap (compiled code left out) and external memory of each isolate: what the garbage collector answers for. */
export function heapGauges(
  moments: readonly Moment[],
  titles: ReadonlyMap<string, string>,
  tolerance: number,
  seed: number,
): HeapGauge[] {
  return [...titles].flatMap(([key, title]) => {
    const series = seriesOf(moments, (moment) => {
      const isolate = moment.isolates.get(key);
      return isolate ? isolate.heapUsedBytes - isolate.codeBytes + isolate.externalBytes : null;
    });
    if (series.length < MIN_SAMPLES) return [];
    return [{ key, title, series, trend: trendOf(series, tolerance, seed) }];
  });
}

export interface ResourceGauge {
  readonly pid: number;
  readonly key: ResourceKey;
  readonly series: Point[];
  readonly growth: ReturnType<typeof judgeIdentities>;
}

export function resourceGauges(moments: readonly Moment[]): ResourceGauge[] {
  const pids = new Set(moments.flatMap((moment) => [...moment.processes.keys()]));
  return [...pids].flatMap((pid) => {
    const present = moments.filter((moment) => moment.processes.has(pid));
    if (present.length < MIN_SAMPLES) return [];
    const at = present.map((moment) => moment.at);
    return RESOURCES.map(({ key }) => {
      const held = present.map((moment) => moment.processes.get(pid)![key]);
      const series = seriesOf(present, (m) => countOf(m.processes.get(pid)![key]));
      const sets = held.filter((one) => typeof one !== 'number');
      const isCounted = sets.length === 0;
      const growth = isCounted ? { ...(judgeCounts(series) ?? NO_GROWTH), newest: [] } : judgeIdentities(at, sets);
      return { pid, key, series, growth };
    });
  });
}

const NO_GROWTH: Growth = { verdict: 'none', perIteration: 0, ci: [0, 0], onset: 0, isFalling: false };

const countOf = (held: readonly string[] | number): number => (typeof held === 'number' ? held : held.length);

/** Resident anonymous memory less what V8 accounts for: malloc, thread stacks, native add-ons. */
export function nativeSeries(moments: readonly Moment[], pid: number): Point[] {
  return seriesOf(moments, (moment) => {
    const sample = moment.processes.get(pid);
    if (!sample || sample.anonymousBytes <= 0) return null;
    let managed = 0;
    for (const [key, isolate] of moment.isolates) {
      if (key.startsWith(`${pid}/`)) managed += isolate.heapTotalBytes + isolate.externalBytes;
    }
    return sample.anonymousBytes - managed;
  });
}

export function seriesOf(moments: readonly Moment[], read: (moment: Moment) => number | null): Point[] {
  return moments.flatMap((moment) => {
    const value = read(moment);
    return value === null ? [] : [[moment.at, value] as const];
  });
}

const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

function trendResult(
  name: string,
  unit: 'bytes' | 'count',
  series: readonly Point[],
  trend: Trend,
  verdict: GaugeResult['verdict'],
): GaugeResult {
  return {
    name,
    unit,
    perIteration: finite(trend.perIteration),
    ci: [finite(trend.ci[0]), finite(trend.ci[1])],
    verdict,
    smallestDetectable: finite(trend.smallestDetectable),
    series,
  };
}

function resourceResult(gauge: ResourceGauge, name: string, mainPid: number): GaugeResult {
  const { growth, series } = gauge;
  const span = (series.at(-1)?.[0] ?? 0) * (2 / 3);
  const verdict = growth.verdict === 'leak' ? 'leak' : growth.verdict === 'none' ? 'clean' : 'undecided';
  const level = growth.verdict === 'none';
  return {
    name: gauge.pid === mainPid ? name : `${name} of process ${gauge.pid}`,
    unit: 'count',
    perIteration: level ? 0 : finite(growth.perIteration),
    ci: level ? [0, 0] : [finite(growth.ci[0]), finite(growth.ci[1])],
    verdict,
    smallestDetectable: span > 0 ? MIN_MEMBERS / span : 0,
    series,
  };
}

/** What a run's gauges say, in the report's order: heaps, memory, timers, resources. */
export function gaugeResults(
  main: AgentLink,
  moments: readonly Moment[],
  judged: {
    readonly heap: readonly HeapGauge[];
    readonly resources: readonly ResourceGauge[];
    readonly verdicts: ReadonlyMap<string, Verdict>;
    readonly tolerance: number;
    readonly seed: number;
  },
): GaugeResult[] {
  const { pid } = main.hello;
  const heaps = judged.heap.map(({ key, title, series, trend }) => {
    const verdict = judged.verdicts.get(key) ?? (trend.shape === 'level' ? 'clean' : 'undecided');
    return trendResult(`heap and external · ${title}`, 'bytes', series, trend, verdict);
  });
  const ofMain = (read: (isolate: IsolateSample) => number): Point[] =>
    seriesOf(moments, ({ isolates }) => (isolates.has(main.key) ? read(isolates.get(main.key)!) : null));
  const others = [
    { name: 'array buffers', unit: 'bytes', series: ofMain((isolate) => isolate.arrayBuffersBytes) },
    {
      name: 'resident memory',
      unit: 'bytes',
      series: seriesOf(moments, (m) => m.processes.get(pid)?.rssBytes ?? null),
    },
    { name: 'timers', unit: 'count', series: ofMain((isolate) => isolate.resources.Timeout ?? 0) },
  ] as const;
  return [
    ...heaps,
    ...others.map(({ name, unit, series }) => {
      const trend = trendOf(series, unit === 'bytes' ? judged.tolerance : 1e-6, judged.seed);
      // Shown for the reader; the verdict on memory is the heap's, that on resident memory is the native one's.
      return trendResult(name, unit, series, trend, trend.shape === 'level' ? 'clean' : 'undecided');
    }),
    ...judged.resources
      .filter((gauge) => gauge.pid === pid || gauge.growth.verdict !== 'none')
      .map((gauge) => resourceResult(gauge, RESOURCES.find(({ key }) => key === gauge.key)!.name, pid)),
  ];
}
