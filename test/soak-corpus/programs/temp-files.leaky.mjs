// Leaks: every tenth order spools its upload to a temporary file and never removes it.
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { takeOrder } from './support/order.mjs';

const spooled = [];

function spoolUpload(order) {
  const path = join(tmpdir(), `watertight-corpus-${process.pid}-${order.id}.part`);
  writeFileSync(path, JSON.stringify(order));
  spooled.push(order.id);
}

/** So that no file outlives the program; during its life none is ever removed. */
export function teardown() {
  for (const id of spooled.splice(0)) rmSync(join(tmpdir(), `watertight-corpus-${process.pid}-${id}.part`));
}
process.once('exit', teardown);

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 10 === 0) spoolUpload(order);
}
