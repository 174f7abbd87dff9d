// Leaks: from order 2,000 on the queue to the warehouse is full, and every retry stays in memory.
import { takeOrder } from './support/order.mjs';

class Retry {
  constructor(order) {
    this.order = order;
    this.attempts = 0;
  }
}

const retries = [];
let sent = 0;

function sendToWarehouse(order) {
  if (sent++ < 2000) return;
  retries.push(new Retry(order));
}

export default async function iteration(n) {
  sendToWarehouse(takeOrder(n));
  await new Promise(setImmediate);
}
