// What does ownership cost? Scopes, trees, tasks and pools against their peers, each case in a process of its own.
// Run: npm run build && npm ci --prefix bench/lifecycle && npx tsx bench/lifecycle/timing.bench.ts [--only <group>] [--processes 5]
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { bytes } from './timing/bytes.mjs';
import { imports } from './timing/imports.mjs';
import { pools } from './timing/pools.mjs';
import { later, now } from './timing/resource.mjs';
import { tasks } from './timing/tasks.mjs';
import { tree } from './timing/tree.mjs';

interface Figures {
  readonly wall: number;
  readonly cpu?: number;
  readonly heap?: number;
}

/** What is wanted of our first case: at most so much, or so many times faster than a peer. */
interface Floor {
  readonly text: string;
  holds(ours: Figures, of: (peer: string) => Figures | undefined): boolean | undefined;
}

interface Group {
  readonly title: string;
  readonly unit: string;
  readonly cases: Readonly<Record<string, unknown>>;
  /** The case that the floors are for. */
  readonly ours: string;
  readonly floors: readonly Floor[];
}

const atMost = (limit: number, unit: string, of: keyof Figures = 'wall'): Floor => ({
  text: `at most ${limit} ${unit}`,
  holds: (ours) => (ours[of] ?? Number.POSITIVE_INFINITY) <= limit,
});

const faster = (times: number, peer: string): Floor => ({
  text: `${times} × faster than ${peer}`,
  holds(ours, of) {
    const other = of(peer);
    return other && other.wall / ours.wall >= times;
  },
});

const groups: Readonly<Record<string, Group>> = {
  now: {
    title: 'one resource, synchronous acquire and release',
    unit: 'ns',
    cases: now,
    ours: 'watertight Scope',
    floors: [atMost(350, 'ns'), faster(1.5, 'effect 4 scoped')],
  },
  later: {
    title: 'one resource, asynchronous acquire and release',
    unit: 'ns',
    cases: later,
    ours: 'watertight Scope',
    floors: [atMost(700, 'ns'), faster(1.5, 'effect 4 scoped')],
  },
  tree: {
    title: 'a tree of 100 resources, started and closed',
    unit: 'ns',
    cases: tree,
    ours: 'watertight Scope',
    floors: [],
  },
  tasks: {
    title: '10 000 tasks, spawned and awaited; a task',
    unit: 'ns',
    cases: tasks,
    ours: 'watertight BackgroundTasks',
    floors: [atMost(200, 'ns'), faster(2, 'p-limit 64')],
  },
  pools: {
    title: 'one taken from a pool and given back',
    unit: 'ns',
    cases: pools,
    ours: 'watertight Pool',
    floors: [atMost(300, 'ns')],
  },
  bytes: {
    title: 'heap for a held resource, its payload included, acquisition site off',
    unit: 'B',
    cases: bytes,
    ours: 'watertight Scope, names alike',
    floors: [atMost(160, 'B')],
  },
  imports: {
    title: 'loading, beyond an empty module',
    unit: 'ms',
    cases: imports,
    ours: "import 'watertight'",
    floors: [atMost(10, 'ms'), atMost(300, 'kB', 'heap')],
  },
};

/** The slowest peer takes seconds; what is quadratic is stopped. */
const LIMIT_MS = 60_000;
const EMPTY = 'an empty module';
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const run = promisify(execFile);

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true }, processes: { type: 'string', default: '5' } },
});
const processes = Number(values.processes);
if (!Number.isInteger(processes) || processes < 1) {
  throw new RangeError(`--processes must be a whole number from 1, not ${values.processes}`);
}
for (const [path, remedy] of [
  ['./node_modules', 'npm ci --prefix bench/lifecycle'],
  ['../../dist/index.js', 'npm run build'],
] as const) {
  if (existsSync(here(path))) continue;
  console.error(`Something is missing. Run: ${remedy}`);
  process.exit(2);
}

