import { escapeXml, plainText } from '../../core/index.js';
import type { Leak, Verdict } from '../../leaks/index.js';
import type { GaugeResult, SoakResult } from '../result.js';
import {
  className,
  gaugeName,
  growthOf,
  kindLine,
  LINE_CHARS,
  MAX_LEAKS,
  nextStep,
  noteLines,
  positionLine,
  type ReportOptions,
  stackLines,
  undecidedLines,
  verdictLine,
} from './facts.js';
import { formatAmount, formatGrowth, formatInterval } from './numbers.js';

const SUITE = 'watertight soak';
/** Between what a gauge measures and where, as in `heap used · main`. */
const GROUP_MARK = ' · ';

type Outcome = 'failure' | 'error' | null;

interface TestCase {
  readonly name: string;
  readonly seconds: number;
  readonly outcome: Outcome;
  /** One line; shown in lists. */
  readonly message: string;
  /** Lines shown when the case is opened. */
  readonly lines: readonly string[];
}

/**
 * The result as a JUnit file: one suite, a case for the verdict and one for each group of gauges (`heap used` for
 * `heap used · main` and `heap used · worker 1`).
 *
 * A leak is a `<failure>`. Undecided is an `<error type="undecided">`, not a skip: CI systems show a skip as passed. The
 * file has a failure or an error exactly when the command's exit code is not 0; what a case of a passing suite has to
 * say is in its `<system-out>`.
 *
 * Well-formed XML 1.0 whatever the observed program calls its classes. Cost: linear in gauges and leaks.
 */
export function renderJunit(result: SoakResult, options: ReportOptions = {}): string {
  const cases = [
    verdictCase(result, options),
    ...groups(result.gauges).map((group) => gaugeCase(group, result.verdict)),
  ];
  const count = (outcome: Outcome) => cases.filter((each) => each.outcome === outcome).length;
  const totals = attributes({ tests: cases.length, failures: count('failure'), errors: count('error'), skipped: 0 });
  const time = attributes({ time: seconds(result.durationMs) });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ name: SUITE })}${totals}${time}>`,
    `  <testsuite${attributes({ name: SUITE })}${totals}${time}>`,
    `    <properties><property${attributes({ name: 'target', value: plainText(result.target, LINE_CHARS) })}/></properties>`,
    ...cases.map(caseElement),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function verdictCase(result: SoakResult, options: ReportOptions): TestCase {
  const outcome = outcomeOf(result.verdict, result.verdict);
  const leaks = result.leaks.slice(0, MAX_LEAKS).flatMap((leak) => [...leakLines(leak, result, options), '']);
  const undecided = result.verdict === 'undecided' ? [...undecidedLines(result), nextStep(result, options), ''] : [];
  const first = result.leaks[0];
  return {
    name: 'verdict',
    seconds: result.durationMs / 1000,
    outcome,
    message: first ? `${verdictLine(result)} ${leakSummary(first, result)}` : verdictLine(result),
    lines: [verdictLine(result), '', ...leaks, ...undecided, ...noteLines(result)],
  };
}

function gaugeCase(group: readonly GaugeResult[], overall: Verdict): TestCase {
  const verdicts = group.map((gauge) => gauge.verdict);
  const worst: Verdict = verdicts.includes('leak') ? 'leak' : verdicts.includes('undecided') ? 'undecided' : 'clean';
  return {
    name: groupName(group[0]!),
    seconds: 0,
    outcome: outcomeOf(worst, overall),
    message: gaugeLine(group.find((gauge) => gauge.verdict === worst)!),
    lines: group.map(gaugeLine),
  };
}

/** Never worse than the run itself: a gauge that grew in a clean run was explained by what the run found next. */
function outcomeOf(verdict: Verdict, overall: Verdict): Outcome {
  if (verdict === 'clean' || overall === 'clean') return null;
  return verdict === 'leak' && overall === 'leak' ? 'failure' : 'error';
}

function groups(gauges: readonly GaugeResult[]): GaugeResult[][] {
  const byName = new Map<string, GaugeResult[]>();
  for (const gauge of gauges) {
    const group = byName.get(groupName(gauge));
    if (group) group.push(gauge);
    else byName.set(groupName(gauge), [gauge]);
  }
  return [...byName.values()];
}

function groupName(gauge: GaugeResult): string {
  return gaugeName(gauge).split(GROUP_MARK)[0]!;
}

function gaugeLine(gauge: GaugeResult): string {
  const { unit, perIteration, ci, smallestDetectable } = gauge;
  return `${gaugeName(gauge)}: ${formatGrowth(perIteration, unit)} per iteration (95% interval ${formatInterval(ci, unit)}, detects ${formatAmount(smallestDetectable, unit)})`;
}

function leakSummary(leak: Leak, result: SoakResult): string {
  const path = plainText(leak.pathText, LINE_CHARS);
  return `${className(leak)}: ${growthOf(leak, result).amount} per iteration${path && `, held by ${path}`}`;
}

function leakLines(leak: Leak, result: SoakResult, options: ReportOptions): string[] {
  const growth = growthOf(leak, result);
  const daily = growth.perDay ? `, about ${growth.perDay} a day at this rate` : '';
  return [
    `${className(leak)} (${kindLine(leak)})`,
    `  grows: ${growth.amount} per iteration (95% interval ${growth.interval})${daily}`,
    leak.pathText && `  held by: ${plainText(leak.pathText, LINE_CHARS)}`,
    leak.allocatedAt && `  made at: ${positionLine(leak.allocatedAt, options)}`,
    ...stackLines(leak, options).map((frame) => `    ${frame}`),
    leak.declaredAt && `  declared at: ${positionLine(leak.declaredAt, options)}`,
    leak.hint && `  fix: ${plainText(leak.hint, LINE_CHARS)}`,
  ].filter((line): line is string => Boolean(line));
}

function caseElement({ name, seconds: time, outcome, message, lines }: TestCase): string {
  const open = `    <testcase${attributes({ classname: 'watertight.soak', name, time: seconds(time * 1000) })}>`;
  const text = lines.map(escapeXml).join('\n').trimEnd();
  const type = outcome === 'failure' ? 'leak' : 'undecided';
  const body = outcome
    ? `<${outcome}${attributes({ type, message })}>${text}</${outcome}>`
    : `<system-out>${text}</system-out>`;
  return `${open}${body}</testcase>`;
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('');
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? (ms / 1000).toFixed(3) : '0.000';
}
