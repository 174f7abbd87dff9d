// Looks leaky, is clean: counters by customer and result; 977 customers and three results give 2,931 at most.
import { takeOrder } from './support/order.mjs';

const counters = new Map();

function count(labels) {
  const key = JSON.stringify(labels);
  const counter = counters.get(key) ?? { labels, count: 0, buckets: new Array(8).fill(0) };
  counter.count++;
  counter.buckets[counter.count % 8]++;
  counters.set(key, counter);
}

export default async function iteration(n) {
  const { customer } = takeOrder(n);
  count({ customer, result: n % 3 });
}
