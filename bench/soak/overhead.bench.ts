// What does being watched cost? A scenario with a 5 MB live heap under soak (first look), against the same number of its
// own iterations with the same number of forced collections in a plain process; and does a clean run take a snapshot?
// Run: npm run build && npx tsx bench/soak/overhead.bench.ts [rounds]
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CLI = process.env.WATERTIGHT_CLI ?? fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const ROUNDS = Number(process.argv[2] ?? 5);
const LIMIT = 1.15;

/** Tells, at its end, how long it worked between set-up and teardown, and what was forced on it meanwhile. */
const SCENARIO = `
import { writeFileSync } from 'node:fs';
import { constants, performance, PerformanceObserver } from 'node:perf_hooks';

const orders = Array.from({ length: 22_000 }, (_, i) => ({ i, name: 'order ' + i, lines: [i, i + 0.5, i * 2] }));
const kept = [];
let iterations = 0;
let collections = 0;
let start = 0;
let end = 0;
const isForced = ({ detail }) => (detail.flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) !== 0;
new PerformanceObserver((list) => { collections += list.getEntries().filter(isForced).length; }).observe({ type: 'gc' });

export const setup = () => { start = performance.now(); };
export default (i) => {
  iterations++;
  const text = JSON.stringify(orders.slice((i * 37) % 21_000, (i * 37) % 21_000 + 200));
  const copy = JSON.parse(text);
  orders[i % 22_000].i = copy[0].i;
  if (process.env.LEAKY) kept.push({ i });
  end = performance.now();
};
export const teardown = async () => {
  end = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const heapBytes = process.memoryUsage().heapUsed;
  writeFileSync(process.env.OUT, JSON.stringify({ ms: end - start, iterations, collections, heapBytes }));
};
`;

/** The same work without us: iterations in their order, with collections spread evenly among them. */
const ALONE = `
import iterate, { setup, teardown } from './scenario.mjs';
const iterations = Number(process.argv[2]);
const collections = Number(process.argv[3]);
setup();
for (let i = 0, done = 0; i < iterations; i++) {
  iterate(i);
  for (; done < Math.floor(((i + 1) * collections) / iterations); done++) gc();
  if (i % 50 === 0) await new Promise(setImmediate);
}
await teardown();
`;

interface Work {
  readonly ms: number;
  readonly iterations: number;
  readonly collections: number;
  readonly heapBytes: number;
}

interface Soaked extends Work {
  readonly wholeMs: number;
  readonly snapshots: number;
  readonly verdict: string;
}

const folder = mkdtempSync(join(tmpdir(), 'wt-bench-'));
writeFileSync(join(folder, 'scenario.mjs'), SCENARIO);
writeFileSync(join(folder, 'alone.mjs'), ALONE);
const out = join(folder, 'out.json');
const work = (): Work => JSON.parse(readFileSync(out, 'utf8')) as Work;

async function soaked(variables: NodeJS.ProcessEnv): Promise<Soaked> {
  const temp = mkdtempSync(join(folder, 'tmp-'));
  const snapshots = new Set<string>();
  const watcher = watch(temp, { recursive: true }, (_, name) => {
    if (name?.endsWith('.heapsnapshot')) snapshots.add(name);
  });
  // The watched folder is removed while its last events come in.
  watcher.on('error', () => {});
  const start = performance.now();
  const args = [CLI, 'soak', join(folder, 'scenario.mjs'), '--json', join(folder, 'result.json')];
  const env = { ...process.env, OUT: out, TMPDIR: temp, ...variables };
  await once(spawn(process.execPath, args, { env, stdio: 'ignore' }), 'exit');
  const wholeMs = performance.now() - start;
  watcher.close();
  if (readdirSync(temp).length > 0) throw new Error(`left behind: ${readdirSync(temp)}`);
  const { verdict } = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8')) as { verdict: string };
  return { ...work(), wholeMs, snapshots: snapshots.size, verdict };
}

function alone({ iterations, collections }: Work): Work {
  const args = ['--expose-gc', join(folder, 'alone.mjs'), String(iterations), String(collections)];
  execFileSync(process.execPath, args, { env: { ...process.env, OUT: out } });
  return work();
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const spread = (values: readonly number[]): string =>
  `${Math.min(...values).toFixed(2)}–${Math.max(...values).toFixed(2)}`;

const pairs: { watched: Soaked; plain: Work }[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const watched = await soaked({});
  pairs.push({ watched, plain: alone(watched) });
}
const leaky = await soaked({ LEAKY: '1' });
rmSync(folder, { recursive: true });

const ratios = pairs.map(({ watched, plain }) => watched.ms / plain.ms);
const { watched } = pairs[0]!;
const isWithin = median(ratios) <= LIMIT;
console.log(`time under soak / alone: ${median(ratios).toFixed(3)} (limit ${LIMIT}: ${isWithin ? 'kept' : 'MISSED'})`);
console.log(`  rounds ${spread(ratios)}, ${ROUNDS} pairs, interleaved; Node ${process.version}`);
console.log(
  `  medians: ${median(pairs.map((pair) => pair.watched.ms)).toFixed(0)} ms under soak, ` +
    `${median(pairs.map((pair) => pair.plain.ms)).toFixed(0)} ms alone; ` +
    `${median(pairs.map((pair) => pair.watched.wholeMs)).toFixed(0)} ms the whole command`,
);
console.log(
  `  ${watched.iterations} iterations, ${watched.collections} forced collections, ` +
    `${(watched.heapBytes / 1e6).toFixed(1)} MB heap`,
);
console.log(
  `snapshots: ${pairs.map((pair) => `${pair.watched.snapshots} (${pair.watched.verdict})`).join(', ')}; ` +
    `leaky twin ${leaky.snapshots} (${leaky.verdict})`,
);
if (!isWithin || pairs.some((pair) => pair.watched.snapshots > 0)) process.exitCode = 1;
