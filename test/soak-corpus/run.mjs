// Soaks every program of the corpus and compares the verdicts with the truth.
//   npm run corpus -- [--seeds N] [--only text] [--jobs N] [--budget 60s] [--table docs/corpus.md]
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import manifest from './manifest.mjs';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    jobs: { type: 'string', default: String(Math.max(1, Math.min(2, cpus().length))) },
    budget: { type: 'string', default: '60s' },
    table: { type: 'string', default: '' },
  },
});
const here = fileURLToPath(new URL('.', import.meta.url));
const main = process.env.WATERTIGHT_MAIN ?? fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const seeds = Number(options.seeds);
const programs = manifest.filter(({ file }) => options.only.split(',').some((text) => file.includes(text)));
const runs = Array.from({ length: seeds }, (_, seed) =>
  programs.map((program) => ({ program, seed: seed + 1 })),
).flat();

function soak({ program, seed }) {
  return new Promise((resolve) => {
    const started = performance.now();
    const args = [
      main,
      'soak',
      join(here, 'programs', program.file),
      '--json',
      '-',
      '--seed',
      String(seed),
      '--budget',
      options.budget,
    ];
    const child = spawn(process.execPath, args, { env: { ...process.env, WATERTIGHT_SEED: String(seed) } });
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (errors = (errors + text).slice(-2000)));
    child.on('close', (code) => {
      let result = null;
      try {
        result = JSON.parse(output);
      } catch {
        // Reported as a broken run below.
      }
      resolve({ program, seed, code, result, errors, seconds: (performance.now() - started) / 1000 });
    });
  });
}

/** Everything that a run says about its culprit, as one text. */
const evidence = (leak) =>
  [
    leak.pathText,
    leak.className,
    ...leak.path.map(({ edge, node }) => `${edge} ${node}`),
    leak.allocatedAt?.function,
    leak.allocatedAt?.file,
    ...(leak.stack ?? []),
    leak.declaredAt?.function,
  ].join('\n');

function judge({ program, result }) {
  const verdict = result?.verdict ?? 'broken';
  const isRight = verdict === program.truth;
  const leak = result?.leaks.find((one) => program.culprit?.test(evidence(one))) ?? result?.leaks[0];
  const isNamed =
    program.truth !== 'leak' || verdict !== 'leak' || !program.culprit ? null : program.culprit.test(evidence(leak));
  const isKind = program.truth !== 'leak' || verdict !== 'leak' ? null : leak.kind === program.kind;
  const rateError = verdict === 'leak' && program.perIteration ? leak.perIteration / program.perIteration - 1 : null;
  return { verdict, isRight, isNamed, isKind, rateError, leak };
}

const results = [];
let next = 0;
await Promise.all(
  Array.from({ length: Number(options.jobs) }, async () => {
    while (next < runs.length) {
      const run = await soak(runs[next++]);
      const judged = judge(run);
      results.push({ ...run, ...judged });
      const { leak } = judged;
      const mark = !judged.isRight ? '✗' : judged.isNamed === false ? '?' : '✓';
      const rate = judged.rateError === null ? '' : ` ${(judged.rateError * 100).toFixed(1)} %`;
      const said = leak
        ? ` ${leak.kind} ${leak.className} @ ${leak.pathText} ← ${leak.allocatedAt ? `${leak.allocatedAt.function}:${leak.allocatedAt.line}` : '-'}${rate}`
        : '';
      console.log(
        `${mark} ${run.program.file} seed ${run.seed}: ${judged.verdict} in ${run.seconds.toFixed(1)} s${said.slice(0, 200)}`,
      );
      if (!judged.isRight)
        for (const note of (run.result?.notes ?? [run.errors]).slice(0, 4)) console.log(`    ${note}`);
    }
  }),
);

