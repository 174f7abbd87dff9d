// Clean: only the last ten orders can be undone.
import { takeOrder } from './support/order.mjs';

const undoSteps = [];
const stock = new Map();

function rememberUndo(order) {
  undoSteps.push(() => stock.delete(order.customer));
  if (undoSteps.length > 10) undoSteps.shift();
}

export default async function iteration(n) {
  const order = takeOrder(n);
  stock.set(order.customer, order.totalCents);
  rememberUndo(order);
}
