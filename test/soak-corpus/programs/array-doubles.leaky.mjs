// Leaks: two timings (doubles) for each order in an array that is never cut.
import { takeOrder } from './support/order.mjs';

const latenciesMs = [];

function measure(work) {
  const start = performance.now();
  work();
  const end = performance.now();
  latenciesMs.push(start + 0.5, end - start + 0.001);
}

export default async function iteration(n) {
  measure(() => takeOrder(n));
}