const percent = (part, whole) => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`);
const leaky = results.filter(({ program }) => program.truth === 'leak');
const clean = results.filter(({ program }) => program.truth === 'clean');
const named = leaky.filter(({ isNamed }) => isNamed !== null);
const rated = leaky.filter(({ rateError }) => rateError !== null);
const kinds = leaky.filter(({ isKind }) => isKind !== null);
const times = results.map(({ seconds }) => seconds).sort((a, b) => a - b);
const falseAlarms = clean.filter(({ verdict }) => verdict === 'leak').length;
const cleared = leaky.filter(({ verdict }) => verdict === 'clean').length;
const found = leaky.filter(({ verdict }) => verdict === 'leak').length;
const summary = [
  ['clean runs called leak', `${falseAlarms} of ${clean.length}`, falseAlarms === 0],
  [
    'clean runs called clean',
    `${clean.filter(({ verdict }) => verdict === 'clean').length} of ${clean.length} (${percent(clean.filter(({ verdict }) => verdict === 'clean').length, clean.length)})`,
    true,
  ],
  [
    'leaky runs called leak',
    `${found} of ${leaky.length} (${percent(found, leaky.length)})`,
    found >= 0.97 * leaky.length,
  ],
  ['leaky runs called clean', `${cleared} of ${leaky.length}`, cleared === 0],
  [
    'culprit named',
    `${named.filter(({ isNamed }) => isNamed).length} of ${named.length} (${percent(named.filter(({ isNamed }) => isNamed).length, named.length)})`,
    named.filter(({ isNamed }) => isNamed).length >= 0.95 * named.length,
  ],
  ['kind right', `${kinds.filter(({ isKind }) => isKind).length} of ${kinds.length}`, true],
  [
    'rate within 10 %',
    `${rated.filter(({ rateError }) => Math.abs(rateError) <= 0.1).length} of ${rated.length}`,
    rated.every(({ rateError }) => Math.abs(rateError) <= 0.1),
  ],
  [
    'median time',
    `${(times[times.length >> 1] ?? 0).toFixed(1)} s (longest ${(times.at(-1) ?? 0).toFixed(1)} s)`,
    (times[times.length >> 1] ?? 0) <= 25,
  ],
];
console.log(`\nNode ${process.version}, ${results.length} runs, ${seeds} seed(s)`);
for (const [name, value, isMet] of summary) console.log(`  ${isMet ? '✓' : '✗'} ${name}: ${value}`);
if (options.table) writeFileSync(options.table, table());
const passed = results.filter(({ isRight }) => isRight).length;
console.log(`${passed} passed, ${results.length - passed} failed`);
process.exitCode = summary.every(([, , isMet]) => isMet) ? 0 : 1;

function table() {
  const cell = (text) => String(text ?? '').replaceAll('|', '\\|');
  const rows = programs.map((program) => {
    const own = results.filter((run) => run.program === program);
    const counts = Object.entries(Object.groupBy ? Object.groupBy(own, ({ verdict }) => verdict) : groupBy(own)).map(
      ([verdict, list]) => `${verdict} ${list.length}`,
    );
    const wrong = own.some(({ isRight, isNamed }) => !isRight || isNamed === false);
    const { leak } = own.find(({ leak }) => leak) ?? {};
    const rates = own.filter(({ rateError }) => rateError !== null).map(({ rateError }) => Math.abs(rateError) * 100);
    const seconds = own.map((run) => run.seconds).sort((a, b) => a - b);
    return `| ${wrong ? '✗' : '✓'} | ${program.file} | ${program.truth} | ${counts.join(', ')} | ${cell(leak?.kind)} | ${leak?.pathText ? `\`${cell(leak.pathText)}\`` : ''} | ${rates.length ? `${Math.max(...rates).toFixed(1)} %` : ''} | ${seconds[seconds.length >> 1].toFixed(1)} |`;
  });
  return `# The corpus: what \`watertight soak\` says of programs whose truth is known

\`npm run corpus -- --seeds ${seeds} --table docs/corpus.md\`, Node ${process.version}, ${options.jobs} at a time. Every row is here, the wrong ones too.
These programs were at hand while the method was tuned: the table shows that it repeats, not how it does on yours.

${summary.map(([name, value]) => `- ${name}: ${value}`).join('\n')}

| | program | truth | verdicts | kind | held by | largest rate error | median s |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`;
}

function groupBy(list) {
  const groups = {};
  for (const run of list) {
    groups[run.verdict] ??= [];
    groups[run.verdict].push(run);
  }
  return groups;
}
