// How much does it cost to read a snapshot and to answer from it, beside memlab and the worker of Chrome DevTools?
// Run: npm run build && npx tsx bench/heap/read.bench.ts [30mb,200mb,1gb] [rounds]
// The first run makes the snapshots (1 GB: two minutes and 6 GB of memory, in V8) and installs the two rivals, both in .cache.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const cache = join(here, '../../.cache');
const snapshots = join(cache, 'heap-bench');
const rivals = join(cache, 'heap-rivals');
const RIVALS = [
  '@memlab/api@2.0.5',
  '@memlab/core@2.0.5',
  '@memlab/heap-analysis@2.0.5',
  'heap-snapshot-toolkit@1.1.3',
];
/** Scale of the program for each size, and the seed that makes it the same every time. */
const SCALES: Record<string, number> = { '30mb': 1.25, '200mb': 9.1, '1gb': 47 };
const SEED = 1;
const PLANTED = 'LeakyRequest';
const HEAP_MB = 12_000;

interface Cost {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly peakBytes: number;
  readonly answer: unknown;
}

/** Files of one size: three snapshots of one process, 500 planted requests apart, where a diff is asked for. */
function snapshotsOf(size: string, count: number): string[] {
  mkdirSync(snapshots, { recursive: true });
  const files = Array.from({ length: count }, (_, i) => join(snapshots, `${size}-${count}-${i}.heapsnapshot`));
  if (files.every(existsSync)) return files;
  const partial = files.map((file) => `${file}.partial`);
  const args = [
    `--max-old-space-size=${HEAP_MB}`,
    join(here, 'program.mjs'),
    String(SCALES[size]),
    String(SEED),
    ...partial,
  ];
  execFileSync(process.execPath, args, { stdio: 'inherit' });
  for (const [i, file] of files.entries()) renameSync(partial[i]!, file);
  return files;
}

/** Rivals and the scripts that ask them, in a folder of their own: no part of the package depends on them. */
function installRivals(): void {
  mkdirSync(rivals, { recursive: true });
  if (!existsSync(join(rivals, 'node_modules'))) {
    writeFileSync(join(rivals, 'package.json'), '{ "private": true, "type": "module" }\n');
    // Without scripts: one of them would fetch a browser.
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', rivals, ...RIVALS];
    spawnSync('npm', args, { cwd: rivals, stdio: 'inherit' });
  }
  for (const name of readdirSync(join(here, 'tools'))) copyFileSync(join(here, 'tools', name), join(rivals, name));
}

/** One run in a process of its own; null when it failed. */
function run(tool: string, args: readonly string[]): Cost | null {
  const folder = tool.startsWith('memlab') || tool === 'devtools' ? rivals : join(here, 'tools');
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [`--max-old-space-size=${HEAP_MB}`, join(folder, `${tool}.mjs`), ...args],
    { encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  const line = stdout.split(/[\r\n]+/).find((text) => text.startsWith('{"cpuMs"'));
  if (line) return JSON.parse(line) as Cost;
  console.log(`  ${tool} failed: ${stderr.trim().split('\n').at(-1)?.slice(0, 200)}`);
  return null;
}

/** Each tool once a round, in turn; the least of each counts, as other work on the machine only adds. */
function compare(tools: readonly string[], args: readonly string[], rounds: number): Map<string, Cost> {
  const best = new Map<string, Cost>();
  for (let round = 0; round < rounds; round++) {
    for (const tool of tools) {
      const cost = run(tool, args);
      if (cost && cost.cpuMs < (best.get(tool)?.cpuMs ?? Number.POSITIVE_INFINITY)) best.set(tool, cost);
    }
  }
  return best;
}

function print(title: string, costs: ReadonlyMap<string, Cost>, own: string): void {
  const ours = costs.get(own);
  if (!ours) return;
  console.log(`\n${title}`);
  for (const [tool, { cpuMs, wallMs, peakBytes }] of costs) {
    const ratio =
      tool === own
        ? ''
        : `${(cpuMs / ours.cpuMs).toFixed(2)} × our CPU, ${(peakBytes / ours.peakBytes).toFixed(2)} × our memory`;
    console.log(
      `  ${tool.padEnd(16)} ${(cpuMs / 1e3).toFixed(2).padStart(7)} CPU-s ${(wallMs / 1e3).toFixed(2).padStart(7)} s ` +
        `${(peakBytes / 1e6).toFixed(0).padStart(6)} MB  ${ratio}`,
    );
  }
}

const sizes = (process.argv[2] ?? '30mb,200mb').split(',');
const rounds = Number(process.argv[3] ?? 3);
console.log(`Node ${process.version}; least of ${rounds} interleaved runs, each a whole process`);
installRivals();
for (const size of sizes) {
  const [file] = snapshotsOf(size, 1);
  const tools = ['watertight', 'devtools', 'memlab', 'number-scan', 'plain-read'];
  const costs = compare(tools, [file!, PLANTED], rounds);
  print(
    `${size} (${(statSync(file!).size / 1e6).toFixed(0)} MB): parse, dominators, retained sizes, top 20, one path`,
    costs,
    'watertight',
  );
  for (const tool of ['watertight', 'devtools', 'memlab']) console.log(`    ${tool}: ${pathOf(costs.get(tool))}`);
}
if (sizes.includes('200mb')) {
  const costs = compare(['watertight-diff', 'memlab-diff'], snapshotsOf('200mb', 3), rounds);
  print('what grew over three snapshots of 200 MB', costs, 'watertight-diff');
  for (const [tool, { answer }] of costs) console.log(`    ${tool}: ${JSON.stringify(answer).slice(0, 160)}`);
}

function pathOf(cost: Cost | undefined): string {
  return (cost?.answer as { path?: string } | undefined)?.path?.slice(-140) ?? 'failed';
}
