// Leaks: a C library hands out a 4 KiB block for every fourth order, and nobody frees it. Only the process's RSS shows it.
import koffi from 'koffi';
import { takeOrder } from './support/order.mjs';

const libc = koffi.load('libc.so.6');
const malloc = libc.func('void *malloc(size_t size)');
const memset = libc.func('void *memset(void *block, int byte, size_t size)');

function renderThumbnail(order) {
  const block = malloc(4096);
  memset(block, order.totalCents % 256, 4096);
}

export default async function iteration(n) {
  const order = takeOrder(n);
  if (n % 4 === 0) renderThumbnail(order);
}
