// Clean: totals older than a thousand orders are dropped.
import { takeOrder } from './support/order.mjs';

const centsByOrder = new Map();

export default async function iteration(n) {
  const order = takeOrder(n);
  centsByOrder.set(order.id, order.totalCents);
  centsByOrder.delete(order.id - 1000);
}
