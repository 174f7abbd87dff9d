// A process that leases what it is told to. With WATERTIGHT_TEST_KILL_AT=n it kills itself right before its n-th call of the
// file system or of the operating system, counted from the order on: every step between intent and use is cut once.
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { createServer } from 'node:net';
import { Native } from '../native/native.js';
import { makeEntry } from './entry-failure.js';
import { lease, listLeases, MARK_VARIABLE, reclaim, registerChild, thisOwner } from './index.js';
import { leasePath } from './lease.js';

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

/** Never released: what a killed process leaves. */
const held: unknown[] = [];

const orders: Record<string, (...values: never[]) => unknown> = {
  owner: () => thisOwner().uid,
  folder: () => {
    const folder = lease.folder();
    held.push(folder);
    fs.writeFileSync(`${folder.path}/file`, 'text');
    return folder.path;
  },
  segments: (count: number) => {
    for (let made = 0; made < count; made++) {
      const path = leasePath('segment');
      makeEntry(path, () => fs.closeSync(fs.openSync(path, 'wx', 0o600)));
    }
  },
  socket: async (path: string) => {
    const leased = await lease.socket(path);
    const server = createServer();
    held.push(leased, server);
    await new Promise<void>((resolve) => server.listen(leased.socketPath, resolve));
  },
  child: () => {
    const leased = registerChild();
    const env = { ...process.env, [MARK_VARIABLE]: leased.mark };
    const child = childProcess.spawn('sleep', ['1000'], { env, stdio: 'ignore', detached: true });
    leased.bind(child.pid!);
    held.push(leased, child);
    return child.pid;
  },
  lock: async (name: string) => void held.push(await lease.lock(name)),
  unlock: () => (held.at(-1) as { release(): void }).release(),
  list: () => listLeases(),
  reclaim: () => reclaim(),
};

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
