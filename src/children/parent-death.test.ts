import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { reclaim } from '../leases/index.js';
import type { ParentPlan } from './parent.fixture.js';
import { carriers, DAEMON, DEAF, isAlive, until } from './processes.fixture.js';

const file = fileURLToPath(new URL('./parent.fixture.ts', import.meta.url));
const DEAF_DAEMON = `(setsid sh -c '${DEAF.replaceAll("'", '"')}; echo $$; while :; do sleep 1000; done' &)`;
const WAIT = 'echo ready; while :; do sleep 1000; done';
const DEAF_TREE = `${DEAF}; sh -c '${DEAF}; while :; do sleep 1000; done' & ${DEAF_DAEMON}; ${WAIT}`;

interface Parent {
  readonly process: ChildProcess;
  readonly pids: readonly number[];
  /** Of the processes that belong to it. */
  readonly family: string;
}

async function startParent(plan: ParentPlan): Promise<Parent> {
  const child = spawn(process.execPath, ['--import', 'tsx', file, JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for await (const line of createInterface({ input: child.stdout! })) {
    const { pids, family } = JSON.parse(line) as { pids: number[]; family: string };
    return { process: child, pids, family };
  }
  throw new Error('the parent has ended without a word');
}

const exit = async (child: ChildProcess): Promise<unknown> =>
  child.exitCode ?? child.signalCode ?? (await once(child, 'exit'))[0];

test('SIGKILL of the parent leaves nobody, children that ignore everything and daemons included, 20 times', {
  timeout: 180_000,
}, async () => {
  for (let round = 0; round < 20; round++) {
    const parent = await startParent({ scripts: [DEAF_TREE, `${DAEMON}; ${WAIT}`], end: 'wait' });
    // Three deaf ones and a waiting one, their sleeps, and a daemon.
    await until(() => carriers(parent.family).length >= 9);
    parent.process.kill('SIGKILL');
    await exit(parent.process);
    await until(() => carriers(parent.family).length === 0);
    expect(parent.pids.filter((pid) => isAlive(pid))).toEqual([]);
  }
});

test('without the guard the kernel ends the children, and only these', async () => {
  const parent = await startParent({ scripts: [`${DEAF}; ${DAEMON}; ${WAIT}`], guard: false, end: 'wait' });
  const [child] = parent.pids as [number];
  const isDaemon = ({ parentPid }: { parentPid: number }) => parentPid !== child && parentPid !== parent.process.pid;
  await until(() => carriers(parent.family).some(isDaemon));
  parent.process.kill('SIGKILL');
  await exit(parent.process);
  await until(() => !isAlive(child));
  // One look may miss it: a process has no environment while it becomes another program.
  await until(() => carriers(parent.family).length > 0);
  for (const { pid } of carriers(parent.family)) process.kill(pid, 'SIGKILL');
});

test('without the death signal the guard ends them', async () => {
  const parent = await startParent({ scripts: [DEAF_TREE], options: { deathSignal: false }, end: 'wait' });
  parent.process.kill('SIGKILL');
  await exit(parent.process);
  await until(() => carriers(parent.family).length === 0);
});

test('without either, the next reclaim of any process ends them', async () => {
  const options = { deathSignal: false } as const;
  const parent = await startParent({ scripts: [DEAF_TREE], guard: false, options, end: 'wait' });
  await until(() => carriers(parent.family).length >= 6);
  parent.process.kill('SIGKILL');
  await exit(parent.process);
  expect(carriers(parent.family).length).toBeGreaterThanOrEqual(6);
  await until(() => carriers(parent.family).length === 0 || void reclaim());
});

test('with SIGTERM as death signal a child has its grace', async () => {
  const script = `trap 'trap "" TERM; sleep 0.3; exit' TERM; echo ready; while :; do sleep 1000 & wait; done`;
  const options = { deathSignal: 'SIGTERM', graceMs: 60_000 } as const;
  const parent = await startParent({ scripts: [script], options, end: 'wait' });
  const [pid] = parent.pids as [number];
  parent.process.kill('SIGKILL');
  await exit(parent.process);
  // The trap runs: it has started its own sleep.
  await until(() => carriers(parent.family).length >= 3 || !isAlive(pid));
  expect(isAlive(pid)).toBe(true);
  await until(() => !isAlive(pid));
  for (const one of carriers(parent.family)) process.kill(one.pid, 'SIGKILL');
});

test.each(['exit', 'throw', 'reject'] as const)('the parent ends by %s: nobody is left', async (end) => {
  const parent = await startParent({ scripts: [DEAF_TREE], guard: false, end });
  await exit(parent.process);
  await until(() => carriers(parent.family).length === 0);
});

test('the parent ends by SIGTERM under main(): children are asked, and it exits with 143', async () => {
  const script = `trap 'exit 0' TERM; ${DAEMON}; echo ready; while :; do sleep 1000 & wait; done`;
  const parent = await startParent({ scripts: [script], guard: false, end: 'main' });
  parent.process.kill('SIGTERM');
  expect(await exit(parent.process)).toBe(143);
  expect(carriers(parent.family)).toEqual([]);
});

test('a guard ends with its parent, and when the last Children has closed', async () => {
  const guards = (family: string) =>
    carriers('').filter(({ pid, parentPid }) => parentPid !== process.pid && commandLine(pid).includes(family));
  const parent = await startParent({ scripts: [WAIT], end: 'wait' });
  expect(guards(parent.family)).toHaveLength(1);
  parent.process.kill('SIGKILL');
  await until(() => guards(parent.family).length === 0);
});

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}
