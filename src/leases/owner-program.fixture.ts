// A process that leases what it is told to.
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, type Server } from 'node:net';
import { makeEntry } from './entry-failure.js';
import { lease, listLeases, MARK_VARIABLE, reclaim, registerChild, thisOwner } from './index.js';
import { serve } from './ordered-program.fixture.js';
import { leasePath } from './owner.js';

/** Never released: what a killed process leaves. */
const held: unknown[] = [];

serve({
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
  closeSocket: async () => {
    await new Promise((resolve) => (held.at(-1) as Server).close(resolve));
    await (held.at(-2) as { release(): unknown }).release();
  },
  nested: async (program: string, order = 'child') => {
    const leased = registerChild();
    const child = childProcess.fork(program, { env: { ...process.env, [MARK_VARIABLE]: leased.mark }, execArgv: [] });
    leased.bind(child.pid!);
    child.send({ order, values: [] });
    await new Promise((resolve) => child.once('message', resolve));
    return child.pid;
  },
  setuid: (userId: number) => {
    process.setgroups!([]);
    process.setuid!(userId);
    return listLeases();
  },
  /** When its owner has gone: sweeps, leases a folder as a sign, and stays. */
  'reclaim-later': () => {
    setInterval(() => {}, 60_000);
    process.once('disconnect', async () => {
      await reclaim();
      held.push(lease.folder());
    });
  },
  /** As in a process that is being killed: the main thread has ended, the others have not, and the FIFO is open. */
  'end-main-thread': () => {
    const syscall = createRequire(import.meta.url)('koffi')
      .load(null)
      .func('long syscall(long number, long value)');
    setTimeout(() => syscall(process.arch === 'x64' ? 60 : 93, 0), 20);
  },
  exit: () => process.exit(0),
  lock: async (name: string) => void held.push(await lease.lock(name)),
  unlock: () => (held.at(-1) as { release(): void }).release(),
  list: () => listLeases(),
  reclaim: () => reclaim(),
});
