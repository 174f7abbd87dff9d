import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { isAlive, until } from '../../src/children/processes.fixture.js';
import { reclaim } from '../../src/leases/index.js';
import type { ParentLine } from './parent.fixture.js';

const file = fileURLToPath(new URL('./parent.fixture.ts', import.meta.url));

it('SIGKILL of a program leaves none of its brokers, and the next start takes their folders', async () => {
  const parent = spawn(process.execPath, ['--import', 'tsx', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(parent, 'exit');
  const [line] = await Promise.race([once(createInterface(parent.stdout), 'line'), exited.then(() => ['{}'])]);
  const { pids, folders } = JSON.parse(String(line)) as ParentLine;
  // Redis and redis-cli, NATS, the mock, epmd, RabbitMQ's shell, the Erlang machine and its helpers.
  expect(pids.length).toBeGreaterThanOrEqual(8);
  expect(pids.filter((pid) => isAlive(pid))).toEqual(pids);
  parent.kill('SIGKILL');
  await exited;
  await until(() => pids.every((pid) => !isAlive(pid)));
  // Another program on this machine may be at it already.
  await reclaim();
  await until(() => folders.every((folder) => !existsSync(folder)));
});
