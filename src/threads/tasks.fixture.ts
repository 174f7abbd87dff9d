/* Tasks for the tests of pools: each file runs in real threads. */
import { pbkdf2Sync } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import type { TaskContext } from './task-context.js';
import { ThreadLocal } from './thread-local.js';

const log = (file: string, line: string) => appendFileSync(file, `${line}\n`);

export default (input: unknown) => input;
export const whereAmI = (_: unknown, { thread, data }: TaskContext) => ({ thread, threadId, data });
export const add = ({ a, b }: { a: number; b: number }) => a + b;

/** Waits until the caller opens its gate: threads meet on the memory, no clock is involved. */
export function hold({ cells, index }: { cells: Int32Array; index: number }) {
  Atomics.wait(cells, index, 0);
  return index;
}

export async function wait(ms: number, { signal }: TaskContext) {
  await delay(ms, undefined, { signal });
  return 'waited';
}

/** Never looks at its context, and never ends; the event loop turns. */
export const deaf = (cells?: Int32Array) => {
  if (cells) arrive(cells);
  return new Promise(() => setInterval(() => {}, 1_000));
};
/** The same, and the event loop does not turn. */
export function spin(cells: Int32Array) {
  arrive(cells);
  for (;;);
}
/** Ends by `isAborted` alone, without the event loop. */
export function spinUntilAborted(cells: Int32Array, context: TaskContext) {
  arrive(cells);
  while (!context.isAborted);
  return context.signal.aborted;
}
/** Ends by the signal, and says so. */
export function untilAborted(cells: Int32Array, { signal }: TaskContext) {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(`stopped: ${signal.reason.message}`));
    arrive(cells);
  });
}
/** Native code: terminate() does not reach it. */
export function native({ cells, iterations }: { cells: Int32Array; iterations: number }) {
  arrive(cells);
  pbkdf2Sync('password', 'salt', iterations, 64, 'sha512');
}

export const fail = () => {
  throw Object.assign(new RangeError('too far'), { code: 'E_FAR', cause: new Error('the ground') });
};
export const failText = () => {
  throw 'only text';
};
export const failNothing = () => {
  throw undefined;
};
/** An uncaught error that is none. */
export const crashByNothing = () => {
  setImmediate(() => {
    throw undefined;
  });
  return new Promise(() => {});
};
export const exit = (code: number) => process.exit(code);
export const crash = () => {
  setImmediate(() => {
    throw new Error('nobody caught this');
  });
  return new Promise(() => {});
};
export const exhaust = () => {
  const kept: unknown[] = [];
  for (;;) kept.push(new Array(10_000).fill(kept.length));
};
export const uncloneable = () => () => {};
export const move = (buffer: ArrayBuffer, context: TaskContext) => context.transfer(buffer, [buffer]);
export const aborts = (_: unknown, context: TaskContext) => context.isAborted;

const files = new ThreadLocal(
  () => ({ file: '', closed: 0 }),
  async (value) => {
    await null;
    log(value.file, `disposed ${threadId}`);
  },
  { name: 'log file', describe: () => ({ threadId }) },
);
/** Opens the thread's value, which tells `file` when it is disposed of. */
export function openLocal(file: string) {
  files.value.file = file;
  return threadId;
}
const stubborn = new ThreadLocal(
  () => ({}),
  () => new Promise(() => setInterval(() => {}, 1_000)),
);
export const openStubborn = () => typeof stubborn.value;

const failing = new ThreadLocal(
  () => ({}),
  () => {
    throw new RangeError('cannot dispose');
  },
  { name: 'failing' },
);
export const openFailing = () => typeof failing.value;

let ballast: unknown[] = [];
export const grow = (count: number) => {
  ballast = ballast.concat(Array.from({ length: count }, (_, i) => ({ i, text: `n${i}` })));
  return ballast.length;
};

function arrive(cells: Int32Array): void {
  Atomics.store(cells, 0, 1);
  Atomics.notify(cells, 0);
}
