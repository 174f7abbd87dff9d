import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { procStat, scanChildren } from '../core/index.js';
import { Scope } from '../scope/index.js';
import { lease, listLeases, ownerState, reclaim, thisOwner } from './index.js';
import { FOLDERS, left, removeFolders, sleepers } from './own-lease-folder.fixture.js';
import { bundleProgram, OwnerProcess } from './owner-process.fixture.js';

let program: string;
const processes: OwnerProcess[] = [];

beforeAll(async () => {
  program = await bundleProgram(new URL('./owner-program.fixture.ts', import.meta.url));
  thisOwner();
});
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.kill()));
  await reclaim();
});
afterAll(() => {
  rmSync(program);
  removeFolders();
});

function start(env: Record<string, string> = {}, launcher: readonly string[] = []): OwnerProcess {
  const started = new OwnerProcess(program, env, launcher);
  processes.push(started);
  return started;
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('reclaim()', () => {
  it('removes what a killed process left: segments, a folder, a socket, a child, a lock', async () => {
    const owner = start();
    const socketPath = `${FOLDERS.temp}/service.sock`;
    await owner.ask('segments', 50);
    const folder = await owner.ask<string>('folder');
    await owner.ask('socket', socketPath);
    const child = await owner.ask<number>('child');
    await owner.ask('lock', 'migration');
    await owner.kill();
    expect(procStat(child)?.state).toBe('S');
    const report = await reclaim();
    expect(report.reclaimed.map(({ kind }) => kind).sort()).toEqual([
      'child',
      'folder',
      ...Array(50).fill('segment'),
      'socket',
    ]);
    expect(report.locks).toHaveLength(1);
    expect(report).toMatchObject({ deadOwners: 1, failures: [], unknown: 0 });
    expect(left()).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    expect(procStat(child)?.state ?? 'gone').toMatch(/Z|gone/);
  });

  it('leaves alone what a live process holds, also when that one was started later or is stopped', async () => {
    const owner = start();
    await owner.ask('segments', 3);
    await owner.ask('folder');
    await owner.ask('socket', `${FOLDERS.temp}/live.sock`);
    const child = await owner.ask<number>('child');
    const before = left();
    owner.child.kill('SIGSTOP');
    expect(await reclaim()).toMatchObject({ reclaimed: [], deadOwners: 0, alive: 6 });
    owner.child.kill('SIGCONT');
    // Another process, whose own first lease sweeps too.
    await start().ask('owner');
    expect(await start().ask('reclaim')).toMatchObject({ reclaimed: [] });
    expect(left().filter((name) => !name.endsWith('.owner'))).toEqual(
      before.filter((name) => !name.endsWith('.owner')),
    );
    expect(procStat(child)?.state).toBe('S');
  });

  it('with dryRun says what it would remove, and removes nothing', async () => {
    const owner = start();
    await owner.ask('segments', 2);
    await owner.kill();
    const before = left();
    expect((await reclaim({ dryRun: true })).reclaimed).toHaveLength(2);
    expect(left()).toEqual(before);
  });

  it('is done by the next process by itself, at its first lease', async () => {
    const killed = start();
    await killed.ask('segments', 5);
    await killed.kill();
    const next = start();
    await next.ask('owner');
    await next.ask('list');
    expect(left().filter((name) => !name.endsWith('.owner'))).toEqual([]);
  });

  it('removes what a process left that ended by itself, at its end', async () => {
    const owner = start();
    await owner.ask('segments', 2);
    const folder = await owner.ask<string>('folder');
    owner.child.disconnect();
    owner.child.kill('SIGTERM');
    await owner.ended();
    await reclaim();
    expect(existsSync(folder)).toBe(false);
    expect(left()).toEqual([]);
  });

  it('removes what a terminated worker left while its process lives on', async () => {
    const file = await bundleProgram(new URL('./folder-worker.fixture.ts', import.meta.url));
    const worker = new Worker(file, { execArgv: [] });
    const [path] = (await once(worker, 'message')) as [string];
    expect((await reclaim()).reclaimed).toEqual([]);
    await worker.terminate();
    expect((await reclaim()).reclaimed.map((row) => row.target)).toEqual([path]);
    expect(existsSync(path)).toBe(false);
    rmSync(file);
  });

  it('goes on after a failure, reports it, and finishes the next time', async () => {
    const owner = start();
    await owner.ask('segments', 1);
    const folder = await owner.ask<string>('folder');
    await owner.kill();
    mkdirSync(`${folder}/mounted`);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', `${folder}/mounted`]);
    try {
      const report = await reclaim();
      expect(report.failures).toMatchObject([
        { kind: 'folder', path: expect.stringMatching(/\.folder$/), reason: expect.stringMatching(/busy/i) },
      ]);
      expect(report.reclaimed.map(({ kind }) => kind)).toEqual(['segment']);
    } finally {
      execFileSync('umount', [`${folder}/mounted`]);
    }
    expect((await reclaim()).reclaimed.map(({ target }) => target)).toEqual([folder]);
    expect(left()).toEqual([]);
  });

  it('leaves alone strangers with a name of ours: another kind of file, a link, another user, another namespace', async () => {
    const dead = start();
    const uid = await dead.ask<string>('owner');
    await dead.ask('segments', 1);
    const [name] = left().filter((entry) => entry.endsWith('.segment'));
    await dead.kill();
    const named = (number: string, kind: string) => name!.replace('.0.segment', `.${number}.${kind}`);
    const precious = `${FOLDERS.temp}/precious`;
    mkdirSync(precious);
    writeFileSync(`${precious}/file`, 'text');
    symlinkSync(precious, `${FOLDERS.temp}/${named('1', 'folder')}`);
    mkdirSync(`${FOLDERS.leases}/${named('2', 'segment')}`);
    writeFileSync(`${FOLDERS.leases}/${named('3', 'socket')}`, '');
    writeFileSync(`${FOLDERS.leases}/${named('4', 'segment')}`, '');
    execFileSync('chown', ['65534', `${FOLDERS.leases}/${named('4', 'segment')}`]);
    symlinkSync(`${precious}/file`, `${FOLDERS.leases}/${named('5', 'socket')}`);
    writeFileSync(
      `${FOLDERS.leases}/${name!.replace(uid, `${uid.slice(0, -3)}zzz`).replace(/-[0-9a-z]+-([0-9a-z]+)\./, '-1-$1.')}`,
      '',
    );
    const report = await reclaim();
    expect(report.reclaimed.map(({ path }) => path.split('.').slice(-2).join('.')).sort()).toEqual([
      '0.segment',
      '5.socket',
    ]);
    expect(report.unknown).toBe(1);
    expect(existsSync(`${precious}/file`)).toBe(true);
    expect(left()).toHaveLength(6);
    for (const entry of left())
      rmSync(existsSync(`${FOLDERS.leases}/${entry}`) ? `${FOLDERS.leases}/${entry}` : `${FOLDERS.temp}/${entry}`, {
        recursive: true,
        force: true,
      });
  });

  it('finishes what a killed reclaim began', async () => {
    for (let killAt = 0; ; killAt++) {
      const owner = start();
      await owner.ask('segments', 2);
      await owner.ask('folder');
      await owner.ask('socket', `${FOLDERS.temp}/again.sock`);
      await owner.ask('child');
      await owner.kill();
      const sweeper = start({ WATERTIGHT_TEST_KILL_AT: String(killAt), WATERTIGHT_TEST_CALLS: '^(unlink|rm|kill)' });
      const isCut = await sweeper.isCutBy('reclaim');
      await sweeper.kill();
      await reclaim();
      expect(left(), `killed at call ${killAt}`).toEqual([]);
      if (!isCut) {
        expect(killAt).toBeGreaterThan(5);
        return;
      }
    }
  });
});

describe('what a trial of strangers broke', () => {
  it('a process that ends in order removes no socket on which another listens by now', async () => {
    const path = `${FOLDERS.temp}/handed-over.sock`;
    const first = start();
    await first.ask('socket', path);
    await expect(lease.socket(path)).rejects.toMatchObject({
      code: 'WT_LEASES_SOCKET_BUSY',
      message: expect.stringMatching(/has leased it/),
    });
    await first.ask('closeSocket');
    const next = await lease.socket(path);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(next.socketPath, resolve));
    await first.ask('exit').catch(() => {});
    await first.ended();
    await reclaim();
    expect(existsSync(path)).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    await next.release();
  });

  it('of many who take over a stale socket at once, one gets it', async () => {
    const path = `${FOLDERS.temp}/contested.sock`;
    for (let round = 0; round < 5; round++) {
      const dead = start();
      await dead.ask('socket', path);
      await dead.kill();
      const starters = Array.from({ length: 3 }, () => start());
      await Promise.all(starters.map((one) => one.ask('owner')));
      const results = await Promise.all(
        starters.map((one) =>
          one.ask('socket', path).then(
            () => 'got it',
            () => 'refused',
          ),
        ),
      );
      expect(results.sort()).toEqual(['got it', 'refused', 'refused']);
      await new Promise<void>((resolve, reject) => connect(path, resolve).on('error', reject)).finally(() => {});
      await Promise.all(starters.map((one) => one.kill()));
      await reclaim();
    }
    expect(existsSync(path)).toBe(false);
  });

  it("where no boot can be read, live folders are nobody else's to remove", async () => {
    const hidden = start({}, [
      'unshare',
      '--mount',
      'sh',
      '-c',
      'mount -t proc -o subset=pid proc /proc && exec "$0" "$@"',
    ]);
    const folder = await hidden.ask<string>('folder');
    await reclaim();
    expect(existsSync(folder)).toBe(true);
    await hidden.kill();
    rmSync(folder, { recursive: true });
    for (const name of left()) rmSync(`${FOLDERS.leases}/${name}`);
  });

  it('a child of another PID namespace is neither mistaken for one here nor forgotten', async () => {
    const sleeper = spawn('sleep', ['1000']);
    const { startTicks } = procStat(sleeper.pid!)!;
    const boot = thisOwner().uid && readdirSync(FOLDERS.leases)[0]!.split('.')[1];
    const owner = `${FOLDERS.leases}/wt.${boot}.2s-2s-1-zzzzz-abc`;
    execFileSync('mkfifo', [`${owner}.owner`]);
    symlinkSync(`${sleeper.pid}:${startTicks}`, `${owner}.0.child`);
    expect(await reclaim()).toMatchObject({ reclaimed: [], unknown: 1 });
    expect(procStat(sleeper.pid!)?.state).toBe('S');
    expect(left()).toHaveLength(2);
    sleeper.kill();
    for (const name of left()) rmSync(`${FOLDERS.leases}/${name}`);
  });

  it('what stands in the way of a lock is not waited for, not read and not used', async () => {
    const path = `${FOLDERS.leases}/wt-lock.${process.geteuid!()}.trap`;
    execFileSync('mkfifo', ['-m', '666', path]);
    await reclaim();
    await expect(lease.lock('trap')).rejects.toMatchObject({
      code: 'WT_LEASES_FOREIGN',
      message: expect.stringMatching(/is no file/),
    });
    rmSync(path);
    writeFileSync(path, '');
    execFileSync('chown', ['65534', path]);
    await reclaim();
    await expect(lease.lock('trap')).rejects.toMatchObject({
      code: 'WT_LEASES_FOREIGN',
      message: expect.stringMatching(/user 65534/),
    });
    expect(existsSync(path)).toBe(true);
    rmSync(path);
  });

  it("root leaves alone what belongs to others, their owners' files too", async () => {
    const names = ['owner', '0.segment', '0.child'].map(
      (kind) => `${FOLDERS.leases}/wt.00000000.2s-2s-1-1-abc.${kind}`,
    );
    const boot = readdirSync(FOLDERS.leases)[0]!.split('.')[1]!;
    const [fifo, segment] = names.map((name) => name.replace('00000000', boot));
    execFileSync('mkfifo', [fifo!]);
    writeFileSync(segment!, '');
    execFileSync('chown', ['65534', fifo!, segment!]);
    expect(await reclaim()).toMatchObject({ reclaimed: [], deadOwners: 0, alive: 0 });
    expect(left()).toHaveLength(2);
    for (const name of left()) rmSync(`${FOLDERS.leases}/${name}`);
  });

  it('a lease that was forged removes nothing but itself', async () => {
    const dead = start();
    await dead.ask('folder');
    const [name] = left().filter((entry) => entry.endsWith('.folder'));
    await dead.kill();
    const precious = `${FOLDERS.temp}/precious`;
    mkdirSync(precious);
    symlinkSync(precious, `${FOLDERS.leases}/${name!.replace('.0.folder', '.1.folder')}`);
    expect((await reclaim()).reclaimed).toHaveLength(2);
    expect(existsSync(precious)).toBe(true);
    rmSync(precious, { recursive: true });
  });

  it('one reclaim is enough for programs that were started by programs', async () => {
    const outer = start();
    const inner = await outer.ask<number>('nested', program);
    await outer.kill();
    await reclaim();
    expect(procStat(inner)?.state ?? 'gone').toMatch(/Z|gone/);
    expect(left()).toEqual([]);
  });

  it('waits for a process whose main thread has ended and whose others have not', async () => {
    const owner = start();
    await owner.ask('segments', 2);
    await owner.ask('end-main-thread');
    await until(() => procStat(owner.child.pid!)?.state === 'Z');
    const sweeping = reclaim();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const killed = owner.kill();
    expect(await sweeping).toMatchObject({ reclaimed: [{ kind: 'segment' }, { kind: 'segment' }], deadOwners: 1 });
    await killed;
    expect(left()).toEqual([]);
  });

  it('a child whose owner is dead sweeps without losing sight of itself', async () => {
    const outer = start();
    const inner = await outer.ask<number>('nested', program, 'reclaim-later');
    await outer.kill();
    // The inner one reclaims by itself, and stays to be found.
    await until(() => left().some((name) => name.endsWith('.folder')));
    expect(left().filter((name) => name.endsWith('.child'))).toHaveLength(1);
    await reclaim();
    expect(procStat(inner)?.state ?? 'gone').toMatch(/Z|gone/);
    expect(left()).toEqual([]);
  });

  it("an orderly end leaves nothing but what has to be asked for, and its owner's file with that", async () => {
    const owner = start();
    await owner.ask('segments', 2);
    await owner.ask('folder');
    await owner.ask('lock', 'at-exit');
    await owner.ask('exit').catch(() => {});
    await owner.ended();
    expect(left()).toEqual([]);
    const parent = start();
    await parent.ask('child');
    await parent.ask('exit').catch(() => {});
    await parent.ended();
    expect(
      left()
        .map((name) => name.split('.').at(-1))
        .sort(),
    ).toEqual(['child', 'owner']);
    expect((await reclaim()).reclaimed).toHaveLength(1);
    expect(left()).toEqual([]);
  });

  it('after the user has changed, what was leased before is left to its user, and the end is an orderly one', async () => {
    const dropping = start();
    await dropping.ask('folder');
    expect(await dropping.ask('setuid', 65534)).toEqual([]);
    await dropping.ask('exit').catch(() => {});
    const [code] = (await dropping.ended()) as [number];
    expect(code).toBe(0);
    await reclaim();
    expect(left()).toEqual([]);
  });

  it('a child whose lease cannot be bound keeps it, by its mark', async () => {
    const inodes = 'mount -t tmpfs -o nr_inodes=3 tmpfs /mnt && exec "$0" "$@"';
    const full = start({ WATERTIGHT_LEASE_DIR: '/mnt' }, ['unshare', '--mount', 'sh', '-c', inodes]);
    const child = await full.ask<number>('child');
    expect(await full.ask('list')).toMatchObject([{ kind: 'child', target: '-' }]);
    process.kill(child, 'SIGKILL');
  });

  it('a scope that closes ends the wait for a lock', async () => {
    const held = await lease.lock('waited-for');
    const scope = new Scope('waiting');
    const waiting = expect(lease.lock('waited-for', { scope, timeoutMs: 60_000 })).rejects.toMatchObject({
      code: 'WT_SCOPE_CLOSED',
    });
    await scope.close();
    await waiting;
    held.release();
  });
});

