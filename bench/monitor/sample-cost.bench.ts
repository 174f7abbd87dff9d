// What does looking cost? A full sample at 200 descriptors, and the recorder on a program made of promises and timers.
// Run: npx tsx bench/monitor/sample-cost.bench.ts
import { EventEmitter, once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OriginRecorder, ProcessSampler, sampleIsolate } from '../../src/monitor/index.js';

const DESCRIPTORS = 200;
const SOCKET_PAIRS = 40;
const SAMPLES = 500;
const LIMIT_MS = 5;
const EVENTS = 100_000;
const ROUNDS = 7;

const msNow = () => performance.now();
const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] as number;

async function sampleCost(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wt-bench-'));
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets: Socket[] = [];
  server.on('connection', (socket) => sockets.push(socket));
  for (let i = 0; i < SOCKET_PAIRS; i++) {
    const accepted = once(server, 'connection');
    sockets.push(connect((server.address() as AddressInfo).port, '127.0.0.1'));
    await accepted;
  }
  const files: number[] = [];
  while (readdirSync('/proc/self/fd').length < DESCRIPTORS) files.push(openSync(join(folder, `${files.length}`), 'w'));

  const sampler = new ProcessSampler({ tempDirs: [folder] });
  const times: number[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    const start = msNow();
    sampleIsolate();
    sampler.sample();
    times.push(msNow() - start);
  }
  const { descriptors, sockets: open, tempFiles } = sampler.sample();
  const median = quantile(times, 0.5);
  console.log(`full sample: ${(LIMIT_MS / median).toFixed(2)} × below the ${LIMIT_MS} ms limit`);
  console.log(
    `  median ${median.toFixed(3)} ms, p95 ${quantile(times, 0.95).toFixed(3)} ms over ${SAMPLES} samples; ` +
      `${descriptors.length} descriptors, ${open.length} sockets, ${tempFiles.length} temp files`,
  );
  for (const fd of files) closeSync(fd);
  for (const socket of sockets) socket.destroy();
  server.close();
  rmSync(folder, { recursive: true });
}

async function promises(): Promise<void> {
  for (let i = 0; i < EVENTS; i++) await i;
}

function timers(): void {
  for (let i = 0; i < EVENTS; i++) clearTimeout(setTimeout(() => {}, 60_000));
}

function listeners(): void {
  const bus = new EventEmitter();
  const listener = () => {};
  for (let i = 0; i < EVENTS; i++) bus.on('tick', listener).off('tick', listener);
}

async function timed(run: () => void | Promise<void>): Promise<number> {
  const start = msNow();
  await run();
  return ((msNow() - start) * 1e6) / EVENTS;
}

async function recorderCost(name: string, run: () => void | Promise<void>): Promise<void> {
  const plain: number[] = [];
  const recorded: number[] = [];
  const stopped: number[] = [];
  const recorder = new OriginRecorder();
  await run();
  for (let round = 0; round < ROUNDS; round++) {
    plain.push(await timed(run));
    recorder.start();
    recorded.push(await timed(run));
    recorder.stop();
    recorder.reset();
    stopped.push(await timed(run));
  }
  const [before, during, after] = [plain, recorded, stopped].map((values) => quantile(values, 0.5)) as [
    number,
    number,
    number,
  ];
  console.log(
    `recorder, ${name}: ${(during / before).toFixed(1)} × while recording, ${(after / before).toFixed(2)} × after stop\n` +
      `  +${(during - before).toFixed(0)} ns an event on ${before.toFixed(0)} ns; medians of ${ROUNDS} rounds of ${EVENTS}, ` +
      `spread ${Math.min(...recorded).toFixed(0)}–${Math.max(...recorded).toFixed(0)} ns`,
  );
}

console.log(`Node ${process.version}`);
await sampleCost();
await recorderCost('promises', promises);
await recorderCost('timers', timers);
await recorderCost('listeners', listeners);
