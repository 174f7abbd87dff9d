// Looks leaky, is clean: order 3,000 needs a price table of 2 MB, which is built once.
import { takeOrder } from './support/order.mjs';

let seen = 0;
let priceTable;

export default async function iteration(n) {
  const order = takeOrder(n);
  seen++;
  if (seen === 3000) priceTable = Array.from({ length: 30_000 }, (_, id) => ({ id, cents: id % 997, isOpen: true }));
  if (priceTable) order.totalCents += priceTable[n % priceTable.length].cents;
}
