import { execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { chmodSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { scanChildren } from '../core/index.js';
import { listLeases, thisOwner } from '../leases/index.js';
import { Scope } from '../scope/index.js';
import { Children } from './children.js';
import { childCount, DEAF, descriptorCount, isAlive, until } from './processes.fixture.js';

const made: Children[] = [];

const ownLeases = () => listLeases().filter(({ kind, ownerUid }) => kind === 'child' && ownerUid === thisOwner().uid);

function make(options: ConstructorParameters<typeof Children>[0] = {}): Children {
  const children = new Children({ graceMs: 2_000, ...options });
  made.push(children);
  return children;
}

afterEach(async () => {
  for (const children of made.splice(0)) await children.close({ graceMs: 0 });
  expect(ownLeases()).toEqual([]);
});

const codeOf = (run: () => unknown): unknown => {
  try {
    run();
    return 'nothing';
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
};

/** A shell that has come to the point where it waits, whatever it does on signals. */
async function waiting(children: Children, script: string, options = {}) {
  const child = children.start('sh', ['-c', `${script}\necho ready; while :; do sleep 1000 & wait; done`], options);
  for await (const line of child.lines()) if (line === 'ready') break;
  return child;
}

test('Children.start() tells how a child ended, and what it wrote', async () => {
  const child = make().start('sh', ['-c', 'cat; echo oops >&2; exit 3'], { name: 'job', input: 'héllo' });
  expect(child.state).toBe('running');
  expect(child.protection).toBe('death-signal');
  const { durationMs, ...report } = await child.ended;
  expect(durationMs).toBeGreaterThan(0);
  expect(report).toEqual({
    name: 'job',
    pid: child.pid,
    identity: child.identity,
    reason: 'exit',
    code: 3,
    signal: null,
    stdout: { text: 'héllo', bytes: 6, droppedBytes: 0 },
    stderr: { text: 'oops\n', bytes: 5, droppedBytes: 0 },
    survivors: 0,
    stuck: [],
  });
  expect(child.state).toBe('ended');
});

test('a child ended by a signal of somebody else says so', async () => {
  const report = await make().start('sh', ['-c', 'kill -9 $$']).ended;
  expect(report).toMatchObject({ reason: 'signal', code: null, signal: 'SIGKILL' });
});

test('child.end() asks first, and a child that ends as asked is not killed', async () => {
  const children = make();
  const child = await waiting(children, 'trap "echo bye; exit 7" TERM', { group: true });
  expect(await child.end()).toMatchObject({ reason: 'closed', code: 7, stdout: { text: 'ready\nbye\n' } });
  expect(child.wasKilled).toBe(false);
});

test('child.end() kills what ignores being asked, with all that it started', async () => {
  const child = await waiting(make(), `${DEAF}; sleep 999 & sleep 998 &`);
  const { pid } = child;
  const below = await until(() => child.tree().length === 3 && child.tree());
  const report = await child.end({ graceMs: 30 });
  expect(report).toMatchObject({ reason: 'closed', code: null, signal: 'SIGKILL', survivors: 3, stuck: [] });
  expect([pid, ...below.map((one) => one.pid)].filter((one) => isAlive(one))).toEqual([]);
});

test('child.end() asks what the child leaves behind when it ends first, as a shell does', async () => {
  // The shell dies of SIGTERM and passes it on to nobody.
  const script = `sh -c 'trap "sleep 0.05; echo saved; exit" TERM; echo ready; while :; do sleep 0.01; done'; true`;
  const child = make().start('sh', ['-c', script]);
  for await (const line of child.lines()) if (line === 'ready') break;
  const report = await child.end();
  expect(report).toMatchObject({ signal: 'SIGTERM', stdout: { text: 'ready\nsaved\n' } });
});

test('child.end() ends one that is stopped', async () => {
  const asked = await waiting(make(), 'trap "exit 5" TERM', { group: true });
  process.kill(asked.pid, 'SIGSTOP');
  expect((await asked.end()).code).toBe(5);
  const deaf = await waiting(make(), DEAF);
  process.kill(deaf.pid, 'SIGSTOP');
  expect((await deaf.end({ graceMs: 20 })).signal).toBe('SIGKILL');
});

test('child.end() twice is one end; a shorter grace makes it shorter', async () => {
  const child = await waiting(make(), DEAF);
  const first = child.end({ graceMs: 600_000 });
  const second = child.end({ graceMs: 10 });
  expect(await second).toBe(await first);
  expect(await child.end()).toBe(await first);
});

test('a child over its time, or aborted, is ended', async () => {
  const children = make();
  const late = await children.start('sleep', ['1000'], { timeoutMs: 20 }).ended;
  expect(late).toMatchObject({ reason: 'timeout', signal: 'SIGTERM' });
  const controller = new AbortController();
  const child = children.start('sleep', ['1000'], { signal: controller.signal });
  controller.abort();
  expect(await child.ended).toMatchObject({ reason: 'aborted', signal: 'SIGTERM' });
  expect(() => children.start('sleep', ['1'], { signal: AbortSignal.abort(new Error('no')) })).toThrow('no');
});

test('what may not or cannot be executed is refused with WT_CHILDREN_START, and nothing is left', async () => {
  const children = make();
  await children.start('true').ended;
  const before = descriptorCount();
  const folder = mkdtempSync(join(tmpdir(), 'watertight-children-'));
  const file = (name: string, text: string, mode: number) => {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
    return join(folder, name);
  };
  const refused: [command: string, code: string, args?: string[], options?: object][] = [
    ['no-such-command', 'ENOENT'],
    [file('plain', '#!/bin/sh\n', 0o644), 'EACCES'],
    [folder, 'EACCES'],
    [file('lost', '#!/no/such/interpreter\n', 0o755), 'ENOENT'],
    ['true', 'ENOENT', [], { cwd: join(folder, 'nowhere') }],
    ['true', 'ENOTDIR', [], { cwd: file('file', '', 0o644) }],
    ['true', 'E2BIG', ['x'.repeat(200_000)]],
    ['true', 'ENOENT', [], { env: { PATH: folder } }],
  ];
  for (const [command, code, args = [], options = {}] of refused) {
    try {
      children.start(command, args, options);
      expect.unreachable(command);
    } catch (error) {
      expect(error).toMatchObject({ code: 'WT_CHILDREN_START', details: { code } });
      expect((error as { hint: string }).hint).not.toBe('');
    }
  }
  rmSync(folder, { recursive: true });
  expect(ownLeases()).toEqual([]);
  expect(children.list()).toEqual([]);
  expect(descriptorCount()).toBe(before);
});

test('what the kernel refuses after the wrapper has started ends as failed-to-start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'watertight-children-'));
  const file = join(folder, 'broken');
  // A program whose loader is not there: the first page shows nothing of it.
  const program = readFileSync('/bin/true').toString('latin1');
  writeFileSync(file, Buffer.from(program.replace(/\/ld-/g, '/no-'), 'latin1'));
  chmodSync(file, 0o755);
  const report = await make().start(file).ended;
  rmSync(folder, { recursive: true });
  expect(report).toMatchObject({ reason: 'failed-to-start', code: 127, error: { code: 'WT_CHILDREN_START' } });
});

test('child.protection says what ends it when this process dies', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'watertight-children-'));
  const file = join(folder, 'sleep');
  cpSync('/bin/sleep', file);
  // Set-user-ID: the kernel takes its death signal away.
  chmodSync(file, 0o4755);
  const [guarded, unguarded] = [make(), make({ guard: false })];
  const protections = [
    guarded.start('sleep', ['1000']),
    guarded.start(file, ['1000']),
    guarded.start('sleep', ['1000'], { deathSignal: false }),
    unguarded.start(file, ['1000']),
  ].map(({ protection }) => protection);
  rmSync(folder, { recursive: true });
  expect(protections).toEqual(['death-signal', 'guard', 'guard', 'reclaim-only']);
});

