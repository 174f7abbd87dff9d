// Looks leaky, is clean: bursts get slowly larger, so the pool of parsers grows to its maximum of 800, then stays.
import { takeOrder } from './support/order.mjs';

class Parser {
  fields = new Array(32).fill(0);
}

const MAX = 800;
const idle = [];

export default async function iteration(n) {
  const burst = Math.min(MAX, 1 + Math.floor(n / 5));
  const taken = Array.from({ length: burst }, () => idle.pop() ?? new Parser());
  takeOrder(n);
  idle.push(...taken.slice(0, MAX - idle.length));
}
