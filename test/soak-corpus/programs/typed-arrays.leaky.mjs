// Leaks: the embedding (8 KiB of floats) of every eighth order is kept under its number.
import { takeOrder } from './support/order.mjs';

const embeddings = new Map();

function embed(order) {
  const vector = new Float64Array(1024);
  vector[order.totalCents % 1024] = 1;
  embeddings.set(order.id, vector);
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 8 === 0) embed(order);
}
