// A worker that is terminated with segments open; one of them it has closed before.
import { parentPort } from 'node:worker_threads';
import { Segment } from '../../src/shm/index.js';

const held = [Segment.create({ bytes: 4096 }), Segment.create({ bytes: 4096 })];
Segment.create({ bytes: 4096 }).close();
parentPort?.postMessage('ready');
setInterval(() => held.length, 1000);
