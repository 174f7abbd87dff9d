// What do allocating and freeing cost, against the prior Python pool and an array without any promise? How long does a
// recovery take, what does the control memory weigh, what do two processes and two threads reach together?
// As it ships: dist is built first. Run: npx tsx bench/blocks/pool.bench.ts
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { bundle } from '../../src/blocks/bundle.fixture.js';
import type { BlockPool } from '../../src/blocks/index.js';

const BLOCKS = 65_536;
const PAIRS = 100;
const BURSTS = 2000;
const ROUNDS = 5;
const COUNTS = [1, 5, 16];
const TOGETHER_MS = 1000;

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Median ns of one `work` over short bursts: what is between two interruptions of a busy machine. */
function burst(work: () => void): number {
  const times: number[] = [];
  for (let i = 0; i < BURSTS; i++) {
    const began = process.hrtime.bigint();
    for (let j = 0; j < PAIRS; j++) work();
    times.push(Number(process.hrtime.bigint() - began) / PAIRS);
  }
  return median(times);
}

function prior(count: number): number {
  return Number(execFileSync('python3', [here('prior_pool.py'), String(BLOCKS), String(count), '300']));
}

/** The floor: a stack of numbers without owner, lock or check. */
function floor(): (count: number) => void {
  const stack = new Int32Array(BLOCKS).map((_, i) => i);
  const out = new Int32Array(16);
  let top = BLOCKS;
  return (count) => {
    for (let i = 0; i < count; i++) out[i] = stack[--top];
    for (let i = 0; i < count; i++) stack[top++] = out[i];
  };
}

console.log(
  `Node ${process.version}, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim()}`,
);
execFileSync(process.execPath, [here('../../scripts/build.mjs')]);
const built = new URL('../../dist/blocks/index.js', import.meta.url).href;
const { BlockPool: Pool } = (await import(built)) as { BlockPool: typeof BlockPool };
const pool = new Pool({ totalBlocks: BLOCKS, blockBytes: 64, layers: 4 });
for (const count of COUNTS) {
  const stack = floor();
  const rounds = Array.from({ length: ROUNDS }, () => ({
    ours: burst(() => pool.free(pool.allocate(count, 0, 'session-1'), 'session-1')),
    floor: burst(() => stack(count)),
    prior: prior(count),
  }));
  const [ours, least, python] = (['ours', 'floor', 'prior'] as const).map((name) =>
    median(rounds.map((round) => round[name])),
  );
  console.log(`\nallocate + free of ${count}, ${BLOCKS} blocks, median of ${ROUNDS} rounds of ${BURSTS} bursts`);
  console.log(`  ${(python / ours).toFixed(1)} × faster than the prior pool`);
  console.log(`  ${ours.toFixed(1)} ns BlockPool`);
  console.log(`  ${python.toFixed(0)} ns prior pool (python3), ${least.toFixed(1)} ns a stack without promises`);
}

const child = here('participant.mjs');
const handle = () => JSON.stringify(pool.handle);
const url = await bundle('stepping');

async function recovery(): Promise<number> {
  const killed = spawn(process.execPath, [child, url, handle(), 'die'], { stdio: 'inherit' });
  await once(killed, 'exit');
  const began = performance.now();
  const { freedBlocks, tookOverLock } = pool.recover();
  const ms = performance.now() - began;
  if (!tookOverLock || freedBlocks === 0) throw new Error('nothing was recovered');
  return ms;
}
const recoveries: number[] = [];
for (let i = 0; i < 7; i++) recoveries.push(await recovery());
console.log(
  `\nrecovery of ${BLOCKS} blocks, half of them held by one killed with the lock: median ${median(recoveries).toFixed(2)} ms`,
);
console.log(`  (${recoveries.map((ms) => ms.toFixed(2)).join(', ')})`);

const { controlBytes } = pool.usage();
console.log(
  `\ncontrol memory at ${BLOCKS} blocks, as many shares, 1024 agents of 64 layers: ${(controlBytes / 2 ** 20).toFixed(2)} MiB`,
);
const small = new Pool({
  totalBlocks: BLOCKS,
  blockBytes: 64,
  layers: 4,
  maxLayers: 4,
  maxShares: 0,
  maxAgents: 64,
});
console.log(
  `  without shares, 64 agents of 4 layers: ${(small.usage().controlBytes / 2 ** 20).toFixed(2)} MiB; the lock and the journal: 192 bytes`,
);

/** Pairs a second of `count` blocks, by two who start together. */
async function together(kind: 'processes' | 'threads', count: number): Promise<number> {
  const args = [built, handle(), 'run', String(count), String(TOGETHER_MS)];
  const start = (): Promise<number>[] =>
    [0, 1].map(async () => {
      if (kind === 'threads') return (await once(new Worker(child, { argv: args }), 'message'))[0] as number;
      const one = spawn(process.execPath, [child, ...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
      return (await once(one, 'message'))[0] as number;
    });
  const rates = await Promise.all(start());
  return rates[0] + rates[1];
}
console.log('\ntwo together, pairs a second in all');
for (const kind of ['processes', 'threads'] as const) {
  for (const count of COUNTS) {
    const rates: number[] = [];
    for (let i = 0; i < 3; i++) rates.push(await together(kind, count));
    console.log(`  ${(median(rates) / 1e6).toFixed(2)} M  two ${kind}, ${count} blocks each time`);
  }
}
for (const one of [pool, small]) one.close();
