// Looks leaky, is clean: each call has a deadline of 300 ms that nobody cancels; it goes by itself when it has passed.
import { takeOrder } from './support/order.mjs';

async function withDeadline(n) {
  const signal = AbortSignal.timeout(300);
  await new Promise(setImmediate);
  signal.throwIfAborted();
  return takeOrder(n);
}

export default async function iteration(n) {
  await withDeadline(n);
}
