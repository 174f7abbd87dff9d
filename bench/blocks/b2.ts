import { BlockPool } from '../../src/blocks/index.js';
import { lock, unlock } from '../../src/blocks/protocol-lock.js';
const pool = new BlockPool({ totalBlocks: 65536, blockBytes: 64, layers: 4 });
const bench = (f) => {
  const samples = [];
  for (let b = 0; b < 3000; b++) {
    const t = process.hrtime.bigint();
    for (let i = 0; i < 100; i++) f();
    samples.push(Number(process.hrtime.bigint() - t) / 100);
  }
  samples.sort((a, b) => a - b);
  return [samples[0], samples[samples.length >> 1]];
};
const m = new Int32Array(new SharedArrayBuffer(1024));
for (let k = 0; k < 3; k++) console.log('1', bench(() => pool.free(pool.allocate(1, 0, 'session-1'), 'session-1')), '16', bench(() => pool.free(pool.allocate(16, 0, 'session-1'), 'session-1')), 'lockpair', bench(() => { Atomics.compareExchange(m, 16, 0, 1); Atomics.store(m, 16, 0) }));