const wanted = Object.keys(groups).filter((name) => values.only === undefined || values.only.includes(name));
const jobs: { group: string; name: string }[] = [];
for (const group of wanted) {
  for (const name of Object.keys(groups[group]?.cases ?? {})) {
    for (let i = 0; i < processes; i++) jobs.push({ group, name });
  }
}
// Shuffled, so that a slow minute of the machine hits no case alone.
for (let i = jobs.length - 1; i > 0; i--) {
  const other = Math.floor(Math.random() * (i + 1));
  [jobs[i], jobs[other]] = [jobs[other] as (typeof jobs)[0], jobs[i] as (typeof jobs)[0]];
}

const measured = new Map<string, Figures[]>();
for (const [done, { group, name }] of jobs.entries()) {
  const key = `${group}/${name}`;
  const arguments_ = ['--expose-gc', '--no-warnings', here('./timing/measure.mjs'), group, name];
  try {
    const { stdout } = await run(process.execPath, arguments_, { timeout: LIMIT_MS });
    measured.set(key, [...(measured.get(key) ?? []), JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Figures]);
  } catch (error) {
    const { killed, stderr } = error as { killed?: boolean; stderr?: string };
    const why = String(stderr ?? error)
      .split('\n')
      .slice(0, 6)
      .join(' | ');
    console.log(killed ? `${name}, ${group}: no end within ${LIMIT_MS / 1000} s` : `${name}, ${group}: failed: ${why}`);
  }
  if (process.stderr.isTTY) process.stderr.write(`\r${done + 1} of ${jobs.length} `);
}

const median = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number;
const digits = (value: number) => (value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : value.toFixed(0));

function figuresOf(group: string, name: string): (Figures & { least: number; most: number }) | undefined {
  const all = measured.get(`${group}/${name}`);
  if (all === undefined) return undefined;
  const of = (key: keyof Figures) => median(all.map((one) => one[key] ?? Number.NaN));
  const empty = group === 'imports' && name !== EMPTY ? figuresOf(group, EMPTY) : undefined;
  const walls = all.map(({ wall }) => wall - (empty?.wall ?? 0));
  return {
    wall: median(walls),
    cpu: of('cpu') - (empty?.cpu ?? 0),
    heap: of('heap') - (empty?.heap ?? 0),
    least: Math.min(...walls),
    most: Math.max(...walls),
  };
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here('.'), encoding: 'utf8' }).trim();
const load = loadavg()[1] as number;
console.log(
  `Node ${process.version}, commit ${commit}, ${processes} processes a case, shuffled; load ${load.toFixed(1)}`,
);
if (load > availableParallelism())
  console.log('The machine was busy with other work: times are too long, cpu tells more.');
let missed = 0;
for (const group of wanted) {
  const { title, unit, cases, ours, floors } = groups[group] as Group;
  const own = figuresOf(group, ours);
  console.log(`\n${title}`);
  if (own !== undefined) {
    for (const floor of floors) {
      const holds = floor.holds(own, (peer) => figuresOf(group, peer));
      if (holds === false) missed++;
      console.log(`  ${holds ? '✓' : '✗'} wanted: ${floor.text}`);
    }
  }
  console.log(
    `  ${'× ours'.padStart(8)}  ${`median ${unit}`.padStart(10)}  ${'least–most'.padStart(15)}  ${'cpu'.padStart(8)}`,
  );
  const rows = Object.keys(cases)
    .map((name) => ({ name, figures: figuresOf(group, name) }))
    .filter((row) => row.figures !== undefined)
    .sort((a, b) => (a.figures?.wall ?? 0) - (b.figures?.wall ?? 0));
  for (const { name, figures } of rows) {
    if (figures === undefined) continue;
    const ratio = own ? digits(figures.wall / own.wall) : '';
    const cpu = Number.isNaN(figures.cpu) ? '' : digits(figures.cpu ?? 0);
    const heap = Number.isNaN(figures.heap) ? '' : `  heap ${digits(figures.heap ?? 0)} kB`;
    const spread = `${digits(figures.least)}–${digits(figures.most)}`;
    console.log(
      `  ${ratio.padStart(8)}  ${digits(figures.wall).padStart(10)}  ${spread.padStart(15)}  ${cpu.padStart(8)}  ${name}${heap}`,
    );
  }
}
if (missed > 0) console.log(`\n${missed} wanted figure${missed === 1 ? '' : 's'} missed`);