test('a child that fails has what dead owners left reclaimed; one that succeeds does not', async () => {
  const children = make();
  let sweeps = 0;
  const onSweep = () => void sweeps++;
  subscribe('watertight:leases-reclaimed', onSweep);
  // The first lease of a thread sweeps once by itself.
  await children.start('true').ended;
  await new Promise((resolve) => setImmediate(resolve));
  const before = sweeps;
  await children.start('true').ended;
  await children.start('false').ended;
  await until(() => sweeps === before + 1);
  unsubscribe('watertight:leases-reclaimed', onSweep);
});

test('a guard that somebody has killed is started again with the next child', async () => {
  const guards = () =>
    scanChildren(process.pid).filter(
      ({ pid, state }) => state !== 'Z' && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('watertight-guard'),
    );
  const children = make();
  await children.start('true').ended;
  const [first] = guards();
  process.kill(first!.pid, 'SIGKILL');
  await until(() => guards().length === 0);
  await new Promise((resolve) => setImmediate(resolve));
  await children.start('true').ended;
  expect(guards()).toHaveLength(1);
  await children.close();
  await until(() => guards().length === 0);
});

test('without a descriptor left: WT_CHILDREN_START, and what was taken is given back', () => {
  const file = fileURLToPath(new URL('./no-descriptors.fixture.ts', import.meta.url));
  const line = 'ulimit -n 128; exec "$0" --import tsx "$1"';
  const seen = execFileSync('sh', ['-c', line, process.execPath, file], { encoding: 'utf8' });
  const { refused, before, after, code } = JSON.parse(seen);
  expect(refused.length).toBeGreaterThan(2);
  for (const one of refused) expect(one).toEqual(['WT_CHILDREN_START', 'EMFILE']);
  expect({ after, code }).toEqual({ after: before, code: 0 });
});

