// A storm: processes do random operations on one pool, with canaries in the blocks; they are SIGKILLed at random, some of
// them with the lock held; after each kill the pool is recovered and audited, word by word.
//
//   node test/blocks/storm.mjs [--operations 1e8] [--kills 500] [--processes 3] [--blocks 4096] [--seed 1]
//
// Ends with figures as one line of JSON; exit code 1 when a promise broke.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const BLOCK_BYTES = 8;
/** So many blocks an agent holds before it gives back more than it takes. */
const ENOUGH = 900;
const OPERATIONS_A_TURN = 2000;
const PROGRESS_EVERY_MS = 10_000;
const root = fileURLToPath(new URL('../..', import.meta.url));

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '1e8' },
    kills: { type: 'string', default: '500' },
    processes: { type: 'string', default: '3' },
    blocks: { type: 'string', default: '4096' },
    seed: { type: 'string', default: '1' },
    bundle: { type: 'string' },
    handle: { type: 'string' },
  },
});
if (values.handle) await work(values.bundle, JSON.parse(values.handle), Number(values.seed));
else await coordinate();

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomOf(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

async function bundleRoom() {
  const { build } = await import('esbuild');
  const outfile = `${root}node_modules/.cache/watertight-blocks/storm-${process.pid}.mjs`;
  mkdirSync(fileURLToPath(new URL('.', pathToFileURL(outfile))), { recursive: true });
  await build({
    entryPoints: [`${root}src/blocks/index.ts`],
    ...{ outfile, bundle: true, platform: 'node', format: 'esm', target: 'node20', external: ['koffi'] },
  });
  process.once('exit', () => rmSync(outfile, { force: true }));
  return pathToFileURL(outfile).href;
}

/** One process of the storm; ends when told to, or by SIGKILL. */
async function work(bundle, handle, seed) {
  const { BlockPool } = await import(bundle);
  const pool = BlockPool.attach(handle);
  const random = randomOf(seed);
  const [mine, kept] = [`worker ${seed}`, `kept ${seed}`];
  const probe = pool.allocate(1, 0, mine);
  const view = pool.data(probe[0]);
  const words = new Int32Array(
    view.buffer,
    view.byteOffset - pool.blockIndex(probe[0]) * BLOCK_BYTES,
    Number(values.blocks) * 2,
  );
  pool.free(probe, mine);
  const stamp = (one) => {
    words[pool.blockIndex(one) * 2] = seed;
    words[pool.blockIndex(one) * 2 + 1] = one | 0;
  };
  const check = (one) => {
    const at = pool.blockIndex(one) * 2;
    if (words[at] !== seed) throw new Error(`block ${at / 2} is ${seed}'s, and ${words[at]} wrote there`);
  };
  let held = [];
  const take = () => {
    const handles = pool.allocate(1 + Math.floor(random() * 48), Math.floor(random() * 4), mine);
    for (const one of handles) stamp(one);
    held.push(...handles);
  };
  const giveBack = () => {
    const given = held.splice(0, 1 + Math.floor(random() * 64));
    for (const one of given) check(one);
    pool.free(given, mine);
  };
  const rare = [
    () => {
      const [shared] = pool.share(held.slice(0, 1), mine, `${mine} too`);
      const own = pool.writable(shared, `${mine} too`);
      stamp(own);
      check(held[0]);
      pool.freeAgent(`${mine} too`);
    },
    () => {
      pool.allocate(3, 1, kept);
      pool.keep(kept);
      pool.freeAgent(kept);
    },
    () => {
      for (const one of held) check(one);
      pool.freeAgent(mine);
      held = [];
    },
    () => pool.allocateSequence([1, 2, 0, 3], `${mine} sequence`),
    () => pool.freeAgent(`${mine} sequence`),
  ];
  let isOver = false;
  process.on('message', () => {
    isOver = true;
  });
  process.on('disconnect', () => process.exit(0));
  process.send('ready');
  while (!isOver) {
    for (let i = 0; i < OPERATIONS_A_TURN; i++) {
      try {
        const dice = random();
        if (dice < 0.02 && held.length > 0) rare[Math.floor(random() * rare.length)]();
        else if (dice < 0.5 && held.length < ENOUGH) take();
        else if (held.length > 0) giveBack();
      } catch (error) {
        if (error.code !== 'WT_BLOCKS_EXHAUSTED') throw error;
      }
    }
    await new Promise(setImmediate);
  }
  for (const one of held) check(one);
  pool.close();
  process.disconnect();
}

async function coordinate() {
  const [operations, kills, processes, blocks, seed] = ['operations', 'kills', 'processes', 'blocks', 'seed'].map(
    (name) => Number(values[name]),
  );
  const bundle = await bundleRoom();
  const { BlockPool } = await import(bundle);
  const pool = new BlockPool({ totalBlocks: blocks, blockBytes: BLOCK_BYTES, layers: 4, lockTimeoutMs: 60_000 });
  const random = randomOf(seed);
  const problems = [];
  let started = 0;
  const start = async () => {
    const args = [fileURLToPath(import.meta.url), '--bundle', bundle, '--handle', JSON.stringify(pool.handle)];
    const more = ['--seed', String(seed * 1e6 + ++started), '--blocks', String(blocks)];
    const child = spawn(process.execPath, [...args, ...more], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    child.once('exit', (code, signal) => {
      if (signal !== 'SIGKILL' && code !== 0) problems.push(`a process ended with ${code ?? signal}`);
    });
    await once(child, 'message');
    return child;
  };
  const look = () => {
    const report = pool.audit({ deep: true });
    if (!report.ok) problems.push(...report.problems);
  };
  const children = await Promise.all(Array.from({ length: processes }, start));
  const began = performance.now();
  let toldAt = began;
  let killed = 0;
  let freedBlocks = 0;
  while (problems.length === 0 && (killed < kills || pool.usage().operations < operations)) {
    // Kills are spread over the operations that are to be done.
    const due = (killed + 1) / kills <= pool.usage().operations / operations || killed < kills;
    if (!due || killed >= kills) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    await new Promise((resolve) => setTimeout(resolve, random() * 20));
    const victim = Math.floor(random() * children.length);
    children[victim].kill('SIGKILL');
    await once(children[victim], 'exit');
    killed++;
    freedBlocks += pool.recover().freedBlocks;
    for (const { name, pid, references } of pool.usage().agents) {
      if (pid !== 0 || references === 0) continue;
      pool.adopt(name);
      pool.freeAgent(name);
    }
    look();
    children[victim] = await start();
    if (performance.now() - toldAt > PROGRESS_EVERY_MS) {
      toldAt = performance.now();
      console.error(
        `${killed} kills, ${pool.usage().operations} operations, ${pool.usage().takeovers} locks taken over`,
      );
    }
  }
  for (const child of children) child.send('end');
  await Promise.all(children.map((child) => child.exitCode ?? once(child, 'exit')));
  pool.recover();
  look();
  const { operations: done, takeovers, recoveries, held, free } = pool.usage();
  const lost = blocks - free;
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  const figures = {
    operations: done,
    kills: killed,
    takeovers,
    recoveries,
    freedBlocks,
    held,
    lost,
    problems,
    seconds,
  };
  console.log(JSON.stringify(figures));
  pool.close();
  process.exitCode = problems.length > 0 || lost > 0 ? 1 : 0;
}
