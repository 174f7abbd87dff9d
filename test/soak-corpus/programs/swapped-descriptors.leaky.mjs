// Leaks: a spare descriptor is closed each time another is leaked, so their number stands still for 15,000 orders.
import { closeSync, openSync } from 'node:fs';
import { takeOrder } from './support/order.mjs';

const template = new URL('./support/order.mjs', import.meta.url);
let spares = [];

export function setup() {
  spares = Array.from({ length: 300 }, () => openSync('/dev/null'));
}

function swapTemplate() {
  const spare = spares.pop();
  if (spare !== undefined) closeSync(spare);
  openSync(template);
}

export default async function iteration(n) {
  takeOrder(n);
  if (n % 50 === 0) swapTemplate();
}
