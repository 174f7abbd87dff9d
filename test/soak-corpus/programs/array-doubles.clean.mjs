// Clean: timings go into a fixed array, round and round.
import { takeOrder } from './support/order.mjs';

const latenciesMs = new Float64Array(2000);
let next = 0;

function measure(work) {
  const start = performance.now();
  work();
  const end = performance.now();
  latenciesMs.set([start, end - start], next);
  next = (next + 2) % latenciesMs.length;
}

export default async function iteration(n) {
  measure(() => takeOrder(n));
}
