// A process that does what it is told, order by order. With WATERTIGHT_TEST_KILL_AT=n it kills itself right before its n-th
// call of the file system or of the operating system, counted from the order on: every step is cut once.
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { Native } from '../native/index.js';

const killAt = Number(process.env.WATERTIGHT_TEST_KILL_AT ?? Number.POSITIVE_INFINITY);
let calls = Number.NEGATIVE_INFINITY;

const kill = process.kill.bind(process);
const endMyself = () => kill(process.pid, 'SIGKILL');

function countCalls(target: object, names: readonly string[]): void {
  const functions = target as Record<string, (...values: unknown[]) => unknown>;
  for (const name of names) {
    const original = functions[name]!;
    functions[name] = function (this: unknown, ...values: unknown[]) {
      if (calls++ === killAt) endMyself();
      return original.apply(this, values);
    };
  }
}

// Being killed before a call that only reads is being killed after the last one that did not.
const COUNTED = new RegExp(process.env.WATERTIGHT_TEST_CALLS ?? '^(?!read|lstat|stat|fstat|exists|access)');
countCalls(
  fs,
  Object.keys(fs).filter((name) => name.endsWith('Sync') && COUNTED.test(name)),
);
countCalls(process, ['kill']);
countCalls(childProcess, ['spawn']);
countCalls(
  Native.prototype,
  Object.getOwnPropertyNames(Native.prototype).filter((name) => name !== 'constructor'),
);

export type Orders = Record<string, (...values: never[]) => unknown>;

export function serve(orders: Orders): void {
  process.on('message', async ({ order, values }: { order: string; values: never[] }) => {
    // What is looked up once is no step of the order.
    if (order !== 'owner' && killAt !== Number.POSITIVE_INFINITY) calls = 0;
    try {
      const value = await orders[order]!(...values);
      calls = Number.NEGATIVE_INFINITY;
      process.send!({ value });
    } catch (error) {
      process.send!({ error: String((error as Error).stack) });
    }
  });
}
