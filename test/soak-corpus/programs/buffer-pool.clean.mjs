// Looks leaky, is clean: pages of 8 KiB go round in a pool that grows to 400 of them over the first 2,400 orders.
import { takeOrder } from './support/order.mjs';

const pages = [];

function pageFor(n) {
  if (pages.length < 400 && n % 6 === 0) pages.push(Buffer.alloc(8192));
  return pages[n % pages.length];
}

export default async function iteration(n) {
  const order = takeOrder(n);
  pageFor(n).write(order.customer);
}
