import { causesOf, errorText, plainText } from '../core/index.js';
import type { CloseReport } from '../scope/index.js';
import type { PhaseReport, StartupReport, StepReport, StepStatus } from './report.js';

const MARKS: Readonly<Record<StepStatus, string>> = {
  completed: '✓',
  failed: '✗',
  timeout: '✗',
  cancelled: '–',
  skipped: '–',
};
const TEXT_CHARS = 300;
/** Causes told of one failure. */
const MOST_CAUSES = 4;

/** How `console.log` prints a thing: Node's inspect asks for a method of this name. */
const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/** The report, printed as its tree wherever Node prints it, in `details` of an error too; plain data otherwise. */
export function printedAsTree(report: StartupReport): StartupReport {
  return Object.defineProperty(report, INSPECT, { value: () => startupText(report) });
}

/**
 * The report as a tree for people, one line a step; names, and messages of errors and of their causes, without control
 * characters. Ends without a line break.
 *
 * @example
 * console.log(startupText(await startup.run()));
 */
export function startupText(report: StartupReport): string {
  const lines = [
    `start-up ${report.status} after ${time(report.durationMs)} of ${time(report.timeoutMs)}, ${report.policy}`,
  ];
  for (const [at, phase] of report.phases.entries()) {
    const isLast = at === report.phases.length - 1;
    lines.push(`${isLast ? '└─' : '├─'} ${phaseLine(phase)}`);
    const width = Math.max(0, ...phase.steps.map(({ name }) => shown(name).length));
    for (const [number, step] of phase.steps.entries()) {
      const branch = `${isLast ? '   ' : '│  '}${number === phase.steps.length - 1 ? '└─' : '├─'}`;
      lines.push(`${branch} ${stepLine(step, width)}`);
    }
  }
  if (report.rollback) lines.push(rollbackLine(report.rollback));
  return lines.join('\n');
}

function phaseLine({ name, durationMs, timeoutMs }: PhaseReport): string {
  return `${shown(name)}  ${time(durationMs)} of ${time(timeoutMs)}`;
}

function stepLine(step: StepReport, width: number): string {
  const { status, name, impact, durationMs } = step;
  const parts = [
    `${MARKS[status]} ${shown(name).padEnd(width)}`,
    status === 'completed' ? time(durationMs) : `${status}${status === 'skipped' ? '' : ` after ${time(durationMs)}`}`,
    ...(status === 'completed' ? [] : [impact, why(step)]),
    ...step.checks.flatMap(({ name, expected, actual, status }) =>
      status === 'healthy' ? [] : [`${status}: ${actual} of ${expected} ${shown(name)}`],
    ),
    ...(step.isAbandoned ? ['still running, abandoned'] : []),
    ...(status === 'completed' || step.declaredAt === undefined ? [] : [step.declaredAt]),
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function why({ error, reason }: StepReport): string {
  if (reason !== undefined) return shown(reason);
  return error === undefined ? '' : chainText(error);
}

function rollbackLine({ status, released, initial, durationMs, stuck, failures }: CloseReport): string {
  const open = stuck.map(({ path }) => shown(path));
  const broken = failures.map(({ path, error }) => `${shown(path)} (${chainText(error)})`);
  return [
    `rolled back: ${released} of ${initial} released in ${time(durationMs)}, ${status}`,
    ...(open.length > 0 ? [`still held: ${open.join(', ')}`] : []),
    ...(broken.length > 0 ? [`failed: ${broken.join(', ')}`] : []),
  ].join('; ');
}

/** `Cannot connect ← connect ECONNREFUSED 127.0.0.1:5432`. */
function chainText(error: unknown): string {
  return [error, ...causesOf(error, MOST_CAUSES)].map((one) => errorText(one, TEXT_CHARS)).join(' ← ');
}

function time(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(2))} s`;
}

function shown(text: string): string {
  return plainText(text, TEXT_CHARS);
}
