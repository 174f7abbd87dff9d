/*
 * Numbers as people read them: three significant digits, decimal units (1 kB = 1000 bytes), a true minus sign,
 * `–` for what is not a number. Values come from a measurement, so NaN and infinities can arrive here.
 */
import type { GaugeResult } from '../result.js';

type Unit = GaugeResult['unit'];

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;
const COUNT_UNITS = ['', ' thousand', ' million', ' billion', ' trillion'] as const;
const MINUS = '\u2212';
const UNKNOWN = '–';
const DAY_MS = 86_400_000;
/** Below this a growth rounds to nothing in three digits of any gauge: a byte in a billion iterations. */
const NEGLIGIBLE = 1e-9;

/** A power of 1000 and its name: what a column of numbers or an axis is divided by. */
export interface Scale {
  readonly divisor: number;
  /** `MB`, or empty for plain counts. */
  readonly name: string;
}

/** The unit that suits a quantity of this size. Counts have none. */
export function scaleFor(size: number, unit: Unit): Scale {
  if (unit === 'count') return { divisor: 1, name: '' };
  const power = powerOfThousand(size, BYTE_UNITS.length);
  return { divisor: 1000 ** power, name: BYTE_UNITS[power]! };
}

/** `512 B`, `1.24 GB`, `1,240`, `0.012`. */
export function formatAmount(value: number, unit: Unit): string {
  const scale = scaleFor(value, unit);
  return withUnit(formatNumber(value / scale.divisor), scale.name);
}

/** The same with its sign, `+512 B`; zero has none. */
export function formatGrowth(value: number, unit: Unit): string {
  return value > NEGLIGIBLE ? `+${formatAmount(value, unit)}` : formatAmount(value, unit);
}

/** `498 to 530 B`; `±0` where both ends read the same, as for one object in each iteration. */
export function formatInterval([low, high]: readonly [number, number], unit: Unit): string {
  const scale = scaleFor(Math.max(Math.abs(low), Math.abs(high)), unit);
  const ends = [low, high].map((end) => formatNumber(end / scale.divisor));
  if (ends[0] === ends[1]) return ends[0] === UNKNOWN ? UNKNOWN : '±0';
  return withUnit(ends.join(' to '), scale.name);
}

/** `1,240`, `1.5 million`: a count that may be large, for running text. */
export function formatLargeCount(value: number): string {
  const power = Math.abs(value) < 1e6 ? 0 : powerOfThousand(value, COUNT_UNITS.length);
  return `${formatNumber(value / 1000 ** power)}${COUNT_UNITS[power]}`;
}

/** `850 ms`, `41 s`, `2 min 5 s`, `3 h 20 min`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return UNKNOWN;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${formatNumber(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  return pair(Math.floor(seconds / 3600), 'h', Math.floor((seconds % 3600) / 60), 'min');
}

/** What a growth of `perIteration` comes to in a day at the run's own speed; null where that is not known. */
export function perDay(perIteration: number, run: { iterations: number; durationMs: number }): number | null {
  const amount = (perIteration * run.iterations * DAY_MS) / run.durationMs;
  return Number.isFinite(amount) && amount > 0 ? amount : null;
}

/** `1 object`, `3 processes`, `0.5 entries`: a unit of a leak, which is written in the plural, for this amount. */
export function countNoun(amount: string, plural: string): string {
  return `${amount} ${amount === '1' ? singular(plural) : plural}`;
}

/** Three significant digits, more for whole numbers, thousands with commas. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size < NEGLIGIBLE) return '0';
  const digits = size >= 100 ? 0 : Math.min(9, 2 - Math.floor(Math.log10(size)));
  const text = size.toLocaleString('en-US', { maximumFractionDigits: digits });
  return value < 0 && text !== '0' ? MINUS + text : text;
}

function powerOfThousand(size: number, count: number): number {
  // From 999.5 on, three digits would round to 1000.
  for (let power = 0; power < count - 1; power++) if (!(Math.abs(size) >= 999.5 * 1000 ** power)) return power;
  return count - 1;
}

function withUnit(text: string, unit: string): string {
  return unit === '' ? text : `${text} ${unit}`;
}

function pair(first: number, firstUnit: string, second: number, secondUnit: string): string {
  return second === 0 ? `${first} ${firstUnit}` : `${first} ${firstUnit} ${second} ${secondUnit}`;
}

function singular(plural: string): string {
  if (plural.endsWith('ies')) return `${plural.slice(0, -3)}y`;
  return plural.replace(/(?<=ss|x)es$|s$/, '');
}
