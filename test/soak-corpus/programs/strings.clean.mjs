// Clean: only the last twenty raw bodies are kept for replay.
import { randomBytes } from 'node:crypto';
import { takeOrder } from './support/order.mjs';

const rawBodies = [];

function keepBody(body) {
  rawBodies.push(body);
  if (rawBodies.length > 20) rawBodies.shift();
}

export default async function iteration(n) {
  takeOrder(n);
  keepBody(randomBytes(512).toString('hex'));
}
