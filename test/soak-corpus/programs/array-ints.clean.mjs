// Clean: the array is reduced to its mean every thousand orders.
import { takeOrder } from './support/order.mjs';

const statistics = { totals: [], mean: 0 };

export default async function iteration(n) {
  statistics.totals.push(takeOrder(n).totalCents);
  if (statistics.totals.length < 1000) return;
  statistics.mean = statistics.totals.reduce((sum, cents) => sum + cents, 0) / 1000;
  statistics.totals.length = 0;
}
