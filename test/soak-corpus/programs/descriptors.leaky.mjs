// Leaks: every twentieth order opens its template and does not close it.
import { openSync, readSync } from 'node:fs';
import { takeOrder } from './support/order.mjs';

const template = new URL('./support/order.mjs', import.meta.url);

function readTemplate() {
  const text = Buffer.alloc(64);
  const fd = openSync(template);
  readSync(fd, text);
  return text.toString();
}

export default async function iteration(n) {
  takeOrder(n);
  if (n % 20 === 0) readTemplate();
}
