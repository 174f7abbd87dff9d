// How long does it take to find the longest prefix whose blocks are in the pool, and does that depend on how many agents
// there are? Beside it the prior system's way, typed again: every agent's tokens compared one by one, in Python and here.
// As it ships: dist is built first. Run: npx tsx bench/blocks/prefix.bench.ts
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BlockPool, PrefixIndex } from '../../src/blocks/index.js';

const AGENTS = [5, 50, 500];
const TOKENS = 8192;
const SHARED = 4096;
const BLOCK_TOKENS = 256;
const LAYERS = 4;
const VOCABULARY = 128_000;
const ROUNDS = 5;
const LOOKUPS = 300;

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const us = (ns: number) => `${(ns / 1000).toFixed(1)} µs`;

/** One random number a token, the same each time: xorshift32. */
function sequence(seed: number, length: number): Uint32Array {
  let x = (seed * 0x9e3779b1) | 1;
  return new Uint32Array(length).map(() => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % VOCABULARY;
  });
}

/** The first half is everybody's, the second one's own. */
function prompt(own: number): Uint32Array {
  const tokens = new Uint32Array(TOKENS);
  tokens.set(sequence(1, SHARED));
  tokens.set(sequence(own + 2, TOKENS - SHARED), SHARED);
  return tokens;
}

/** Median ns of one call. */
function time(work: () => number, times = LOOKUPS): number {
  const all: number[] = [];
  for (let i = 0; i < times; i++) {
    const began = process.hrtime.bigint();
    const found = work();
    all.push(Number(process.hrtime.bigint() - began));
    if (found !== SHARED) throw new Error(`found ${found} tokens, not ${SHARED}`);
  }
  return median(all);
}

/** The prior design: the longest common prefix with each agent, the best of them. Twice, as each is compiled for its kind. */
function scanLists(sequences: readonly number[][], tokens: readonly number[]): number {
  let best = 0;
  for (const other of sequences) {
    let i = 0;
    while (i < tokens.length && i < other.length && tokens[i] === other[i]) i++;
    if (i > best) best = i;
  }
  return best;
}

function scanTyped(sequences: readonly Uint32Array[], tokens: Uint32Array): number {
  let best = 0;
  for (const other of sequences) {
    let i = 0;
    while (i < tokens.length && i < other.length && tokens[i] === other[i]) i++;
    if (i > best) best = i;
  }
  return best;
}

function python(agents: number): number {
  const args = [here('prior_prefix.py'), String(agents), String(TOKENS), String(SHARED), '25'];
  return Number(execFileSync('python3', args));
}

console.log(
  `Node ${process.version}, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim()}`,
);
execFileSync(process.execPath, [here('../../scripts/build.mjs')]);
const built = (await import(new URL('../../dist/blocks/index.js', import.meta.url).href)) as {
  BlockPool: typeof BlockPool;
  PrefixIndex: typeof PrefixIndex;
};

const cases = AGENTS.map((agents) => {
  const blocks = (SHARED + agents * (TOKENS - SHARED)) / BLOCK_TOKENS;
  const totalBlocks = LAYERS * (blocks + TOKENS / BLOCK_TOKENS);
  const pool = new built.BlockPool({ totalBlocks, blockBytes: 1, layers: LAYERS, maxLayers: LAYERS });
  const index = new built.PrefixIndex(pool, { blockTokens: BLOCK_TOKENS, maxBlocks: LAYERS * blocks });
  const prompts = Array.from({ length: agents }, (_, i) => prompt(i));
  const inserts: number[] = [];
  for (const tokens of prompts) {
    const handles = pool.allocateSequence(TOKENS / BLOCK_TOKENS, 'maker');
    const began = process.hrtime.bigint();
    index.insert(tokens, handles, 'maker');
    inserts.push(Number(process.hrtime.bigint() - began));
    pool.freeAgent('maker');
  }
  if (index.stats().entries !== blocks) throw new Error(`${index.stats().entries} entries, not ${blocks}`);
  const asked = prompt(-1);
  const borrow = () => {
    const { tokens, handles } = index.borrow(asked, 'borrower');
    pool.free(handles.flat(), 'borrower');
    return tokens;
  };
  const lists = prompts.map((tokens) => Array.from(tokens));
  const numbers = Array.from(asked);
  return {
    ...{ agents, entries: blocks, insert: median(inserts) },
    match: () => time(() => index.match(asked).tokens),
    matchList: () => time(() => index.match(numbers).tokens),
    miss: () => time(() => index.match(asked.subarray(1)).tokens + SHARED),
    borrow: () => time(borrow),
    scanTyped: () => time(() => scanTyped(prompts, asked), 25),
    scanLists: () => time(() => scanLists(lists, numbers), 25),
    python: () => python(agents),
    close: () => pool.close(),
  };
});
type Timed = 'match' | 'matchList' | 'miss' | 'borrow' | 'scanTyped' | 'scanLists' | 'python';
const TIMED: readonly Timed[] = ['match', 'matchList', 'miss', 'borrow', 'scanTyped', 'scanLists', 'python'];

const rows = cases.map((one) => ({ one, times: Object.fromEntries(TIMED.map((name) => [name, [] as number[]])) }));
for (let round = -1; round < ROUNDS; round++) {
  for (const { one, times } of rows)
    for (const name of TIMED)
      if (round >= 0) times[name]!.push(one[name]());
      else one[name]();
}
const seen = rows.map(({ one, times }) => ({
  one,
  of: Object.fromEntries(TIMED.map((name) => [name, median(times[name]!)])) as Record<Timed, number>,
  spread: `${us(Math.min(...times.match!))} to ${us(Math.max(...times.match!))}`,
}));

const [few, , many] = seen;
console.log(`\nfind ${SHARED} shared of ${TOKENS} tokens, blocks of ${BLOCK_TOKENS}; medians of ${ROUNDS} rounds`);
console.log(
  `  ${(many!.of.match / few!.of.match).toFixed(2)} × the time with 100 times the agents (${few!.one.agents}, ${many!.one.agents})`,
);
for (const { one, of, spread } of seen) {
  console.log(`\n${one.agents} agents, ${one.entries} entries`);
  console.log(
    `  ${(of.python / of.match).toFixed(0)} × faster than the prior system's scan of lists in Python, ${us(of.python)}`,
  );
  console.log(
    `  ${(of.scanLists / of.match).toFixed(1)} × faster than the same scan of arrays here, ${us(of.scanLists)}; of typed arrays ${us(of.scanTyped)}`,
  );
  console.log(`  ${us(of.match)} match() of a Uint32Array (${spread}), ${us(of.matchList)} of an array`);
  console.log(
    `  ${us(of.miss)} match() that finds nothing, ${us(of.borrow)} borrow() and free of ${LAYERS} layers, ${us(one.insert)} insert()`,
  );
}
for (const { one } of rows) one.close();
