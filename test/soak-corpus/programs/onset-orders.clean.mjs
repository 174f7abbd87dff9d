// Clean: from order 2,000 on the queue to the warehouse is full, and only the last fifty retries stay in memory.
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
  if (retries.length > 50) retries.shift();
}

export default async function iteration(n) {
  sendToWarehouse(takeOrder(n));
  await new Promise(setImmediate);
}
