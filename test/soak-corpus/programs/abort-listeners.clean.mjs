// Clean: the abort listener is removed when the call is done.
import { setMaxListeners } from 'node:events';
import { takeOrder } from './support/order.mjs';

const shutdown = new AbortController();
setMaxListeners(0, shutdown.signal);

async function callBackend(n, signal) {
  const call = { n, isCancelled: false };
  const cancel = () => {
    call.isCancelled = true;
  };
  signal.addEventListener('abort', cancel);
  try {
    await null;
    return takeOrder(n);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

export default async function iteration(n) {
  await callBackend(n, shutdown.signal);
}
