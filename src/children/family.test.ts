import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import { monotonicMs } from '../core/index.js';
import type { Child } from './child.js';
import { Children } from './children.js';
import { DAEMON, DEAF, isAlive, until } from './processes.fixture.js';

const made: Children[] = [];
const make = (): Children => {
  const children = new Children();
  made.push(children);
  return children;
};

afterEach(async () => {
  for (const children of made.splice(0)) await children.close({ graceMs: 0 });
});

async function numbers(child: Child, count: number): Promise<number[]> {
  const found: number[] = [];
  for await (const line of child.lines()) {
    found.push(Number(line));
    if (found.length === count) break;
  }
  return found;
}

test('child.tree() finds daemons whose parent has ended, and no strangers', async () => {
  const children = make();
  const child = children.start('sh', ['-c', `${DAEMON}; while :; do sleep 1000; done`]);
  const other = children.start('sleep', ['1000']);
  const [daemon] = await numbers(child, 1);
  // A shell that has forked becomes the command a moment later.
  const tree = await until(() => {
    const now = child.tree();
    return now.length === 2 && now.every(({ name }) => name === 'sleep') && now;
  });
  expect(tree.map(({ pid }) => pid)).toContain(daemon);
  expect(other.tree()).toEqual([]);
  expect(await child.end({ graceMs: 0 })).toMatchObject({ survivors: 2, stuck: [] });
  expect(isAlive(daemon!)).toBe(false);
  expect(isAlive(other.pid)).toBe(true);
});

test('child.tree() finds what has cleared its environment, as long as its parents are there', async () => {
  const child = make().start('sh', ['-c', 'env -i sh -c "echo 1; while :; do /bin/sleep 1000; done" & wait']);
  await numbers(child, 1);
  await until(() => child.tree().length === 2);
  expect(await child.end({ graceMs: 0 })).toMatchObject({ survivors: 2, stuck: [] });
});

test('a child that exits leaves no daemon', async () => {
  const child = make().start('sh', ['-c', DAEMON]);
  const [daemon] = await numbers(child, 1);
  expect((await child.ended).survivors).toBe(1);
  expect(isAlive(daemon!)).toBe(false);
});

test('a family that starts new members while it is killed is killed whole', async () => {
  // Each generation leaves its session and its parent, starts the next and ends: one at a time, and a last one.
  const hop = 'echo $1; [ $1 -ge 500 ] || setsid sh -c "$2" sh $(($1 + 1)) "$2" &';
  const child = make().start('sh', ['-c', hop, 'sh', '0', hop], { graceMs: 0 });
  let last = 0;
  const reading = (async () => {
    for await (const line of child.lines()) last = Number(line);
  })();
  const report = await child.ended;
  await reading;
  expect(report).toMatchObject({ code: 0, stuck: [] });
  expect(report.survivors).toBeGreaterThan(0);
  expect(last).toBeGreaterThan(1);
  expect(last).toBeLessThan(500);
});

test('an outer family includes what belongs to an inner one', async () => {
  const inner = `
    import { Children } from ${JSON.stringify(new URL('./children.ts', import.meta.url).href)};
    const child = new Children().start('sh', ['-c', ${JSON.stringify(`${DEAF}; ${DAEMON}; while :; do sleep 1000; done`)}]);
    for await (const line of child.lines()) console.log(line);
  `;
  const child = make().start(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', inner]);
  const [daemon] = await numbers(child, 1);
  expect(child.tree().map(({ pid }) => pid)).toContain(daemon);
  expect(await child.end({ graceMs: 0 })).toMatchObject({ stuck: [] });
  expect(isAlive(daemon!)).toBe(false);
});

test('the children of a worker end with it', async () => {
  const script = JSON.stringify(`${DEAF}; ${DAEMON}; while :; do sleep 1000; done`);
  const code = `
    import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(new URL('./children.ts', import.meta.url).href)}); })
      .then(async ({ Children }) => {
        const child = new Children().start('sh', ['-c', ${script}]);
        for await (const line of child.lines()) require('node:worker_threads').parentPort.postMessage([child.pid, Number(line)]);
      });
  `;
  const worker = new Worker(code, { eval: true, execArgv: [] });
  const pids = await new Promise<number[]>((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
  await until(() => pids.every((pid) => !isAlive(pid)));
});

const FREEZER = '/sys/fs/cgroup/freezer';

test.skipIf(!existsSync(`${FREEZER}/cgroup.procs`) || process.getuid?.() !== 0)(
  'what cannot be killed is named at the deadline, and let go when it ends after all',
  async () => {
    const group = `${FREEZER}/watertight-${process.pid}`;
    mkdirSync(group);
    try {
      const children = make();
      const frozen = children.start('sleep', ['1000']);
      const second = children.start('sh', ['-c', `${DAEMON}; exit 0`], { name: 'second' });
      const [daemon] = await numbers(second, 1);
      writeFileSync(`${group}/cgroup.procs`, String(frozen.pid));
      writeFileSync(`${group}/freezer.state`, 'FROZEN');
      await until(() => readFileSync(`${group}/freezer.state`, 'utf8').startsWith('FROZEN'));
      const startedAt = monotonicMs();
      const report = await children.close({ graceMs: 100, timeoutMs: 400 });
      // 400 + 50 on a free machine: the rest is for one that runs other tests.
      expect(monotonicMs() - startedAt).toBeLessThan(650);
      expect(report).toMatchObject({ status: 'timeout', remaining: 1, stuck: [{ pid: frozen.pid, name: 'sleep' }] });
      expect(await frozen.ended).toMatchObject({ code: null, signal: null, stuck: [{ pid: frozen.pid }] });
      expect([frozen.state, children.usage().stuck, isAlive(daemon!)]).toEqual(['stuck', 1, false]);
      writeFileSync(`${group}/freezer.state`, 'THAWED');
      await until(() => frozen.state === 'ended');
      expect(children.list()).toEqual([]);
    } finally {
      writeFileSync(`${group}/freezer.state`, 'THAWED');
      await until(() => readFileSync(`${group}/cgroup.procs`, 'utf8') === '');
      rmdirSync(group);
    }
  },
);

const mayUnshare = spawnSync('unshare', ['-p', '-f', '--mount-proc', 'true']).status === 0;

test.skipIf(!mayUnshare)(
  'as process 1: orphans are reaped, no exit code of Node is lost, no stranger with a used number is touched',
  () => {
    const file = fileURLToPath(new URL('./process-one.fixture.ts', import.meta.url));
    const args = ['-p', '-f', '--mount-proc', process.execPath, '--import', 'tsx', file];
    const seen = JSON.parse(execFileSync('unshare', args, { encoding: 'utf8' })) as unknown;
    expect(seen).toEqual({
      reaped: 5,
      own: 10,
      left: 0,
      reuse: { isSameNumber: true, signalled: false, below: 0, tree: 0, isAlive: true },
    });
  },
);