describe('every step between intent and use', () => {
  const orders: [string, ...unknown[]][] = [
    ['owner'],
    ['segments', 1],
    ['folder'],
    ['socket', `${FOLDERS.temp}/cut.sock`],
    ['child'],
    ['lock', 'cut'],
  ];

  it.each(orders)('leaves no orphan when the process is killed there: %s', async (order, ...values) => {
    for (let killAt = 0; ; killAt++) {
      const owner = start({ WATERTIGHT_TEST_KILL_AT: String(killAt) });
      const isCut = await owner.isCutBy(order, ...values);
      await owner.kill();
      await reclaim();
      expect(left(), `killed at call ${killAt} of ${order}`).toEqual([]);
      expect(sleepers(), `killed at call ${killAt} of ${order}`).toEqual([]);
      if (!isCut) {
        expect(killAt).toBeGreaterThan(order === 'owner' ? -1 : 1);
        return;
      }
    }
  });
});

describe('lease.socket()', () => {
  const path = `${FOLDERS.temp}/own.sock`;

  it('takes over a path whose owner was killed, and refuses one on which somebody listens', async () => {
    const owner = start();
    await owner.ask('socket', path);
    await expect(lease.socket(path)).rejects.toMatchObject({ code: 'WT_LEASES_SOCKET_BUSY' });
    await owner.kill();
    expect(existsSync(path)).toBe(true);
    const leased = await lease.socket(path);
    expect(existsSync(path)).toBe(false);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(leased.socketPath, resolve));
    await reclaim();
    expect(existsSync(path)).toBe(true);
    await new Promise((resolve) => server.close(resolve));
    await leased.release();
    await leased.release();
    expect(listLeases()).toEqual([]);
  });

  it('never removes what is no socket', async () => {
    writeFileSync(path, 'text');
    await expect(lease.socket(path)).rejects.toMatchObject({ code: 'WT_LEASES_SOCKET_BUSY' });
    expect(existsSync(path)).toBe(true);
    rmSync(path);
    expect(listLeases()).toEqual([]);
  });
});

