// Clean: the export is handed over when it passes 16 KiB, and a new one started.
import { takeOrder } from './support/order.mjs';

const exported = { body: Buffer.alloc(0), handedOver: 0 };

function appendRow(order) {
  const row = Buffer.from(JSON.stringify(order).padEnd(100));
  exported.body = Buffer.concat([exported.body, row]);
  if (exported.body.length < 16_384) return;
  exported.handedOver += exported.body.length;
  exported.body = Buffer.alloc(0);
}

export default async function iteration(n) {
  appendRow(takeOrder(n));
}
