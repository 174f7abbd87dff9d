// Leaks: one total for each order, in an array that is never cut; plain numbers, no objects.
import { takeOrder } from './support/order.mjs';

const statistics = { totals: [] };

export default async function iteration(n) {
  statistics.totals.push(takeOrder(n).totalCents);
}
