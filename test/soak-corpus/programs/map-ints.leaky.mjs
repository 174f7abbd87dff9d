// Leaks: the total of every order is kept by its number; no objects pile up, only the Map's table grows.
import { takeOrder } from './support/order.mjs';

const centsByOrder = new Map();

export default async function iteration(n) {
  const order = takeOrder(n);
  centsByOrder.set(order.id, order.totalCents);
}
