import { builtin, causesOf, errorText, placeIn, plainText } from '../core/index.js';
import type { CloseReport } from './close-report.js';
import { ageText } from './tree.js';

/** Failures and stuck resources that are told one by one. */
const MOST_LINES = 20;
const LINE_CHARS = 300;
/** Causes and inner errors told of one failure. */
const MOST_REASONS = 5;

/**
 * A report for people: one line that says how it went, then each failure and each resource that is still held.
 *
 * @example
 * closed app in 5.0 s: 4 of 5 released, 1 still held
 *   stuck   app/database: releasing for 5.0 s, 3 h old, acquired at src/db.ts:41
 *   failed  app/log: release: Error: cannot flush (src/log.ts:12), acquired at src/log.ts:7
 *           ← Error: ENOSPC: no space left on device, write
 */
export function closeReportText(report: CloseReport): string {
  const { scope, initial, released, remaining, durationMs, failures, stuck } = report;
  const end = remaining > 0 ? `, ${remaining} still held` : '';
  const bad = failures.length > 0 ? `, ${failures.length} ${failures.length === 1 ? 'failure' : 'failures'}` : '';
  const lines = [`closed ${line(scope)} in ${ageText(durationMs)}: ${released} of ${initial} released${end}${bad}`];
  for (const { path, state, waitedMs, ageMs, acquiredAt } of stuck.slice(0, MOST_LINES)) {
    const place = acquiredAt === undefined ? '' : `, acquired at ${acquiredAt}`;
    lines.push(line(`  stuck   ${path}: ${state} for ${ageText(waitedMs)}, ${ageText(ageMs)} old${place}`));
  }
  for (const { path, phase, error, acquiredAt } of failures.slice(0, MOST_LINES)) {
    const place = acquiredAt === undefined ? '' : `, acquired at ${acquiredAt}`;
    lines.push(line(`  failed  ${path}: ${phase}: ${errorLine(error)}${place}`), ...reasonLines(error));
  }
  const more = Math.max(0, stuck.length - MOST_LINES) + Math.max(0, failures.length - MOST_LINES);
  if (more > 0) lines.push(`  … ${more} more`);
  return lines.join('\n');
}

function errorLine(error: unknown): string {
  if (!(error instanceof Error)) return builtin.util.inspect(error, { depth: 1, breakLength: Infinity });
  const thrownAt = placeIn(error.stack);
  return `${error.name}: ${errorText(error, LINE_CHARS)}${thrownAt === undefined ? '' : ` (${thrownAt})`}`;
}

/** What an error came from: its causes one after another, and the errors that it stands for. */
function reasonLines(error: unknown): string[] {
  const inner = error instanceof AggregateError ? error.errors.slice(0, MOST_REASONS) : [];
  return [
    ...inner.map((one: unknown) => line(`          · ${errorLine(one)}`)),
    ...causesOf(error, MOST_REASONS).map((cause) => line(`          ← ${errorLine(cause)}`)),
  ];
}

/** Leading blanks are ours. */
function line(text: string): string {
  const indent = text.length - text.trimStart().length;
  return text.slice(0, indent) + plainText(text.slice(indent), LINE_CHARS);
}
