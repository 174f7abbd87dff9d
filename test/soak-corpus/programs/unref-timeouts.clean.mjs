// Clean: the deadline is disarmed when the call returns.
import { takeOrder } from './support/order.mjs';

async function withDeadline(n) {
  const call = { n, isLate: false };
  const deadline = setTimeout(() => {
    call.isLate = true;
  }, 3_600_000).unref();
  try {
    await null;
    return takeOrder(n);
  } finally {
    clearTimeout(deadline);
  }
}

export default async function iteration(n) {
  await withDeadline(n);
}
