// Looks leaky, is clean: another part of the platform is loaded now and then, each only once.
import { takeOrder } from './support/order.mjs';

const names = [
  'zlib',
  'readline',
  'dgram',
  'dns',
  'http2',
  'tls',
  'https',
  'vm',
  'repl',
  'cluster',
  'inspector',
  'test',
];
const loaded = new Map();

export default async function iteration(n) {
  takeOrder(n);
  const name = names[Math.floor(n / 1000)];
  if (name && n % 1000 === 0) loaded.set(name, await import(`node:${name}`));
}
