// What does it cost to make, open and close a segment, and how long is a round trip between two processes?
// Run: npm run build && npx tsx bench/shm/segment.bench.ts   (peer: Python's multiprocessing.shared_memory, if python3 is there)
import { fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Segment, Signal } from 'watertight/shm';

const ROUNDS = 2000;
const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;
const p99 = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length * 0.99)]!;

if (process.argv[2] === 'echo') await echo();
else await compare();

async function compare(): Promise<void> {
  console.log(`node ${process.version}`);
  console.log('\np50, µs: make / open / close');
  const python = pythonCost();
  for (const [name, bytes, label] of [
    ['without a name, 4 KiB', 4096],
    ['with a name, 4 KiB', 4096, 'bench'],
    ['without a name, 1 MiB', 2 ** 20],
    ['without a name, 64 MiB', 2 ** 26],
  ] as const) {
    const [make, open, close] = cost(bytes, label);
    const share =
      python && bytes === 2 ** 20
        ? `  (${(python / (make! + close!)).toFixed(1)} × as fast as Python, made, touched and unlinked: ${python.toFixed(0)})`
        : '';
    console.log(`  ${name.padEnd(26)} ${make!.toFixed(1)} / ${open!.toFixed(1)} / ${close!.toFixed(1)}${share}`);
  }
  await roundTrips();
}

function cost(bytes: number, name?: string): number[] {
  const times: number[][] = [[], [], []];
  for (let round = 0; round < (bytes > 2 ** 20 ? 50 : ROUNDS); round++) {
    const start = performance.now();
    const made = Segment.create(name === undefined ? { bytes } : { bytes, name });
    const isMade = performance.now();
    const opened = Segment.open(made.handle);
    const isOpen = performance.now();
    opened.close();
    const middle = performance.now();
    made.close();
    times[0]!.push((isMade - start) * 1000);
    times[1]!.push((isOpen - isMade) * 1000);
    times[2]!.push((performance.now() - middle) * 1000);
  }
  return times.map(median);
}

function pythonCost(): number | undefined {
  const source = `
import time
from multiprocessing import shared_memory
times = []
for _ in range(500):
    start = time.perf_counter()
    made = shared_memory.SharedMemory(create=True, size=1048576)
    made.buf[::4096] = bytes(256) # all of its memory, as ours has
    made.close(); made.unlink()
    times.append(time.perf_counter() - start)
print(sorted(times)[250] * 1e6)`;
  const { status, stdout } = spawnSync('python3', ['-c', source], { encoding: 'utf8' });
  return status === 0 ? Number(stdout) : undefined;
}

/** This process notifies one signal and waits for the other. */
async function roundTrips(): Promise<void> {
  const segment = Segment.create({ bytes: 4096 });
  const there = new Signal(segment, 0);
  const back = new Signal(segment, 8);
  const child = fork(fileURLToPath(import.meta.url), ['echo'], { execArgv: ['--import', 'tsx'] });
  child.send(segment.handle);
  await once(child, 'message');
  console.log('\nround trip between two processes, µs: p50, p99');
  const sync: number[] = [];
  for (let round = 0; round < 20_000; round++) {
    const seen = back.count;
    const start = performance.now();
    there.notify();
    back.wait(seen);
    sync.push((performance.now() - start) * 1000);
  }
  const aside: number[] = [];
  for (let round = 0; round < 2000; round++) {
    const seen = back.count;
    const start = performance.now();
    there.notify();
    await back.waitAsync(seen);
    aside.push((performance.now() - start) * 1000);
  }
  // The last one ends the echo's waiting; it then answers messages.
  new Int32Array(segment.buffer, 16, 1)[0] = 1;
  there.notify();
  await once(child, 'message');
  const ipc: number[] = [];
  for (let round = 0; round < 2000; round++) {
    const start = performance.now();
    child.send(round);
    await once(child, 'message');
    ipc.push((performance.now() - start) * 1000);
  }
  const base = median(ipc);
  for (const [name, times] of [
    ['Signal.wait', sync],
    ['Signal.waitAsync', aside],
    ['child_process IPC', ipc],
  ] as const) {
    console.log(
      `  ${(base / median([...times])).toFixed(1).padStart(5)} ×  ${median([...times])
        .toFixed(1)
        .padStart(6)} ${p99([...times])
        .toFixed(1)
        .padStart(8)}  ${name}`,
    );
  }
  child.kill();
  segment.close();
}

async function echo(): Promise<void> {
  const parent = process.ppid;
  const [handle] = (await once(process, 'message')) as [never];
  const segment = Segment.open(handle);
  const there = new Signal(segment, 0);
  const back = new Signal(segment, 8);
  const end = new Int32Array(segment.buffer, 16, 1);
  process.send!('ready');
  for (let seen = 0; ; seen++) {
    while (there.wait(seen, 1000) === 'timeout') if (process.ppid !== parent) process.exit(1);
    if (end[0] === 1) break;
    back.notify();
  }
  process.on('message', (message) => process.send!(message));
  process.send!('done');
}
