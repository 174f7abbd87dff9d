// Leaks: each call hangs an abort listener on the signal of the whole process and forgets it when it is done.
import { setMaxListeners } from 'node:events';
import { takeOrder } from './support/order.mjs';

const shutdown = new AbortController();
setMaxListeners(0, shutdown.signal);

async function callBackend(n, signal) {
  const call = { n, isCancelled: false };
  signal.addEventListener('abort', () => {
    call.isCancelled = true;
  });
  await null;
  return takeOrder(n);
}

export default async function iteration(n) {
  await callBackend(n, shutdown.signal);
}
