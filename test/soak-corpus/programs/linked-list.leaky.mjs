// Leaks: a linked list of past prices; the newest points to the one before, and so on for ever.
import { takeOrder } from './support/order.mjs';

class PricePoint {
  constructor(cents, previous) {
    this.cents = cents;
    this.previous = previous;
  }
}

const market = { latest: null };

export default async function iteration(n) {
  market.latest = new PricePoint(takeOrder(n).totalCents, market.latest);
}
