// How long does it take to tear an engine down and to begin it anew: 2 workers, 3 segments of 1 MiB, 2 UDP sockets? Warm
// threads, warm processes, fresh threads each time, and the prior system's way in Python; in turns. What is left after it all?
// Run: npm run build && npx tsx bench/warm/reload.bench.ts [cycles, 1000 if not given]   (python3 for the last one)
import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Segment } from 'watertight/shm';
import { WarmPool } from 'watertight/warm';

const CYCLES = Number(process.argv[2] ?? 1000);
const ROUNDS = 10;
/** Those that take 10 to 100 times as long get fewer. */
const SLOW_CYCLES = Math.max(Math.ceil(CYCLES / ROUNDS / 20), 2);
const MEMBERS = 2;
const SEGMENTS = 3;
const SEGMENT_BYTES = 2 ** 20;
const TARGET_MS = 1;
/** Memory settles during the first cycles: code is compiled, heaps find their size. */
const SETTLED_SHARE = 0.5;

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

interface Way {
  readonly name: string;
  readonly cycles: number;
  readonly inits: number[];
  readonly teardowns: number[];
  cycle(): Promise<[initMs: number, teardownMs: number]>;
}

/** Memory when it is first touched, as Python's SharedMemory has it, or taken at once, as is our default. */
const makeSegments = (preallocate: boolean) =>
  Array.from({ length: SEGMENTS }, () => Segment.create({ bytes: SEGMENT_BYTES, preallocate }));

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}

const openSockets = () => Promise.all([openSocket(), openSocket()]);
const closeSockets = (sockets: readonly Socket[]) =>
  Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(resolve))));

const segmentTimes: number[] = [];

/** `kept`: segments that outlive the reload, as an engine's do whose format has not changed. */
function warmWay(name: string, pool: WarmPool, preallocate: boolean, kept: readonly Segment[] | null): Way {
  const cycle = async (): Promise<[number, number]> => {
    const startedAt = performance.now();
    const segments = kept ?? makeSegments(preallocate);
    if (!kept && preallocate) segmentTimes.push(performance.now() - startedAt);
    const [sockets, session] = await Promise.all([openSockets(), pool.open({ segments: { ...segments } })]);
    const begunAt = performance.now();
    const [{ status }] = await Promise.all([session.close(), closeSockets(sockets)]);
    if (!kept) for (const segment of segments) segment.close();
    const endedAt = performance.now();
    if (status !== 'completed') throw new Error(`a session ended as ${status}`);
    return [begunAt - startedAt, endedAt - begunAt];
  };
  return { name, cycles: Math.ceil(CYCLES / ROUNDS), inits: [], teardowns: [], cycle };
}

async function freshThreads(): Promise<[number, number]> {
  const startedAt = performance.now();
  const segments = makeSegments(false);
  const handles = segments.map(({ handle }) => handle);
  const workers = Array.from(
    { length: MEMBERS },
    (_, index) => new Worker(path('./engine-fresh.mjs'), { workerData: { index, handles }, execArgv: [] }),
  );
  const [sockets] = await Promise.all([openSockets(), ...workers.map((worker) => once(worker, 'message'))]);
  const begunAt = performance.now();
  await Promise.all(
    workers.map(async (worker) => {
      worker.postMessage('close');
      await once(worker, 'message');
      await worker.terminate();
    }),
  );
  await closeSockets(sockets);
  for (const segment of segments) segment.close();
  return [begunAt - startedAt, performance.now() - begunAt];
}

function pythonCycles(count: number): { inits: number[]; teardowns: number[] } | null {
  const { status, stdout } = spawnSync('python3', [path('./reload.py'), String(count), String(SEGMENT_BYTES)]);
  return status === 0 ? JSON.parse(String(stdout)) : null;
}

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const quantile = (values: readonly number[], q: number) => sorted(values)[Math.floor(q * (values.length - 1))]!;

const descriptors = () => readdirSync('/proc/self/fd').length;
const ownEntries = () => readdirSync('/dev/shm').filter((name) => /\.segment|\.child/.test(name)).length;

function zombies(): number {
  const states = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
      } catch {
        return ['', ''];
      }
    });
  return states.filter(([state, parent]) => state === 'Z' && Number(parent) === process.pid).length;
}

/** Growth by least squares over the later half, in kB a cycle of all ways together. */
function slopeKb(samples: readonly (readonly [cycle: number, bytes: number])[]): number {
  const late = samples.slice(Math.floor(samples.length * SETTLED_SHARE));
  const [meanX, meanY] = [mean(late.map(([x]) => x)), mean(late.map(([, y]) => y))];
  const over = late.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const under = late.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return over / under / 1024;
}

