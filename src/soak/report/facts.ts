/*
 * What a result says, in words. The terminal, the web page and the JUnit file say the same with these; each then escapes
 * or paints it its own way. Text of the observed program leaves here as one plain line of bounded length.
 */
import { fileURLToPath } from 'node:url';
import { plainText } from '../../core/index.js';
import type { Leak, SourcePosition, Verdict } from '../../leaks/index.js';
import type { GaugeResult, SoakResult } from '../result.js';
import {
  countNoun,
  formatAmount,
  formatDuration,
  formatGrowth,
  formatInterval,
  formatLargeCount,
  perDay,
} from './numbers.js';

/** A name in a report: a class, a gauge, a function. Longer ones are generated. */
export const NAME_CHARS = 160;
/** A path, a file or a hint: the longest file name that Linux takes is 4096 bytes, the longest that people read is this. */
export const LINE_CHARS = 600;
/** Causes shown in full; a run that finds more has one problem, and the JSON has them all. */
export const MAX_LEAKS = 20;
/** Notes, and frames of one stack, that are shown. */
export const MAX_LINES = 30;

/** Three times the samples' span narrows a slope's interval by 3^1.5, about 5 times. */
const LONGER = { factor: 3, narrower: 'about five times' };
const MINUTE_MS = 60_000;

/** Where positions are shown relative to. */
export interface ReportOptions {
  /** Folder that files are shown relative to when inside it; default: the current one. */
  readonly cwd?: string;
  /** The run ended before its time because the program did not run; more time would not help. */
  readonly isCutShort?: boolean;
}

export const GAUGE_WORDS: Readonly<Record<Verdict, string>> = { leak: 'grows', clean: 'steady', undecided: 'unclear' };

/** How much one leak grows, in words; each part is null where it is not known or would repeat another. */
export interface Growth {
  /** `1 object`. */
  readonly amount: string;
  /** `0.98 to 1.02`. */
  readonly interval: string;
  /** `512 B`, all that it holds included. */
  readonly bytes: string | null;
  /** `1.24 GB`, or `3.1 million descriptors` where bytes are unknown. */
  readonly perDay: string | null;
}

/** `1,240 iterations in 41 s`. */
export function runLine(result: SoakResult): string {
  return `${countNoun(formatLargeCount(result.iterations), 'iterations')} in ${formatDuration(result.durationMs)}`;
}

/** The verdict as one sentence. */
export function verdictLine(result: SoakResult): string {
  if (result.verdict === 'leak') return leakLine(result);
  if (result.verdict === 'undecided') return 'The run cannot tell yet whether this leaks.';
  return `No growth in ${countNoun(String(result.gauges.length), 'gauges')} over ${runLine(result)}.`;
}

function leakLine(result: SoakResult): string {
  if (result.leaks.length === 1) return 'One thing grows with every iteration.';
  if (result.leaks.length > 1) return `${result.leaks.length} things grow with every iteration.`;
  const names = result.gauges.filter((gauge) => gauge.verdict === 'leak').map(gaugeName);
  return `Growth without a known cause: ${names.slice(0, 6).join(', ') || 'see the notes'}.`;
}

/**
 * What a clean run would have shown: for its first gauge of bytes and its first of counts, which are the ones that the
 * runner holds most telling (the table has all); null without gauges.
 */
export function detectableLine(result: SoakResult): string | null {
  const parts = (['bytes', 'count'] as const)
    .map((unit) => result.gauges.find((gauge) => gauge.unit === unit && Number.isFinite(gauge.smallestDetectable)))
    .filter((gauge) => gauge !== undefined)
    .map((gauge) => `${formatAmount(gauge.smallestDetectable, gauge.unit)} per iteration in ${gaugeName(gauge)}`);
  return parts.length === 0 ? null : `Smallest growth it would have shown: ${parts.join(', ')}.`;
}

/** Why an undecided run is undecided, one line a gauge. */
export function undecidedLines(result: SoakResult): string[] {
  return result.gauges
    .filter((gauge) => gauge.verdict !== 'clean')
    .slice(0, MAX_LINES)
    .map((gauge) => `${gaugeName(gauge)}: ${undecidedReason(gauge)}`);
}

