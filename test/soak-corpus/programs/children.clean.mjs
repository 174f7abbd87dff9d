// Clean: the helper is stopped, and waited for, when its order is done.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as databaseAnswer } from 'node:timers/promises';
import { takeOrder } from './support/order.mjs';

async function runHelper() {
  const helper = spawn('sleep', ['600'], { stdio: 'ignore' });
  await once(helper, 'spawn');
  helper.kill();
  await once(helper, 'exit');
}

export default async function iteration(n) {
  takeOrder(n);
  await databaseAnswer(5);
  if (n % 100 === 99) await runHelper();
}
