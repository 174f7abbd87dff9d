// Clean: one of eight open templates at a time is closed and opened again.
import { closeSync, openSync } from 'node:fs';
import { takeOrder } from './support/order.mjs';

const template = new URL('./support/order.mjs', import.meta.url);
const open = [];

function swapTemplate() {
  open.push(openSync(template));
  if (open.length > 8) closeSync(open.shift());
}

export default async function iteration(n) {
  takeOrder(n);
  if (n % 50 === 0) swapTemplate();
}

export function teardown() {
  for (const fd of open) closeSync(fd);
}
