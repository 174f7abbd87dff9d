// What workers of the tests do: `once` takes ten blocks and says which; `storm` allocates and frees until terminated; `rounds`
// meets the others again and again, each time to take ten blocks, and each time to ask too much of a small pool twenty times.
import { parentPort, workerData } from 'node:worker_threads';

const { bundle, handle, kind, name } = workerData;
const { BlockPool } = await import(bundle);
const pool = BlockPool.attach(handle);

if (kind === 'once') {
  const handles = Array.from({ length: 10 }, () => pool.allocate(1, 0, name)[0]);
  parentPort.postMessage(handles.map((one) => pool.blockIndex(one)));
  parentPort.once('message', () => pool.close());
} else if (kind === 'rounds') {
  const { words, threads, rounds, small } = workerData;
  const smallPool = BlockPool.attach(small);
  const [ARRIVED, TAKEN, WRONG, BLOCKS] = [0, 1, 2, 8];
  let meetings = 0;
  const meet = () => {
    meetings++;
    if (Atomics.add(words, ARRIVED, 1) + 1 === meetings * threads) Atomics.notify(words, ARRIVED);
    for (;;) {
      const seen = Atomics.load(words, ARRIVED);
      if (seen >= meetings * threads) break;
      Atomics.wait(words, ARRIVED, seen);
    }
  };
  for (let round = 0; round < rounds; round++) {
    const handles = Array.from({ length: 10 }, () => pool.allocate(1, 0, name)[0]);
    for (const one of handles) Atomics.add(words, BLOCKS + pool.blockIndex(one), 1);
    meet();
    if (handles.some((one) => Atomics.load(words, BLOCKS + pool.blockIndex(one)) !== 1)) Atomics.add(words, WRONG, 1);
    meet();
    for (const one of handles) Atomics.sub(words, BLOCKS + pool.blockIndex(one), 1);
    pool.free(handles, name);
    const few = [];
    for (let call = 0; call < 20; call++) {
      try {
        few.push(smallPool.allocate(1, 0, name)[0]);
      } catch (error) {
        if (error.code !== 'WT_BLOCKS_EXHAUSTED') Atomics.add(words, WRONG, 1);
      }
    }
    Atomics.add(words, TAKEN, few.length);
    meet();
    smallPool.free(few, name);
    meet();
  }
  smallPool.close();
  pool.close();
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
