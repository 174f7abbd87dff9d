// The same work for every pool: give back what came.

import { setTimeout as delay } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';

export default (n) => n;
export const slow = (ms) => delay(ms, ms);
export const raw = () => parentPort.on('message', (n) => parentPort.postMessage(n));
