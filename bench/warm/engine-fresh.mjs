// The same without a pool: a thread for one cycle.
import { parentPort, workerData } from 'node:worker_threads';
import { Segment } from 'watertight/shm';

const segments = workerData.handles.map((handle) => Segment.open(handle));
for (const { buffer } of segments) Atomics.add(new Int32Array(buffer, 0, 2), workerData.index, 1);
parentPort.on('message', () => {
  for (const segment of segments) segment.close();
  parentPort.postMessage('closed');
});
parentPort.postMessage('ready');
