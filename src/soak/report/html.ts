import { escapeHtml, plainText } from '../../core/index.js';
import type { Leak, PathStep } from '../../leaks/index.js';
import type { GaugeResult, SoakResult } from '../result.js';
import { type ChartSize, gaugeChart } from './chart.js';
import {
  byVerdict,
  className,
  detectableLine,
  GAUGE_WORDS,
  gaugeName,
  growthOf,
  kindLine,
  LINE_CHARS,
  MAX_LEAKS,
  NAME_CHARS,
  nextStep,
  noteLines,
  positionLine,
  type ReportOptions,
  runLine,
  stackLines,
  undecidedLines,
  verdictLine,
} from './facts.js';
import { STYLE } from './html-style.js';
import { formatAmount, formatGrowth, formatInterval } from './numbers.js';

/** A page may style itself and do nothing else: no script, no request, whatever a name in it says. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'";
const WIDE_CHART: ChartSize = { width: 830, height: 260 };
const SMALL_CHART: ChartSize = { width: 380, height: 190 };
/** Charts drawn; the table has a row for every gauge. */
const MAX_CHARTS = 24;
/** Steps of a path that are drawn: its root, and the end, where the owner is. */
const PATH_STEPS = { first: 3, last: 12 };

/**
 * The result as one HTML file that needs nothing else: verdict, causes with their retaining paths, plots as inline SVG,
 * numbers, notes. It holds no script, and its policy lets none run.
 *
 * Text of the observed program is stripped of control and format characters, cut, and escaped.
 *
 * Cost: linear in gauges × points; a page is about 15 kB, and up to 20 kB a plot.
 */
