// Leaks: a session that ends with an order for customer 0 modulo 50 takes an early return and is never deleted.
import { takeOrder } from './support/order.mjs';

class ShopSession {
  constructor(n) {
    this.number = n;
    this.basket = [n, n + 1];
  }
}

const sessions = new Map();

function visit(n) {
  sessions.set(n, new ShopSession(n));
  const order = takeOrder(n);
  if (order.id % 50 === 0) return 0;
  sessions.delete(n);
  return order.totalCents;
}

export default async function iteration(n) {
  visit(n);
}
