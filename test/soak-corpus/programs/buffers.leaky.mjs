// Leaks: every twentieth order keeps its 16 KiB invoice in memory. Outside the JavaScript heap: heapUsed hardly moves.
import { takeOrder } from './support/order.mjs';

const invoices = [];

function renderInvoice(order) {
  const page = Buffer.alloc(16_384, order.customer);
  invoices.push(page);
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 20 === 0) renderInvoice(order);
}
