// Leaks: the export is one Buffer that every order makes 100 bytes longer.
import { takeOrder } from './support/order.mjs';

const exported = { body: Buffer.alloc(0), handedOver: 0 };

function appendRow(order) {
  const row = Buffer.from(JSON.stringify(order).padEnd(100));
  exported.body = Buffer.concat([exported.body, row]);
}

export default async function iteration(n) {
  appendRow(takeOrder(n));
}
