import { displayWidth, plainText, wrap } from '../../core/index.js';
import type { Leak } from '../../leaks/index.js';
import type { SoakResult } from '../result.js';
import {
  className,
  detectableLine,
  growthOf,
  kindLine,
  LINE_CHARS,
  MAX_LEAKS,
  nextStep,
  noteLines,
  positionLine,
  type ReportOptions,
  runLine,
  stackLines,
  undecidedLines,
  verdictLine,
} from './facts.js';
import { gaugeTable } from './gauge-table.js';
import { type Paint, painter, type Style, VERDICT_STYLES } from './paint.js';

const MARGIN = '  ';
const INDENT = '     ';
const LABEL_CELLS = 10;
/** Longer lines are hard to read; narrower than this nothing can be laid out. */
const WIDTH = { min: 40, max: 110 };
/** Frames of the stack shown: the call that matters is among the first; the HTML report has all. */
const SHORT_STACK = 4;

export interface TerminalOptions extends ReportOptions {
  /** Whether to write SGR colour codes; the caller has looked at NO_COLOR and the stream. */
  readonly colour: boolean;
  /** Cells in a line of the terminal; laid out for 40 to 110. */
  readonly width: number;
}

interface Page {
  readonly paint: Paint;
  readonly width: number;
  readonly options: ReportOptions;
}

/**
 * The result as text for a terminal: verdict, causes, numbers, notes. Ends with a line end.
 *
 * Text of the observed program is stripped of control and format characters; no line is wider than `width`, from 40 on.
 *
 * Cost: linear in gauges × points.
 */
export function renderTerminal(result: SoakResult, options: TerminalOptions): string {
  const width = Math.max(WIDTH.min, Math.min(WIDTH.max, Math.floor(options.width) || WIDTH.min));
  const page: Page = { paint: painter(options.colour), width, options };
  const sections = [
    verdictSection(result, page),
    ...result.leaks.slice(0, MAX_LEAKS).map((leak, index) => leakSection(leak, index + 1, result, page)),
    moreLeaks(result, page),
    result.verdict === 'undecided' ? undecidedSection(result, page) : [],
    gaugeTable(result.gauges, page.paint, width - MARGIN.length).map((line) => MARGIN + line),
    noteSection(result, page),
  ];
  const text = sections.filter((lines) => lines.length > 0).map((lines) => lines.join('\n'));
  return `\n${text.join('\n\n')}\n\n`;
}

function verdictSection(result: SoakResult, { paint, width }: Page): string[] {
  const word = result.verdict.toUpperCase();
  const style = VERDICT_STYLES[result.verdict];
  const badge = paint(` ${word} `, 'bold', 'inverse', style);
  const indent = MARGIN.length + word.length + 4;
  const [first, ...rest] = wrap(plainText(result.target, LINE_CHARS), width - indent);
  const head = [`${MARGIN}${badge}  ${paint(first!, 'bold')}`];
  head.push(...rest.map((line) => ' '.repeat(indent) + paint(line, 'bold')));
  const about = result.verdict === 'clean' ? '' : ` ${capital(runLine(result))}.`;
  const lines = [verdictLine(result) + about];
  if (result.verdict === 'clean') lines.push(detectableLine(result) ?? '');
  const body = lines.filter((line) => line !== '').flatMap((line) => wrap(line, width - MARGIN.length));
  return [...head, '', ...body.map((line) => MARGIN + line)];
}

function leakSection(leak: Leak, number: number, result: SoakResult, page: Page): string[] {
  const { options } = page;
  const growth = growthOf(leak, result);
  const interval = `95% interval ${growth.interval}`;
  const bytes = growth.bytes && `${growth.bytes} per iteration, all it holds included`;
  const daily = growth.perDay && `≈ ${growth.perDay} a day at this rate`;
  return [
    ...leakHead(leak, number, page),
    ...field('grows', `${growth.amount} per iteration (${interval})`, page, ['bold']),
    ...field('', bytes, page),
    ...field('', daily, page, ['red']),
    ...field('held by', plainText(leak.pathText, LINE_CHARS), page, ['cyan']),
    ...field('made at', leak.allocatedAt && positionLine(leak.allocatedAt, options), page, ['cyan']),
    ...stackLines(leak, options)
      .slice(0, SHORT_STACK)
      .flatMap((line, index) => field(index ? '' : 'called by', line, page, ['dim'])),
    ...field('declared', leak.declaredAt && positionLine(leak.declaredAt, options), page),
    ...field('fix', plainText(leak.hint, LINE_CHARS), page, ['green']),
  ];
}

function leakHead(leak: Leak, number: number, { paint, width }: Page): string[] {
  const mark = `${number}.`.padEnd(INDENT.length - MARGIN.length);
  const name = wrap(className(leak), width - INDENT.length);
  const kind = kindLine(leak);
  const last = name.length - 1;
  const fitsBehind = displayWidth(`${name[last]}  ${kind}`) <= width - INDENT.length;
  const lines = name.map((line, index) => (index === 0 ? MARGIN + mark : INDENT) + paint(line, 'bold'));
  if (fitsBehind) lines[last] += `  ${paint(kind, 'dim')}`;
  else lines.push(...wrap(kind, width - INDENT.length).map((line) => INDENT + paint(line, 'dim')));
  return [...lines, ''];
}

/** A labelled value, its further lines under its first; nothing for an empty value. */
function field(label: string, value: string | null, { paint, width }: Page, styles: readonly Style[] = []): string[] {
  if (!value) return [];
  return wrap(value, width - INDENT.length - LABEL_CELLS).map((line, index) => {
    const start = (index === 0 ? label : '').padEnd(LABEL_CELLS);
    return INDENT + paint(start, 'dim') + paint(line, ...styles);
  });
}

function moreLeaks(result: SoakResult, { paint }: Page): string[] {
  const more = result.leaks.length - MAX_LEAKS;
  return more > 0 ? [MARGIN + paint(`… and ${more} more, in the JSON report`, 'dim')] : [];
}

function undecidedSection(result: SoakResult, { paint, width, options }: Page): string[] {
  const why = undecidedLines(result).flatMap((line) => hanging('· ', line, width));
  const next = wrap(nextStep(result, options), width - MARGIN.length).map((line) => MARGIN + paint(line, 'yellow'));
  return why.length > 0 ? [...why, '', ...next] : next;
}

function noteSection(result: SoakResult, { paint, width }: Page): string[] {
  const lines = noteLines(result).flatMap((note) => hanging('· ', note, width));
  return lines.length > 0 ? [MARGIN + paint('Notes', 'dim'), ...lines.map((line) => paint(line, 'dim'))] : [];
}

function hanging(mark: string, text: string, width: number): string[] {
  return wrap(text, width - MARGIN.length - mark.length).map(
    (line, index) => MARGIN + (index === 0 ? mark : ' '.repeat(mark.length)) + line,
  );
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
