// One more participant of the bench: dies with the lock held, or allocates and frees for a while and tells how often.
import { parentPort } from 'node:worker_threads';

const [, , bundle, handle, kind, count, forMs] = process.argv;
const { BlockPool } = await import(bundle);
const pool = BlockPool.attach(JSON.parse(handle));
const name = `bench ${Math.random()}`;
if (kind === 'die') {
  pool.allocate(32_768, 0, name);
  globalThis.watertightStep = (step) =>
    step === 'take.one' || (step === 'take.word' && process.kill(process.pid, 'SIGKILL'));
  pool.allocate(16, 0, name);
}
let pairs = 0;
const began = performance.now();
while (performance.now() - began < Number(forMs)) {
  for (let i = 0; i < 1000; i++) pool.free(pool.allocate(Number(count), 0, name), name);
  pairs += 1000;
}
const rate = (pairs / (performance.now() - began)) * 1000;
pool.close();
if (parentPort) parentPort.postMessage(rate);
else process.send(rate, () => process.disconnect());