test('Children.start() refuses above the limit, and takes the next when one has ended', async () => {
  const children = make({ limit: 2 });
  const [first] = [children.start('sleep', ['1000']), children.start('sleep', ['1000'])];
  expect(codeOf(() => children.start('true'))).toBe('WT_CHILDREN_LIMIT');
  await first!.end();
  expect((await children.start('true').ended).code).toBe(0);
});

test('Children.start() and fork() name what is wrong with their arguments', () => {
  const children = make();
  const wrong: [run: () => unknown, message: RegExp][] = [
    [() => children.start(''), /command must be a text that is not empty .* not the text ""/],
    [() => children.start('a\0b'), /command must be/],
    [() => children.start('a', 'b' as never), /args must be an array of texts, not the text "b"/],
    [() => children.start('a', [1] as never), /args must be texts without zero bytes, not the number 1/],
    [() => children.start('a', [], { cwd: 5 } as never), /cwd must be/],
    [() => children.start('a', [], { shell: true } as never), /no option "shell"/],
    [() => children.start('a', [], { graceMs: -1 }), /graceMs must be a number of ms/],
    [() => children.start('a', [], { timeoutMs: Number.NaN }), /timeoutMs must be/],
    [() => children.start('a', [], { outputBytes: 1.5 }), /outputBytes must be a whole number/],
    [() => children.start('a', [], { deathSignal: 'SIGINT' as never }), /deathSignal must be 'SIGKILL' or 'SIGTERM'/],
    [() => children.start('a', [], { stdio: ['pipe'] as never }), /stdio must be one or three/],
    [() => children.start('a', [], { input: 'x', stdio: 'ignore' }), /stdio must be 'pipe' for the standard input/],
    [() => children.start('a', [], { signal: 1 as never }), /signal must be an AbortSignal/],
    [() => children.start('a', [], { group: 1 as never }), /group must be true or false/],
    [() => children.fork('a', { ask: 'politely' as never }), /ask must be 'signal' or 'disconnect'/],
    [() => new Children({ limit: 0 }), /limit must be a whole number from 1/],
    [() => new Children({ scope: {} as never }), /scope must be a Scope/],
    [() => void children.close({ timeoutMs: -1 }), /timeoutMs must be/],
  ];
  for (const [run, message] of wrong) expect(run).toThrow(message);
  expect(ownLeases()).toEqual([]);
});

test('children.fork() talks to a module, and asks it by its channel', async () => {
  const children = make();
  const code = `process.on('message', (n) => process.send(n * 2)); process.on('disconnect', () => process.exit(9));`;
  const folder = mkdtempSync(join(tmpdir(), 'watertight-children-'));
  const file = join(folder, 'double.mjs');
  writeFileSync(file, code);
  const child = children.fork(file, { ask: 'disconnect', execArgv: [] });
  const answer = new Promise((resolve) => child.process.once('message', resolve));
  child.process.send(21);
  expect(await answer).toBe(42);
  expect(await child.end()).toMatchObject({ reason: 'closed', code: 9 });
  rmSync(folder, { recursive: true });
});

test('output of 1 GB in a moment stays within its limit', { timeout: 120_000 }, async () => {
  const children = make();
  globalThis.gc?.();
  const before = process.memoryUsage();
  const child = children.start('sh', ['-c', 'head -c 1000000000 /dev/zero; echo end'], { outputBytes: 100_000 });
  let most = 0;
  const timer = setInterval(() => {
    const { external, arrayBuffers } = process.memoryUsage();
    most = Math.max(most, external, arrayBuffers);
    expect(children.usage().outputBytes).toBeLessThanOrEqual(2 * 100_000);
  }, 10);
  const { stdout } = await child.ended;
  clearInterval(timer);
  expect(stdout.bytes).toBe(1_000_000_004);
  expect(stdout.droppedBytes).toBe(1_000_000_004 - 100_000);
  expect(stdout.text.endsWith('\0end\n')).toBe(true);
  expect(most - before.external).toBeLessThan(100 * 2 ** 20);
});

