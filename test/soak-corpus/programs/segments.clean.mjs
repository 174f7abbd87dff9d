// Clean: the segment is unlinked when the reader has the picture.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { takeOrder } from './support/order.mjs';

const segmentPath = (id) => `/dev/shm/watertight-corpus-${process.pid}-${id}`;

function sharePicture(order) {
  const path = segmentPath(order.id);
  try {
    writeFileSync(path, Buffer.alloc(4096, order.customer));
    return readFileSync(path).byteLength;
  } finally {
    rmSync(path);
  }
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 20 === 0) sharePicture(order);
}
