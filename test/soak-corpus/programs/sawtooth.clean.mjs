// Looks leaky, is clean: the queue grows for 700 orders, then all of it is sent.
import { takeOrder } from './support/order.mjs';

const queue = [];

export default async function iteration(n) {
  queue.push({ order: takeOrder(n), text: 'x'.repeat(n % 100) });
  if (queue.length === 700) queue.length = 0;
}
