// Looks leaky, is clean: few of 20,000 products are asked for often (Zipf), so the cache fills ever more slowly.
import { LRUCache } from 'lru-cache';
import { takeOrder } from './support/order.mjs';
import { random } from './support/random.mjs';

const cache = new LRUCache({ max: 1_000_000 });

export default async function iteration() {
  const product = Math.floor(20_000 ** random());
  if (!cache.has(product)) cache.set(product, takeOrder(product));
  else takeOrder(product);
}
