// Leaks: every second order waits for a confirmation that never comes; its async function hangs for ever.
import { takeOrder } from './support/order.mjs';

const awaitingConfirmation = [];

async function confirm(order) {
  await new Promise((resolve) => awaitingConfirmation.push(resolve));
  order.isConfirmed = true;
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 2 === 0) confirm(order);
}
