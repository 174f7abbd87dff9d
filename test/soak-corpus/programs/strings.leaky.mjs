// Leaks: every raw body (1 kB, never the same twice) is kept "for replay".
import { randomBytes } from 'node:crypto';
import { takeOrder } from './support/order.mjs';

const rawBodies = [];

function keepBody(body) {
  rawBodies.push(body);
}

export default async function iteration(n) {
  takeOrder(n);
  keepBody(randomBytes(512).toString('hex'));
}
