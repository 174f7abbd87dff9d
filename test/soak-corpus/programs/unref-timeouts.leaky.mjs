// Leaks: each call arms a deadline of an hour, unreferenced so that it does not keep the process up, and forgets it.
import { takeOrder } from './support/order.mjs';

async function withDeadline(n) {
  const call = { n, isLate: false };
  setTimeout(() => {
    call.isLate = true;
  }, 3_600_000).unref();
  await null;
  return takeOrder(n);
}

export default async function iteration(n) {
  await withDeadline(n);
}