test('a child that closes its output, and one that ends before it is read, are told whole', async () => {
  const children = make();
  const closing = children.start('sh', ['-c', 'echo a; exec >&- 2>&-; sleep 0.05; exit 4']);
  const short = children.start('sh', ['-c', 'head -c 60000 /dev/zero | tr "\\0" x']);
  expect(await closing.ended).toMatchObject({ code: 4, stdout: { text: 'a\n' } });
  expect((await short.ended).stdout.text).toBe('x'.repeat(60_000));
});

test('a descendant that holds the pipe does not hold up the end', async () => {
  const { stdout, survivors, durationMs } = await make().start('sh', ['-c', 'sleep 1000 & echo done']).ended;
  expect({ stdout: stdout.text, survivors }).toEqual({ stdout: 'done\n', survivors: 1 });
  expect(durationMs).toBeLessThan(5_000);
});

test('an input that nobody reads harms nobody', async () => {
  expect((await make().start('true', [], { input: 'x'.repeat(1_000_000) }).ended).code).toBe(0);
});

test('lines that pause make the child wait, and lose nothing', async () => {
  const child = make().start('sh', ['-c', 'seq 1 100000; echo $?']);
  let count = 0;
  for await (const line of child.lines('stdout', { limit: 10, overflow: 'pause' })) {
    count++;
    if (count % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (count <= 100_000) expect(line).toBe(String(count));
  }
  expect(count).toBe(100_001);
  expect((await child.ended).code).toBe(0);
});

test('lifetimes: released when the work succeeds, and when it throws', async () => {
  for (const fails of [false, true]) {
    let pid = 0;
    const run = Scope.run('work', async (scope) => {
      pid = make({ scope }).start('sleep', ['1000']).pid;
      if (fails) throw new Error('wanted');
    });
    if (fails) await expect(run).rejects.toThrow('wanted');
    else await run;
    expect(isAlive(pid)).toBe(false);
  }
});

test('lifetimes: released on cancel, and once when released twice', async () => {
  const controller = new AbortController();
  const scope = new Scope('work', { signal: controller.signal });
  const children = make({ scope });
  const { pid } = children.start('sleep', ['1000']);
  controller.abort();
  await scope.close();
  expect(isAlive(pid)).toBe(false);
  const [first, second] = await Promise.all([children.close(), children.close()]);
  expect([first.status, second.status]).toEqual(['already-closed', 'already-closed']);
  expect(codeOf(() => children.start('true'))).toBe('WT_CHILDREN_CLOSED');
});

test('lifetimes: whoever waits for a child is answered when the owner closes', async () => {
  const scope = new Scope('work');
  const child = make({ scope }).start('sleep', ['1000']);
  const waiters = [
    child.ended,
    child.end({ graceMs: 60_000 }),
    (async () => {
      for await (const line of child.lines()) expect.unreachable(line);
    })(),
  ];
  const report = await scope.close();
  expect(report).toMatchObject({ status: 'completed', remaining: 0 });
  expect(await waiters[0]).toMatchObject({ reason: 'closed' });
  await Promise.all(waiters);
});

test('children.close() tells who ended, who was killed, and what they left', async () => {
  const children = make();
  await waiting(children, 'trap "exit 0" TERM', { group: true });
  await waiting(children, `${DEAF}; sleep 999 &`);
  const report = await children.close({ graceMs: 500, timeoutMs: 5_000 });
  expect(report).toMatchObject({
    status: 'completed',
    initial: 2,
    ended: 1,
    killed: 1,
    remaining: 0,
    stuck: [],
  });
  // A sleep that was being started as its group was asked may be one more.
  expect(report.survivors).toBeGreaterThanOrEqual(2);
  expect(await children.close()).toMatchObject({ status: 'already-closed', initial: 2 });
});

test('100 starts and ends leave no descriptor, no zombie and no listener', { timeout: 120_000 }, async () => {
  const controller = new AbortController();
  const listeners = () => process.eventNames().map((name) => `${String(name)} ${process.listenerCount(name)}`);
  const once = async () => {
    const children = make({ limit: 10 });
    const { signal } = controller;
    const all = Array.from({ length: 10 }, (_, n) =>
      children.start('sh', ['-c', n % 2 ? 'sleep 1000' : 'exit 1'], { signal }),
    );
    await Promise.all(all.map((child) => child.end({ graceMs: 1_000 })));
    await children.close();
  };
  await once();
  await until(() => childCount() === 0);
  const before = { descriptors: descriptorCount(), listeners: listeners() };
  for (let round = 0; round < 10; round++) await once();
  await until(() => childCount() === 0);
  // The pipe of the guard closes when the guard has gone.
  await until(() => descriptorCount() === before.descriptors);
  expect(listeners()).toEqual(before.listeners);
});