const row = (label: string, values: readonly number[]) =>
  `${label} mean ${mean(values).toFixed(3)}  p50 ${quantile(values, 0.5).toFixed(3)}  p99 ${quantile(values, 0.99).toFixed(2)}  max ${Math.max(...values).toFixed(2)}`;

function printTimes(ways: readonly Pick<Way, 'name' | 'inits' | 'teardowns'>[]): void {
  const [ours] = ways;
  console.log('\nInit and teardown, mean, against the first');
  for (const { name, inits, teardowns } of ways.slice(1)) {
    const ratios = [mean(inits) / mean(ours!.inits), mean(teardowns) / mean(ours!.teardowns)];
    console.log(`  ${ratios.map((ratio) => `${ratio.toFixed(1)} ×`.padStart(8)).join(' ')}  ${name}`);
  }
  console.log('\nms');
  for (const { name, inits, teardowns } of ways) {
    console.log(`  ${name} (${inits.length} cycles)\n    ${row('init    ', inits)}\n    ${row('teardown', teardowns)}`);
  }
  console.log(`  of an init with new segments:\n    ${row('segments', segmentTimes)}`);
  for (const { name, inits, teardowns } of ways.slice(0, 2)) {
    const isMet = mean(inits) <= TARGET_MS && mean(teardowns) <= TARGET_MS;
    console.log(`  ${isMet ? '✓' : '✗'} ${name}: at most ${TARGET_MS} ms mean wanted of each`);
  }
}

async function coldStart(pool: WarmPool): Promise<string> {
  const { members, durationMs } = await pool.start();
  return `${durationMs.toFixed(0)} ms for ${members}`;
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
console.log(
  `Node ${process.version}, commit ${commit}; ${MEMBERS} members, ${SEGMENTS} segments of 1 MiB, 2 UDP sockets`,
);
const script = path('./engine.mjs');
const threads = new WarmPool({ script, size: MEMBERS, execArgv: [], name: 'threads' });
const processes = new WarmPool({ script, size: MEMBERS, execArgv: [], name: 'processes', kind: 'process' });
console.log(`Cold start: threads ${await coldStart(threads)}, processes ${await coldStart(processes)}`);
const kept = makeSegments(true);
const ways: Way[] = [
  warmWay('warm threads', threads, false, null),
  warmWay('warm threads, memory of segments taken at once', threads, true, null),
  warmWay('warm threads, segments kept', threads, true, kept),
  warmWay('warm processes', processes, false, null),
  { name: 'fresh threads', cycles: SLOW_CYCLES, inits: [], teardowns: [], cycle: freshThreads },
];
const python = {
  name: 'Python: fork pool, SharedMemory, JSON registry',
  inits: [] as number[],
  teardowns: [] as number[],
};
// Once each: what is opened for good on first use is no leak.
for (const way of ways) await way.cycle();
const before = { descriptors: descriptors(), entries: ownEntries() };
const samples: [number, number][] = [];
let cycles = 0;
for (let round = 0; round < ROUNDS; round++) {
  for (const way of ways) {
    for (let n = 0; n < way.cycles; n++) {
      const [initMs, teardownMs] = await way.cycle();
      way.inits.push(initMs);
      way.teardowns.push(teardownMs);
      if (++cycles % 20 === 0) samples.push([cycles, process.memoryUsage.rss()]);
    }
  }
  const found = pythonCycles(SLOW_CYCLES);
  python.inits.push(...(found?.inits ?? []));
  python.teardowns.push(...(found?.teardowns ?? []));
}
printTimes(python.inits.length > 0 ? [...ways, python] : ways);
console.log(`\nLeft after ${cycles} cycles`);
console.log(
  `  descriptors ${before.descriptors} → ${descriptors()}, segments in /dev/shm ${before.entries} → ${ownEntries()}`,
);
console.log(`  zombies ${zombies()}, RSS ${slopeKb(samples).toFixed(2)} kB a cycle over the later half`);
console.log(
  `  members started ${threads.usage().started} + ${processes.usage().started}, replaced ${threads.usage().replaced + processes.usage().replaced}`,
);
for (const segment of kept) segment.close();
await Promise.all([threads.stop(), processes.stop()]);
console.log('\nDoes it leak? node dist/cli/main.js soak bench/warm/soak.mjs');
