// Clean: the template is closed, even when reading fails.
import { closeSync, openSync, readSync } from 'node:fs';
import { takeOrder } from './support/order.mjs';

const template = new URL('./support/order.mjs', import.meta.url);

function readTemplate() {
  const text = Buffer.alloc(64);
  const fd = openSync(template);
  try {
    readSync(fd, text);
  } finally {
    closeSync(fd);
  }
  return text.toString();
}

export default async function iteration(n) {
  takeOrder(n);
  if (n % 20 === 0) readTemplate();
}
