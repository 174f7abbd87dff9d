// What does a bounded history cost, what does it leave behind over ten million steps, and what does a weak map cost?
// Run: npx tsx bench/bounded/rings.bench.ts   (peers: npm ci in bench/lifecycle, or they are left out)
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BoundedQueue, Float64History, History, Semaphore } from '../../src/bounded/index.js';
import { WeakValueMap } from '../../src/weak/index.js';

const ROUNDS = 9;
const CAPACITY = 1000;
const STEPS = 10_000_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const turn = () => new Promise(setImmediate);

interface Case {
  readonly name: string;
  readonly operations: number;
  readonly run: (operations: number) => unknown;
}

/** Rounds of all cases in turn. Prints ns an operation: ratio to the first case, median, least and most. */
async function compare(title: string, cases: readonly Case[]): Promise<void> {
  const times = new Map<string, number[]>(cases.map(({ name }) => [name, []]));
  for (let round = -2; round < ROUNDS; round++) {
    for (const { name, operations, run } of cases) {
      const began = performance.now();
      await run(operations);
      const ns = ((performance.now() - began) * 1e6) / operations;
      if (round >= 0) times.get(name)!.push(ns);
      await turn();
    }
  }
  const rows = cases.map(({ name }) => ({ name, sorted: times.get(name)!.sort((a, b) => a - b) }));
  const median = (sorted: readonly number[]) => sorted[sorted.length >> 1]!;
  const first = median(rows[0]!.sorted);
  console.log(`\n${title}`);
  for (const { name, sorted } of rows) {
    const figures = `${median(sorted).toFixed(1)} ns (${sorted[0]!.toFixed(1)}–${sorted.at(-1)!.toFixed(1)})`;
    console.log(`  ${(median(sorted) / first).toFixed(2).padStart(7)} ×  ${figures.padEnd(28)} ${name}`);
  }
}

interface Deque {
  push(value: unknown): unknown;
  shift(): unknown;
}

/** Rivals, where they are installed. */
function peers(): Case[] {
  const require = createRequire(new URL('../lifecycle/package.json', import.meta.url));
  const found: Case[] = [];
  try {
    const Denque = require('denque') as new (values: unknown[], options: { capacity: number }) => Deque;
    const bounded = new Denque([], { capacity: CAPACITY });
    found.push({
      name: 'denque, capacity',
      operations: 1e6,
      run: (n) => {
        for (let i = 0; i < n; i++) bounded.push(records[i & 1023]);
      },
    });
  } catch {
    console.log('denque is not installed');
  }
  try {
    const CircularBuffer = require('mnemonist/circular-buffer') as new (type: unknown, size: number) => Deque;
    const objects = new CircularBuffer(Array, CAPACITY);
    found.push({
      name: 'mnemonist CircularBuffer, Array',
      operations: 1e6,
      run: (n) => {
        for (let i = 0; i < n; i++) objects.push(records[i & 1023]);
      },
    });
  } catch {
    console.log('mnemonist is not installed');
  }
  return found;
}

function repeat(times: number, work: (i: number) => unknown): void {
  for (let i = 0; i < times; i++) work(i);
}

const records = Array.from({ length: 1024 }, (_, i) => ({ i }));
const cell = new Float64Array(4);
const history = new History<object>(CAPACITY);
const made = new History<object>(CAPACITY);
const one = new Float64History(CAPACITY, 1);
const three = new Float64History(CAPACITY, 3);
const rows = new Float64History(CAPACITY, 3);
const row = new Float64Array(3);
const array: object[] = [];
const large: object[] = records.slice(0, 0);
const queue = new BoundedQueue<object>(CAPACITY, 'drop-oldest');

