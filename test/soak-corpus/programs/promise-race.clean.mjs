// Clean: the work races a promise of its own, which one shared listener settles; nothing is added to a lasting promise.
import { takeOrder } from './support/order.mjs';

const waiting = new Set();
process.once('SIGTERM', () => {
  for (const stop of waiting) stop('shutdown');
});

function untilShutdown(work) {
  let stop;
  const stopped = new Promise((resolve) => {
    stop = resolve;
  });
  waiting.add(stop);
  return Promise.race([stopped, work]).finally(() => waiting.delete(stop));
}

export default async function iteration(n) {
  await untilShutdown(Promise.resolve(takeOrder(n)));
}