export function renderHtml(result: SoakResult, options: ReportOptions = {}): string {
  const title = `${result.verdict}: ${plainText(result.target, NAME_CHARS)}`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    '<main>',
    header(result, options),
    ...result.leaks.slice(0, MAX_LEAKS).map((leak) => leakCard(leak, result, options)),
    moreLeaks(result),
    charts(byVerdict(result.gauges)),
    numbers(byVerdict(result.gauges)),
    notes(result),
    '<footer>Watertight soak report</footer>',
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function header(result: SoakResult, options: ReportOptions): string {
  const about = result.verdict === 'clean' ? detectableLine(result) : `${runLine(result)}.`;
  const why = undecidedLines(result).map((line) => `<li>${escapeHtml(line)}</li>`);
  const undecided =
    result.verdict === 'undecided'
      ? `<ul class="why">${why.join('')}</ul><p class="next">${withCode(escapeHtml(nextStep(result, options)))}</p>`
      : '';
  return `<header class="${result.verdict}">
<p class="badge">${result.verdict.toUpperCase()}</p>
<p class="target mono">${text(result.target, LINE_CHARS)}</p>
<h1>${escapeHtml(verdictLine(result))}</h1>
<p class="about">${escapeHtml(about ?? '')}</p>
${undecided}
</header>`;
}

function leakCard(leak: Leak, result: SoakResult, options: ReportOptions): string {
  const path = leak.path.length > 0 || leak.pathText ? `<div>${pathSteps(leak)}</div>` : '';
  return `<section class="card leak">
<h2>${escapeHtml(className(leak))}</h2>
<p class="kind">${escapeHtml(kindLine(leak))}</p>
${growthList(leak, result)}
<div class="columns">
${path}
<div>${positions(leak, options)}</div>
</div>
${leak.hint ? `<p class="fix"><b>Fix</b> ${withCode(text(leak.hint, LINE_CHARS))}</p>` : ''}
</section>`;
}

function growthList(leak: Leak, result: SoakResult): string {
  const growth = growthOf(leak, result);
  const item = (term: string, value: string, small: string, tone = '') =>
    `<div><dt>${term}</dt><dd${tone}>${escapeHtml(value)}<small>${escapeHtml(small)}</small></dd></div>`;
  return [
    '<dl class="growth">',
    item('Each iteration leaves', growth.amount, `95% interval ${growth.interval}`),
    growth.bytes ? item('Which hold', growth.bytes, 'all that they reach included') : '',
    growth.perDay ? item('In a day', `≈ ${growth.perDay}`, 'at this rate', ' class="alarm"') : '',
    '</dl>',
  ].join('');
}

function pathSteps(leak: Leak): string {
  const { first, last } = PATH_STEPS;
  const omitted = leak.path.length - first - last;
  const steps = leak.path.map(pathStep);
  const shown =
    omitted > 1
      ? [...steps.slice(0, first), `<li class="gap">… ${omitted} more steps</li>`, ...steps.slice(-last)]
      : steps;
  return `<h3>Held by</h3>
<p class="path-text mono">${text(leak.pathText, LINE_CHARS)}</p>
${shown.length > 0 ? `<ol class="path">${shown.join('\n')}</ol>` : ''}`;
}

function pathStep({ edge, type, node }: PathStep): string {
  return `<li><code class="edge">${text(edge, NAME_CHARS)}</code> <code>${text(node, NAME_CHARS)}</code> <small class="soft">${text(type, NAME_CHARS)}</small></li>`;
}

function positions(leak: Leak, options: ReportOptions): string {
  const fact = (term: string, position: Leak['allocatedAt'], more = '') =>
    position ? `<dt>${term}</dt><dd><code>${escapeHtml(positionLine(position, options))}</code>${more}</dd>` : '';
  const frames = stackLines(leak, options).map((frame) => `<li>${escapeHtml(frame)}</li>`);
  const stack = frames.length > 0 ? `<ol class="stack">${frames.join('')}</ol>` : '';
  return `<dl class="facts">${fact('Made at', leak.allocatedAt, stack)}${fact('Declared at', leak.declaredAt)}</dl>`;
}

function moreLeaks(result: SoakResult): string {
  const more = result.leaks.length - MAX_LEAKS;
  return more > 0 ? `<p class="soft">… and ${more} more, in the JSON report.</p>` : '';
}

function charts(gauges: readonly GaugeResult[]): string {
  const figures = gauges.slice(0, MAX_CHARTS).map((gauge, index) => {
    const isWide = index === 0 || gauge.verdict === 'leak';
    const chart = gaugeChart(gauge, isWide ? WIDE_CHART : SMALL_CHART);
    return chart && `<figure class="${gauge.verdict}${isWide ? ' wide' : ''}">${caption(gauge)}\n${chart}\n</figure>`;
  });
  if (figures.every((figure) => figure === '')) return '';
  return `<h2>Over the run</h2>
<div class="charts">
${figures.join('\n')}
</div>
<p class="legend">Dashed: fitted growth; shaded: its 95% interval.</p>`;
}

function caption(gauge: GaugeResult): string {
  const growth = `${formatGrowth(gauge.perIteration, gauge.unit)} per iteration`;
  const tone = gauge.verdict === 'clean' ? ' class="soft"' : '';
  return `<figcaption><b>${escapeHtml(gaugeName(gauge))}</b> <span${tone}>${growth}</span></figcaption>`;
}

function numbers(gauges: readonly GaugeResult[]): string {
  if (gauges.length === 0) return '';
  const row = (gauge: GaugeResult) => `<tr class="${gauge.verdict}"><td>${escapeHtml(gaugeName(gauge))}</td>
<td class="number">${formatGrowth(gauge.perIteration, gauge.unit)}</td>
<td class="number">${formatInterval(gauge.ci, gauge.unit)}</td>
<td class="number">${formatAmount(gauge.smallestDetectable, gauge.unit)}</td>
<td>${GAUGE_WORDS[gauge.verdict]}</td></tr>`;
  return `<h2>Growth per iteration</h2>
<div class="scroll"><table>
<thead><tr><th>Gauge</th><th class="number">Growth</th><th class="number">95% interval</th><th class="number">Smallest detectable</th><th>Verdict</th></tr></thead>
<tbody>
${gauges.map(row).join('\n')}
</tbody></table></div>`;
}

function notes(result: SoakResult): string {
  const lines = noteLines(result).map((note) => `<li>${escapeHtml(note)}</li>`);
  return lines.length > 0 ? `<h2>Notes</h2>\n<ul class="notes">${lines.join('')}</ul>` : '';
}

/** Words between backticks as code; the text is escaped already. */
function withCode(escaped: string): string {
  return escaped.replace(/`([^`]+)`/g, '<code>$1</code>');
}

function text(untrusted: string, maxChars: number): string {
  return escapeHtml(plainText(untrusted, maxChars));
}