console.log(
  `Node ${process.version}, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim()}`,
);
await compare(`push to a history of ${CAPACITY}, against a store to a fixed slot`, [
  {
    name: 'floor: typed store, fixed slot',
    operations: 1e7,
    run: (n) => {
      for (let i = 0; i < n; i++) cell[1] = i * 0.5;
    },
  },
  {
    name: 'Float64History, 1 column',
    operations: 1e7,
    run: (n) => {
      for (let i = 0; i < n; i++) one.push(i * 0.5);
    },
  },
  {
    name: 'Float64History, 3 columns',
    operations: 1e7,
    run: (n) => {
      for (let i = 0; i < n; i++) three.push(i * 0.5, i, i * 2.5);
    },
  },
  {
    name: 'Float64History.pushRow, 3 columns',
    operations: 1e7,
    run: (n) => {
      for (let i = 0; i < n; i++) {
        row[0] = i * 0.5;
        rows.pushRow(row);
      }
    },
  },
  {
    name: 'History, records that exist',
    operations: 1e7,
    run: (n) => {
      for (let i = 0; i < n; i++) history.push(records[i & 1023]!);
    },
  },
  {
    name: 'History, a new record each',
    operations: 1e7,
    run: (n) => {
      for (let i = 0; i < n; i++) made.push({ i });
    },
  },
  {
    name: "BoundedQueue, 'drop-oldest', full",
    operations: 1e6,
    run: (n) => {
      for (let i = 0; i < n; i++) queue.push(records[i & 1023]!);
    },
  },
  ...peers(),
  {
    name: `Array push + shift at ${CAPACITY}`,
    operations: 1e6,
    run: (n) => {
      for (let i = 0; i < n; i++) {
        array.push(records[i & 1023]!);
        if (array.length > CAPACITY) array.shift();
      }
    },
  },
  {
    name: 'Array push + shift at 25,000',
    operations: 10_000,
    run: (n) => {
      while (large.length < 25_000) large.push(records[0]!);
      for (let i = 0; i < n; i++) {
        large.push(records[i & 1023]!);
        large.shift();
      }
    },
  },
  {
    name: `[...array, value].slice(-${CAPACITY})`,
    operations: 20_000,
    run: (n) => {
      let kept: object[] = records.slice(0, CAPACITY);
      for (let i = 0; i < n; i++) kept = [...kept.slice(1), records[i & 1023]!];
      return kept;
    },
  },
]);

const KEYS = 10_000;
const values = Array.from({ length: KEYS }, (_, i) => ({ i }));
const filled = new WeakValueMap<number, object>();
const refs = new Map<number, WeakRef<object>>();
const plain = new Map<number, object>();
for (const [key, value] of values.entries()) {
  filled.set(key, value);
  refs.set(key, new WeakRef(value));
  plain.set(key, value);
}
await compare(`a map of ${KEYS} values, against a plain Map`, [
  { name: 'Map get', operations: 1e5, run: (n) => repeat(n, (i) => plain.get(i % KEYS)) },
  { name: 'Map of WeakRef get', operations: 1e5, run: (n) => repeat(n, (i) => refs.get(i % KEYS)?.deref()) },
  { name: 'WeakValueMap get', operations: 1e5, run: (n) => repeat(n, (i) => filled.get(i % KEYS)) },
]);
await compare(`setting ${KEYS} values in a new map`, [
  {
    name: 'Map set',
    operations: KEYS,
    run: (n) => {
      const map = new Map<number, object>();
      for (let i = 0; i < n; i++) map.set(i, values[i]!);
    },
  },
  {
    name: 'Map of WeakRef set, keys never pruned',
    operations: KEYS,
    run: (n) => {
      const map = new Map<number, WeakRef<object>>();
      for (let i = 0; i < n; i++) map.set(i, new WeakRef(values[i]!));
    },
  },
  {
    name: 'WeakValueMap set',
    operations: KEYS,
    run: (n) => {
      const map = new WeakValueMap<number, object>();
      for (let i = 0; i < n; i++) map.set(i, values[i]!);
    },
  },
]);
const cycled = new WeakValueMap<number, object>();
const cycledPlain = new Map<number, object>();
await compare('set and delete', [
  {
    name: 'Map',
    operations: 1e5,
    run: (n) =>
      repeat(n, (i) => {
        cycledPlain.set(i, values[i % KEYS]!);
        cycledPlain.delete(i);
      }),
  },
  { name: 'WeakValueMap', operations: 1e5, run: (n) => repeat(n, (i) => cycled.set(i, values[i % KEYS]!).delete(i)) },
]);

const semaphore = new Semaphore(4);
await compare('a semaphore where nobody waits, against an awaited call', [
  {
    name: 'floor: await of an async function',
    operations: 1e5,
    run: async (n) => {
      const nothing = async () => {};
      for (let i = 0; i < n; i++) await nothing();
    },
  },
  {
    name: 'Semaphore.run',
    operations: 1e5,
    run: async (n) => {
      for (let i = 0; i < n; i++) await semaphore.run(() => {});
    },
  },
  {
    name: 'Semaphore.acquire + release',
    operations: 1e5,
    run: async (n) => {
      for (let i = 0; i < n; i++) (await semaphore.acquire()).release();
    },
  },
]);

console.log(
  `\nmemory after filling, over ${STEPS.toLocaleString('en')} steps, heap and array buffers after a collection`,
);
for (const [name, push] of [
  ['History', (i: number) => made.push({ i })],
  ['Float64History', (i: number) => three.push(i, i * 0.5, -i)],
] as const) {
  const bytesAfter = async (steps: number) => {
    repeat(steps, push);
    // Twice: what the first collection finds dead in the old generation goes with the second.
    for (let i = 0; i < 2; i++) {
      await turn();
      collect();
    }
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  await bytesAfter(100_000);
  const before = await bytesAfter(100_000);
  const grown = (await bytesAfter(STEPS)) - before;
  console.log(`  ${(grown / STEPS).toFixed(5)} bytes a step (${grown} bytes in all)  ${name}`);
}
