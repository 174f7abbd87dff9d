// What does a thread pool add to a message, and what does closing it do to two tasks in flight?
// Peers: npm ci --prefix bench/lifecycle. Run: npx tsx bench/threads/pool.bench.ts
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { ThreadPool } from '../../src/threads/index.js';

const ROUNDS = 9;
const CALLS = 2_000;
const QUEUED = 200;
/** Two tasks, one longer than the other: the second must survive the end of the first. */
const SHORT_MS = 40;
const LONG_MS = 160;
const STARTS = 7;

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const lifecycle = new URL('../lifecycle/package.json', import.meta.url);
if (!existsSync(new URL('./node_modules/piscina', lifecycle))) {
  console.error('The pools to compare with are missing: npm ci --prefix bench/lifecycle');
  process.exit(2);
}
const peers = createRequire(lifecycle);

interface Rival {
  readonly name: string;
  run(n: number): Promise<unknown>;
  slow(ms: number): Promise<unknown>;
  close(): Promise<unknown>;
}

function raw(): Rival {
  const worker = new Worker(path('./echo-raw.mjs'));
  const waiting: ((n: number) => void)[] = [];
  worker.on('message', (n) => waiting.shift()?.(n));
  const run = (n: number) =>
    new Promise((resolve) => {
      waiting.push(resolve);
      worker.postMessage(n);
    });
  return { name: 'raw postMessage', run, slow: run, close: () => worker.terminate() };
}

function watertight(threads: number): Rival {
  const pool = new ThreadPool<number, unknown>({ file: path('./echo.mjs'), size: threads, min: threads });
  return {
    name: 'watertight',
    run: (n) => pool.run(n),
    slow: (ms) => pool.run(ms, { task: 'slow' }),
    close: () => pool.close(),
  };
}

function workerpool(threads: number): Rival {
  const pool = peers('workerpool').pool(path('./echo-workerpool.mjs'), {
    workerType: 'thread',
    minWorkers: threads,
    maxWorkers: threads,
  });
  const exec = (method: string, n: number): Promise<unknown> => Promise.resolve(pool.exec(method, [n]));
  return {
    name: 'workerpool',
    run: (n) => exec('echo', n),
    slow: (ms) => exec('slow', ms),
    close: () => Promise.resolve(pool.terminate()),
  };
}

async function piscina(threads: number): Promise<Rival> {
  const { Piscina } = peers('piscina');
  const pool = new Piscina({ filename: path('./echo.mjs'), minThreads: threads, maxThreads: threads });
  return {
    name: 'piscina',
    run: (n) => pool.run(n),
    slow: (ms) => pool.run(ms, { name: 'slow' }),
    close: () => pool.close(),
  };
}

async function tinypool(threads: number): Promise<Rival> {
  const entry = new URL('./node_modules/tinypool/dist/index.js', lifecycle);
  const { default: Tinypool } = await import(entry.href);
  const pool = new Tinypool({ filename: path('./echo.mjs'), minThreads: threads, maxThreads: threads });
  return {
    name: 'tinypool',
    run: (n) => pool.run(n),
    slow: (ms) => pool.run(ms, { name: 'slow' }),
    close: () => pool.destroy(),
  };
}

const makers = [() => raw(), watertight, workerpool, piscina, tinypool] as const;
const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const median = (values: readonly number[]) => sorted(values)[values.length >> 1]!;

async function oneAtATime(rival: Rival): Promise<number> {
  const start = performance.now();
  for (let n = 0; n < CALLS; n++) await rival.run(n);
  return ((performance.now() - start) * 1e3) / CALLS;
}

async function queued(rival: Rival): Promise<number> {
  const start = performance.now();
  for (let n = 0; n < CALLS; n += QUEUED) {
    await Promise.all(Array.from({ length: QUEUED }, (_, i) => rival.run(n + i)));
  }
  return ((performance.now() - start) * 1e3) / CALLS;
}

/** Ratios first, then medians and spread; rivals take turns in every round. */
async function roundTrips(title: string, measure: (rival: Rival) => Promise<number>): Promise<void> {
  const rivals = await Promise.all(makers.map((make) => make(1)));
  const times = new Map(rivals.map((rival) => [rival.name, [] as number[]]));
  for (const rival of rivals) await measure(rival);
  for (let round = 0; round < ROUNDS; round++) {
    for (const rival of rivals) times.get(rival.name)!.push(await measure(rival));
  }
  await Promise.all(rivals.map((rival) => rival.close()));
  const own = median(times.get('watertight')!);
  console.log(`\n${title}, 1 thread, µs a call (median of ${ROUNDS} rounds of ${CALLS}, least–most)`);
  for (const [name, list] of times) {
    const [least, most] = [sorted(list)[0]!, sorted(list).at(-1)!];
    const ratio = `${(median(list) / own).toFixed(2)} ×`.padStart(7);
    console.log(
      `  ${ratio}  ${name.padEnd(16)} ${median(list).toFixed(1).padStart(6)}  ${least.toFixed(1)}–${most.toFixed(1)}`,
    );
  }
}

async function drain(): Promise<void> {
  console.log(`\nclose() with two tasks of ${SHORT_MS} and ${LONG_MS} ms in flight, 2 threads`);
  for (const make of makers.slice(1)) {
    const rival = await make(2);
    await Promise.all([rival.slow(1), rival.slow(1)]);
    const tasks = [rival.slow(SHORT_MS), rival.slow(LONG_MS)].map((task) =>
      task.then(
        () => true,
        () => false,
      ),
    );
    const start = performance.now();
    await rival.close();
    const closedMs = performance.now() - start;
    const finished = (await Promise.all(tasks)).filter(Boolean).length;
    console.log(
      `  ${finished === 2 ? '✓' : '✗'} ${rival.name.padEnd(12)} ${finished} of 2 finished, closed after ${closedMs.toFixed(0)} ms`,
    );
  }
}

async function lifeCycle(): Promise<void> {
  const starts: number[] = [];
  const ends: number[] = [];
  for (let n = 0; n < STARTS; n++) {
    const start = performance.now();
    const worker = new Worker(path('./echo-raw.mjs'));
    worker.postMessage(1);
    await once(worker, 'message');
    starts.push(performance.now() - start);
    const end = performance.now();
    await worker.terminate();
    ends.push(performance.now() - end);
  }
  console.log(
    `\nA thread: ${median(starts).toFixed(1)} ms to its first answer, ${median(ends).toFixed(1)} ms to terminate (medians of ${STARTS})`,
  );
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
console.log(`Node ${process.version}, commit ${commit}`);
await roundTrips('One call at a time', oneAtATime);
await roundTrips(`${QUEUED} calls queued`, queued);
await drain();
await lifeCycle();
process.exit();