function undecidedReason({ ci, unit, verdict, perIteration, smallestDetectable }: GaugeResult): string {
  const growth = `${formatGrowth(perIteration, unit)} per iteration, 95% interval ${formatInterval(ci, unit)}`;
  if (verdict === 'leak') return `${growth}, but what holds it was not confirmed`;
  if (ci[0] <= 0 && ci[1] >= 0) return `${growth}, which includes no growth at all`;
  return `${growth}; from ${formatAmount(smallestDetectable, unit)} on it would be certain`;
}

/** The budget to try after an undecided run: `3m`. */
export function longerBudget(result: SoakResult): string {
  const minutes = Math.ceil((result.durationMs * LONGER.factor) / MINUTE_MS);
  return `${Number.isFinite(minutes) ? Math.max(LONGER.factor, minutes) : LONGER.factor}m`;
}

/** What to do after an undecided run. */
export function nextStep(result: SoakResult, options: ReportOptions): string {
  if (options.isCutShort)
    return 'The program did not run to the end: mend what stopped it (see the notes), then run again.';
  return `Run longer: \`--budget ${longerBudget(result)}\` narrows the intervals ${LONGER.narrower}.`;
}

export function growthOf(leak: Leak, run: SoakResult): Growth {
  const unit = leak.unit === 'bytes' ? 'bytes' : 'count';
  const amount = formatAmount(leak.perIteration, unit);
  const bytes = leak.bytesPerIteration ?? (unit === 'bytes' ? leak.perIteration : undefined);
  const daily = perDay(bytes ?? leak.perIteration, run);
  const noun = plainText(leak.unit, NAME_CHARS);
  return {
    amount: unit === 'bytes' ? amount : countNoun(amount, noun),
    interval: formatInterval(leak.ci, unit),
    bytes:
      bytes === undefined || (unit === 'bytes' && bytes === leak.perIteration) ? null : formatAmount(bytes, 'bytes'),
    perDay:
      daily === null
        ? null
        : bytes === undefined
          ? countNoun(formatLargeCount(daily), noun)
          : formatAmount(daily, 'bytes'),
  };
}

/** `growing container, unbounded collection`. */
export function kindLine(leak: Leak): string {
  const kind = plainText(leak.kind, NAME_CHARS).replaceAll('-', ' ');
  const pattern = plainText(leak.pattern, NAME_CHARS);
  return [kind, pattern].filter((word) => word !== '').join(', ');
}

export function className(leak: Leak): string {
  return plainText(leak.className, NAME_CHARS) || '(no name)';
}

export function gaugeName(gauge: GaugeResult): string {
  return plainText(gauge.name, NAME_CHARS) || '(no name)';
}

/** `src/server.js:42  onMessage`. */
export function positionLine(position: SourcePosition, options: ReportOptions): string {
  const file = plainText(relativeFile(position.file, options), LINE_CHARS);
  return `${file}:${position.line}  ${plainText(position.function, NAME_CHARS)}`.trimEnd();
}

/** The frames of the stack, innermost first, files inside the current folder shown relative to it. */
export function stackLines(leak: Leak, options: ReportOptions): string[] {
  const folder = `${options.cwd ?? process.cwd()}/`;
  return (leak.stack ?? [])
    .slice(0, MAX_LINES)
    .map((frame) => plainText(frame, LINE_CHARS).replace(`file://${folder}`, '').replace(folder, ''));
}

/** What grows first, then what is unclear, then the rest; else as the runner lists them. */
export function byVerdict(gauges: readonly GaugeResult[]): GaugeResult[] {
  const order: readonly Verdict[] = ['leak', 'undecided', 'clean'];
  return [...gauges].sort((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
}

export function noteLines(result: SoakResult): string[] {
  return result.notes.slice(0, MAX_LINES).map((note) => plainText(note, LINE_CHARS));
}

function relativeFile(file: string, { cwd = process.cwd() }: ReportOptions): string {
  const path = file.startsWith('file://') ? pathOfUrl(file) : file;
  return path.startsWith(`${cwd}/`) ? path.slice(cwd.length + 1) : path;
}

function pathOfUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}