describe('lease.lock()', () => {
  it('is held by one process at a time, and given back by the kernel when that is killed', async () => {
    const owner = start();
    await owner.ask('lock', 'single');
    await expect(lease.lock('single')).rejects.toMatchObject({
      code: 'WT_LEASES_LOCKED',
      details: { pid: owner.child.pid },
    });
    const waiting = lease.lock('single', { timeoutMs: 10_000 });
    await owner.kill();
    const taken = await waiting;
    await expect(owner.child.pid && lease.lock('single')).rejects.toMatchObject({ details: { pid: process.pid } });
    taken.release();
    taken.release();
    const again = await lease.lock('single');
    again.release();
    expect(left().filter((name) => name.includes('lock'))).toEqual([]);
  });

  it('stops waiting when its signal aborts', async () => {
    const taken = await lease.lock('aborted');
    const waiting = lease.lock('aborted', { timeoutMs: 60_000, signal: AbortSignal.timeout(20) });
    await expect(waiting).rejects.toMatchObject({ name: 'TimeoutError' });
    taken.release();
  });
});

describe('ownerState()', () => {
  it('is right across PID namespaces: alive there, and dead there', async () => {
    const there = start({}, ['unshare', '--pid', '--fork', '--mount-proc']);
    const uid = await there.ask<string>('owner');
    expect(ownerState(uid)).toBe('alive');
    await there.ask('segments', 2);
    expect((await reclaim()).reclaimed).toEqual([]);
    // What lives here is not touched from there.
    const folder = lease.folder();
    expect(await there.ask('reclaim')).toMatchObject({ reclaimed: [], alive: 3 });
    folder.release();
    await killNamespace(there);
    expect(ownerState(uid)).toBe('dead');
    expect((await reclaim()).reclaimed).toHaveLength(2);
    expect(left()).toEqual([]);
  });

  it('is right when the pid belongs to another process by now', async () => {
    // A PID namespace of its own, where the next pid can be chosen.
    const script = new URL('./pid-reuse.fixture.mjs', import.meta.url);
    const output = execFileSync(
      'unshare',
      ['--pid', '--fork', '--mount-proc', process.execPath, script.pathname, program],
      { encoding: 'utf8' },
    );
    expect(JSON.parse(output)).toEqual({
      samePid: true,
      reclaimed: 3,
      reclaimedAgain: 0,
      leftOfTheDead: 0,
      leftOfTheLiving: 4,
    });
  });
});

/** The launcher is killed; the first process of a namespace takes all others with it. */
async function killNamespace(launched: OwnerProcess): Promise<void> {
  const [inside] = scanChildren(launched.child.pid!);
  process.kill(inside!.pid, 'SIGKILL');
  await launched.ended();
}

it('permissions are of the owner alone', () => {
  chmodSync(FOLDERS.leases, 0o1777);
  const folder = lease.folder();
  const own = readdirSync(FOLDERS.leases).map((name) => `${FOLDERS.leases}/${name}`);
  const modes = execFileSync('stat', ['-c', '%a %F', folder.path, ...own], { encoding: 'utf8' });
  expect(modes.trim().split('\n').sort()).toEqual(['600 fifo', '700 directory', '777 symbolic link']);
  folder.release();
});
