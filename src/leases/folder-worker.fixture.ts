// A worker that leases a folder and is terminated with it.
import { parentPort } from 'node:worker_threads';
import { lease } from './index.js';

parentPort?.postMessage(lease.folder().path);
setInterval(() => {}, 1000);
