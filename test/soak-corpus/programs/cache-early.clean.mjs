// Looks leaky, is clean: the cache of 500 fills in the first seconds, then replaces.
import { LRUCache } from 'lru-cache';
import { takeOrder } from './support/order.mjs';

const cache = new LRUCache({ max: 500 });

export default async function iteration(n) {
  const order = takeOrder(n);
  cache.set(order.id, order);
}
