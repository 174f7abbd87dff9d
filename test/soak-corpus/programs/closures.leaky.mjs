// Leaks: each order leaves a closure that could undo it, long after it cannot be undone any more.
import { takeOrder } from './support/order.mjs';

const undoSteps = [];
const stock = new Map();

function rememberUndo(order) {
  undoSteps.push(() => stock.delete(order.customer));
}

export default async function iteration(n) {
  const order = takeOrder(n);
  stock.set(order.customer, order.totalCents);
  rememberUndo(order);
}
