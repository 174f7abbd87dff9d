// Leaks: each race with the long-lived shutdown promise leaves a reaction on it, and the race's result with that.
import { takeOrder } from './support/order.mjs';

const shutdownRequested = new Promise((resolve) => process.once('SIGTERM', () => resolve('shutdown')));

async function untilShutdown(work) {
  return await Promise.race([shutdownRequested, work]);
}

export default async function iteration(n) {
  await untilShutdown(Promise.resolve(takeOrder(n)));
}
