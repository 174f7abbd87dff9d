// Looks leaky, is clean: patterns and property names made from text are interned by the engine, and let go again.
import { takeOrder } from './support/order.mjs';

const shelf = {};

export default async function iteration(n) {
  const order = takeOrder(n);
  const pattern = new RegExp(`^customer-${n % 300}$`);
  shelf[`slot-${n % 300}-${n % 7}`] = pattern.test(order.customer);
  Object.keys({ [`once-${n}`]: order });
}
