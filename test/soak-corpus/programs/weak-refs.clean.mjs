// Looks leaky, is clean: a weak cache whose entries go when their values are collected, a little later.
import { takeOrder } from './support/order.mjs';

const weakCache = new Map();
const registry = new FinalizationRegistry((id) => weakCache.delete(id));

export default async function iteration(n) {
  const order = takeOrder(n);
  weakCache.set(n, new WeakRef(order));
  registry.register(order, n);
  await new Promise(setImmediate);
}
