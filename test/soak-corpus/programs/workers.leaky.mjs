// Leaks: every hundredth order starts a worker thread for its report and leaves it waiting for more.
import { once } from 'node:events';
import { setTimeout as databaseAnswer } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { takeOrder } from './support/order.mjs';

const code =
  "const { parentPort } = require('node:worker_threads'); parentPort.on('message', (n) => parentPort.postMessage(n * 2));";

async function writeReport(order) {
  const reporter = new Worker(code, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 16 } });
  reporter.postMessage(order.totalCents);
  await once(reporter, 'message');
  reporter.unref();
}

export default async function iteration(n) {
  const order = takeOrder(n);
  await databaseAnswer(5);
  if (n % 100 === 99) await writeReport(order);
}
