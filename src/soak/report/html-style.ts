/** Style sheet of the HTML report: light and dark by the reader's setting, and a form for paper. System fonts only. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --ink: #1d1f21; --soft: #62676e; --rule: #e4e4df; --tint: #f2f2ef;
  --series: #54708c; --red: #b3261e; --green: #1b7a48; --amber: #8f5f00;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
  --mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131517; --card: #1a1d20; --ink: #e6e7e8; --soft: #979da5; --rule: #2c3035; --tint: #22262a;
    --series: #8fb0cf; --red: #ff8a80; --green: #63cf98; --amber: #e5b65a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 var(--sans); }
main { max-width: 920px; margin: 0 auto; padding: 48px 24px 64px; }
h1, h2, h3, p, ol, ul, dl, dd, figure { margin: 0; padding: 0; }
h1 { font-size: 30px; line-height: 1.25; font-weight: 650; letter-spacing: -0.01em; text-wrap: balance; }
h2 { font-size: 19px; font-weight: 600; margin: 48px 0 16px; }
code, .mono { font-family: var(--mono); font-size: 13px; overflow-wrap: anywhere; }
.leak { --tone: var(--red); } .clean { --tone: var(--green); } .undecided { --tone: var(--amber); }
.soft { color: var(--soft); }

header .target { color: var(--soft); margin-bottom: 24px; }
.badge { display: inline-block; font-size: 13px; font-weight: 650; letter-spacing: .06em; color: var(--tone);
  border: 1.5px solid currentColor; border-radius: 999px; padding: 2px 12px; margin-bottom: 12px; }
header .about { margin-top: 12px; max-width: 44em; color: var(--soft); }
.next { margin-top: 20px; font-weight: 550; }
.why { margin: 16px 0 0 18px; }

.card { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 26px 28px; margin-top: 24px; }
.card h2 { margin: 0; font-size: 20px; overflow-wrap: anywhere; }
.card .kind { color: var(--soft); }
.growth { display: flex; flex-wrap: wrap; gap: 14px 44px; margin: 20px 0 24px; }
.growth dt, .facts dt, .card h3 { font-size: 13px; font-weight: 500; color: var(--soft); }
.growth dd { font-size: 22px; font-weight: 600; line-height: 1.3; overflow-wrap: anywhere; }
.growth .alarm { color: var(--red); }
.growth small { display: block; font-size: 13px; font-weight: 400; color: var(--soft); }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 28px 40px; }
.columns div { min-width: 0; }
.facts dd { margin-bottom: 14px; overflow-wrap: anywhere; }
.facts dd code { white-space: pre-wrap; }
.stack { margin-top: 4px; color: var(--soft); list-style: none; }
.stack li { font: 12.5px/1.6 var(--mono); overflow-wrap: anywhere; }
.card h3 { margin-bottom: 8px; }
.path-text { margin-bottom: 14px; }
.path { list-style: none; }
.path li { position: relative; padding: 0 0 12px 22px; overflow-wrap: anywhere; }
.path li::before { content: ""; position: absolute; left: 3px; top: 7px; width: 9px; height: 9px; border-radius: 50%;
  background: var(--card); border: 2px solid var(--series); }
.path li:not(:last-child)::after { content: ""; position: absolute; left: 7px; top: 18px; bottom: -5px; width: 1.5px;
  background: var(--rule); }
.path li:last-child { padding-bottom: 0; }
.path li:last-child::before { background: var(--red); border-color: var(--red); }
.path .gap { color: var(--soft); }
.path .edge { font-weight: 600; }
.fix { margin-top: 24px; padding: 14px 18px; background: var(--tint); border-radius: 8px; }
.fix b { font-weight: 600; color: var(--green); margin-right: 6px; }

.charts { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 20px; }
.charts figure { background: var(--card); border: 1px solid var(--rule); border-radius: 12px; padding: 18px 20px 10px; }
.charts .wide { grid-column: 1 / -1; }
figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 16px; margin-bottom: 8px; }
figcaption b { font-weight: 600; overflow-wrap: anywhere; }
figcaption span { color: var(--tone); }
figcaption .soft { color: var(--soft); }
.chart { display: block; width: 100%; height: auto; }
.chart text { font: 11px var(--sans); fill: var(--soft); font-variant-numeric: tabular-nums; }
.chart .grid { stroke: var(--rule); } .chart .axis { stroke: var(--soft); opacity: .6; }
.chart .series { fill: none; stroke: var(--series); stroke-width: 1.4; stroke-linejoin: round; }
.chart .dot { fill: var(--series); }
.chart .fit { fill: none; stroke: var(--tone); stroke-width: 1.6; stroke-dasharray: 6 4; }
.chart .wedge { fill: var(--tone); opacity: .12; }
.legend { margin-top: 12px; font-size: 13px; color: var(--soft); }

.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { text-align: left; font-size: 13px; font-weight: 500; color: var(--soft); }
th, td { padding: 8px 18px 8px 0; border-bottom: 1px solid var(--rule); overflow-wrap: anywhere; }
th:last-child, td:last-child { padding-right: 0; }
td:last-child { color: var(--tone); font-weight: 550; }
.number { text-align: right; white-space: nowrap; }
.notes { padding-left: 18px; color: var(--soft); max-width: 48em; }
.notes li { margin-bottom: 4px; overflow-wrap: anywhere; }
footer { margin-top: 48px; font-size: 13px; color: var(--soft); }

@media (max-width: 680px) { .charts { grid-template-columns: 1fr; } main { padding: 28px 16px; } .card { padding: 20px; }
  .charts figure { overflow-x: auto; } .wide .chart { min-width: 620px; } }
@media print {
  :root { --page: #fff; --card: #fff; --ink: #000; --soft: #555; --rule: #ccc; --tint: #f4f4f4; --series: #456;
    --red: #a01f18; --green: #14633a; --amber: #7a5200; color-scheme: light; }
  main { max-width: none; padding: 0; }
  .charts figure, .scroll { overflow: visible; } .wide .chart { min-width: 0; }
  .charts figure, tr, .fix, .path li { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
`;
