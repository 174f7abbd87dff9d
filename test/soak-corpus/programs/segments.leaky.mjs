// Leaks: every twentieth order shares its picture through /dev/shm and never unlinks it: memory that no heap shows.
import { rmSync, writeFileSync } from 'node:fs';
import { takeOrder } from './support/order.mjs';

const shared = [];
const segmentPath = (id) => `/dev/shm/watertight-corpus-${process.pid}-${id}`;

function sharePicture(order) {
  writeFileSync(segmentPath(order.id), Buffer.alloc(4096, order.customer));
  shared.push(order.id);
}

/** So that no segment outlives the program; during its life none is ever unlinked. */
export function teardown() {
  for (const id of shared.splice(0)) rmSync(segmentPath(id));
}
process.once('exit', teardown);

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 20 === 0) sharePicture(order);
}
