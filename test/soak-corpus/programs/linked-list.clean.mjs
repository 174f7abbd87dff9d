// Clean: a price knows the one before it, but not the one before that.
import { takeOrder } from './support/order.mjs';

class PricePoint {
  constructor(cents, previous) {
    this.cents = cents;
    this.previous = previous;
  }
}

const market = { latest: null };

export default async function iteration(n) {
  if (market.latest) market.latest.previous = null;
  market.latest = new PricePoint(takeOrder(n).totalCents, market.latest);
}
