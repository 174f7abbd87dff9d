// Clean: the spooled upload is removed when it is stored.
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeOrder } from './support/order.mjs';

function spoolUpload(order) {
  const path = join(tmpdir(), `watertight-corpus-${process.pid}-${order.id}.part`);
  try {
    writeFileSync(path, JSON.stringify(order));
  } finally {
    rmSync(path);
  }
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 10 === 0) spoolUpload(order);
}
