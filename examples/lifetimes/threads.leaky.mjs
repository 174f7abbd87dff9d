/** Reports that are made in threads of their own. Nobody ends the threads. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const source = `
  const { parentPort } = require('node:worker_threads');
  parentPort.on('message', (rows) => parentPort.postMessage(rows.reduce((sum, row) => sum + row, 0)));
`;

function openThread() {
  return new Worker(source, { eval: true });
}

let thread;

export default async function report(n) {
  if (n % 50 === 0) thread = openThread();
  const answer = once(thread, 'message');
  thread.postMessage([n, n + 1, n + 2]);
  const [sum] = await answer;
  if (sum !== 3 * n + 3) throw new Error(`wrong sum ${sum}`);
}
