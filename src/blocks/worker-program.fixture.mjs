// What workers of the tests do: `once` takes ten blocks and says which; `storm` allocates and frees until terminated.
import { parentPort, workerData } from 'node:worker_threads';

const { bundle, handle, kind, name } = workerData;
const { BlockPool } = await import(bundle);
const pool = BlockPool.attach(handle);

if (kind === 'once') {
  const handles = Array.from({ length: 10 }, () => pool.allocate(1, 0, name)[0]);
  parentPort.postMessage(handles.map((one) => pool.blockIndex(one)));
  parentPort.once('message', () => pool.close());
} else {
  parentPort.postMessage('ready');
  for (let round = 0; ; round++) {
    const handles = pool.allocate(1 + (round % 16), 0, name);
    for (const one of handles) pool.data(one).fill(round);
    if (handles.some((one) => pool.data(one)[7] !== (round & 255))) throw new Error('another writes here');
    const shared = pool.share(handles.slice(0, 1), name, `${name} too`);
    pool.writable(shared[0], `${name} too`);
    pool.freeAgent(`${name} too`);
    pool.free(handles, name);
  }
}
