// Clean: only the newest invoice of each of ten printers is kept.
import { takeOrder } from './support/order.mjs';

const invoices = new Array(10);

function renderInvoice(order) {
  const page = Buffer.alloc(16_384, order.customer);
  invoices[(order.id / 20) % invoices.length] = page;
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 20 === 0) renderInvoice(order);
}
