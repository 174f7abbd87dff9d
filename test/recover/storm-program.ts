// Makes and drops everything that can be leased, at random and without end, until it is killed.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { lease, MARK_VARIABLE, registerChild } from '../../src/leases/index.js';
import { Segment } from '../../src/shm/index.js';

const [socketFolder] = process.argv.slice(2);
const drops: (() => unknown)[] = [];
let sockets = 0;

const acts: (() => unknown)[] = [
  () => {
    const segment = Segment.create({ bytes: 4096, name: 'storm' });
    drops.push(() => segment.close());
  },
  () => {
    const segment = Segment.create({ bytes: 4096 });
    drops.push(() => segment.close());
  },
  () => {
    const folder = lease.folder({ label: 'storm' });
    writeFileSync(`${folder.path}/file`, 'text');
    drops.push(() => folder.release());
  },
  async () => {
    const leased = await lease.socket(`${socketFolder}/${process.pid}-${sockets++}.sock`);
    const server: Server = createServer();
    await new Promise<void>((resolve) => server.listen(leased.socketPath, resolve));
    drops.push(async () => {
      await new Promise((resolve) => server.close(resolve));
      await leased.release();
    });
  },
  () => {
    const leased = registerChild();
    const env = { ...process.env, [MARK_VARIABLE]: leased.mark };
    const child = spawn('sleep', ['1000'], { env, stdio: 'ignore', detached: true });
    leased.bind(child.pid!);
    drops.push(async () => {
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
      leased.release();
    });
  },
  async () => {
    const lock = await lease.lock(`storm-${Math.floor(Math.random() * 8)}`, { timeoutMs: 50 }).catch(() => undefined);
    if (lock) drops.push(() => lock.release());
  },
];

process.send!('ready');
for (;;) {
  if (drops.length > 6) await drops.splice(Math.floor(Math.random() * drops.length), 1)[0]!();
  // Children cost a fork each: one act in twelve.
  const at = Math.random() < 1 / 12 ? 4 : [0, 1, 2, 3, 5][Math.floor(Math.random() * 5)]!;
  await acts[at]!();
}
