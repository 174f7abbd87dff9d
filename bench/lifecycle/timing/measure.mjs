// One case in this process: measure.mjs <group> <case>. Prints one line of JSON.
import { bytes, RESOURCES } from './bytes.mjs';
import { imports } from './imports.mjs';
import { pools } from './pools.mjs';
import { later, now } from './resource.mjs';
import { TASKS, tasks } from './tasks.mjs';
import { tree } from './tree.mjs';

// Times of CPU, not of the clock: a busy machine gets no shorter warm-up.
const WARM_UP_MS = 300;
const MEASURE_MS = 500;
/** Beyond what a library does to its first thousand only, such as keeping the lines that made them. */
const WARM_UP_RUNS = 10_000;
const WARM_UP_LIMIT_MS = 3000;
/** A sample this long reads the clock rarely enough, and is short enough for a median of many. */
const SAMPLE_MS = 2;

const timed = { now, later, tree, tasks, pools };
const [group, name] = process.argv.slice(2);

/** The least of many readings: a collection goes on beside the program, and now and then code that rests is dropped. */
const settledHeap = async () => {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 20; i++) {
    globalThis.gc();
    await new Promise((resolve) => setTimeout(resolve, 5));
    least = Math.min(least, process.memoryUsage().heapUsed);
  }
  return least;
};

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

async function time(run, unitsARun) {
  let count = 1;
  let runs = 0;
  const warmUpFrom = cpuMs();
  for (let spent = 0; spent < WARM_UP_MS || (runs < WARM_UP_RUNS / unitsARun && spent < WARM_UP_LIMIT_MS); ) {
    const before = performance.now();
    await run(count);
    runs += count;
    if (performance.now() - before < SAMPLE_MS) count *= 2;
    spent = cpuMs() - warmUpFrom;
  }
  const samples = [];
  runs = 0;
  const measureFrom = cpuMs();
  let spent = 0;
  while (spent < MEASURE_MS || samples.length < 3) {
    const before = performance.now();
    await run(count);
    samples.push(((performance.now() - before) * 1e6) / (count * unitsARun));
    runs += count;
    spent = cpuMs() - measureFrom;
  }
  return { wall: median(samples), cpu: (spent * 1e6) / (runs * unitsARun) };
}

async function weigh(make) {
  let kept = make();
  kept = null;
  const before = await settledHeap();
  kept = make();
  const after = await settledHeap();
  return { wall: (after - before) / RESOURCES, kept: kept !== null };
}

async function load(specifier) {
  // The first module, the first look at a clock and the first collections move the heap of any process.
  await import('./empty.mjs?first');
  process.cpuUsage();
  performance.now();
  await settledHeap();
  const heapBefore = await settledHeap();
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  await import(specifier);
  const wall = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { wall, cpu: (user + system) / 1000, heap: ((await settledHeap()) - heapBefore) / 1000 };
}

const result =
  group === 'imports'
    ? await load(imports[name])
    : group === 'bytes'
      ? await weigh(await bytes[name]())
      : await time(await timed[group][name](), group === 'tasks' ? TASKS : 1);
console.log(JSON.stringify(result));
process.exit(0);
