// Clean: the block goes back to the C library.
import koffi from 'koffi';
import { takeOrder } from './support/order.mjs';

const libc = koffi.load('libc.so.6');
const malloc = libc.func('void *malloc(size_t size)');
const memset = libc.func('void *memset(void *block, int byte, size_t size)');
const free = libc.func('void free(void *block)');

function renderThumbnail(order) {
  const block = malloc(4096);
  memset(block, order.totalCents % 256, 4096);
  free(block);
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 4 === 0) renderThumbnail(order);
}
