// Leaks: every hundredth order starts a helper process and leaves it running.
import { spawn } from 'node:child_process';
import { setTimeout as databaseAnswer } from 'node:timers/promises';
import { takeOrder } from './support/order.mjs';

const started = [];

function startHelper() {
  const helper = spawn('sleep', ['600'], { stdio: 'ignore' });
  helper.unref();
  started.push(helper.pid);
}

/** So that a helper does not outlive the program; during its life none is ever stopped. */
export function teardown() {
  for (const pid of started.splice(0)) process.kill(pid, 'SIGKILL');
}
process.once('exit', teardown);

export default async function iteration(n) {
  takeOrder(n);
  await databaseAnswer(5);
  if (n % 100 === 99) startHelper();
}
