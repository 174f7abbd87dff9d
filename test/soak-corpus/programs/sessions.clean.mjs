// Clean: every session is deleted, the one that takes the early return too.
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
  sessions.delete(n);
  return order.id % 50 === 0 ? 0 : order.totalCents;
}

export default async function iteration(n) {
  visit(n);
}
