import { cut, wellFormed } from '../../core/index.js';
import type { Leak, PathStep, SourcePosition } from '../../leaks/index.js';
import type { GaugeResult, SoakResult } from '../result.js';

/** Longest string written: a name of 10 MB makes no useful report. Linux' longest path (PATH_MAX). */
const MAX_STRING_CHARS = 4096;
/** A pair of numbers that `JSON.stringify` spread over four lines; line ends are never inside a JSON string. */
const SPREAD_PAIR = /\[\n\s+([-+\d.eE]+|null),\n\s+([-+\d.eE]+|null)\n\s+\]/g;
/** What a terminal, an editor or a web page around this text might obey. */
const OBEYED = /[\x7f-\x9f\u2028\u2029\p{Cf}]|<(?=[/!s])/giu;

/**
 * The result as JSON (schema 1, see docs/report-schema.md): keys in the order of the schema, two spaces, a line end last.
 *
 * Strings are the observed program's own, cut at 4096 characters; halves of surrogate pairs become U+FFFD, and what a
 * terminal or a page could obey is written as `\uXXXX`, so a parser gets it back. NaN and infinities become `null`.
 *
 * Cost: linear in the result; a sample of a gauge is one line.
 */
export function renderJson(result: SoakResult): string {
  const json = JSON.stringify(
    ordered(result),
    (_key, value) => (typeof value === 'string' ? bounded(value) : value),
    2,
  );
  return `${json.replace(SPREAD_PAIR, '[$1, $2]').replace(OBEYED, escaped)}\n`;
}

// Each of these names every field of its type: a field that is added there and forgotten here does not compile.
type Fields<T> = { readonly [Key in keyof Required<T>]: unknown };

function ordered(result: SoakResult): Fields<SoakResult> {
  return {
    schema: result.schema,
    target: result.target,
    verdict: result.verdict,
    iterations: result.iterations,
    durationMs: result.durationMs,
    gauges: result.gauges.map(gauge),
    leaks: result.leaks.map(leak),
    notes: result.notes,
  };
}

function gauge(value: GaugeResult): Fields<GaugeResult> {
  const { name, unit, perIteration, ci, verdict, smallestDetectable, series } = value;
  return { name, unit, perIteration, ci, verdict, smallestDetectable, series };
}

function leak(value: Leak): Fields<Leak> {
  return {
    kind: value.kind,
    perIteration: value.perIteration,
    ci: value.ci,
    unit: value.unit,
    bytesPerIteration: value.bytesPerIteration,
    className: value.className,
    path: value.path.map(step),
    pathText: value.pathText,
    allocatedAt: value.allocatedAt && position(value.allocatedAt),
    stack: value.stack,
    declaredAt: value.declaredAt && position(value.declaredAt),
    pattern: value.pattern,
    hint: value.hint,
  };
}

function step(value: PathStep): Fields<PathStep> {
  return { edge: value.edge, type: value.type, node: value.node };
}

function position(value: SourcePosition): Fields<SourcePosition> {
  return { function: value.function, file: value.file, line: value.line };
}

function bounded(text: string): string {
  return wellFormed(text.length > MAX_STRING_CHARS ? `${cut(text, MAX_STRING_CHARS - 1)}…` : text);
}

function escaped(character: string): string {
  const units = Array.from({ length: character.length }, (_, index) => character.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}
