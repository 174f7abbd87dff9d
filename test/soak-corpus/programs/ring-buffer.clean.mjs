// Looks leaky, is clean: a ring of 50,000 readings, ten an order, is full after 5,000 orders.
import { takeOrder } from './support/order.mjs';

const CAPACITY = 50_000;
const ring = [];
let next = 0;

function keep(reading) {
  ring[next] = reading;
  next = (next + 1) % CAPACITY;
}

export default async function iteration(n) {
  const { totalCents } = takeOrder(n);
  for (let i = 0; i < 10; i++) keep({ at: n, cents: totalCents + i });
}
