// One of the processes of atomics.bench.ts: waits at the segment until all are there, adds, and the maker tells the sum.
import { Segment } from 'watertight/shm';

const [way, millions, processes, handle] = process.argv.slice(2);
const segment = handle ? Segment.open(JSON.parse(handle)) : Segment.create({ bytes: 4096 });
const words = new Int32Array(segment.buffer, 0, 8);
const wide = new BigInt64Array(segment.buffer, 64, 1);
if (!handle) console.log(JSON.stringify(segment.handle));
// The control is five to twenty times as fast, and has to meet the others at work.
const count = Number(millions) * 1e6 * (way === 'plain' ? 10 : 1);
const work = {
  add: () => {
    for (let i = 0; i < count; i++) Atomics.add(words, 0, 1);
  },
  cas: () => {
    for (let i = 0; i < count; i++) {
      for (;;) {
        const seen = Atomics.load(words, 0);
        if (Atomics.compareExchange(words, 0, seen, seen + 1) === seen) break;
      }
    }
  },
  bigint: () => {
    for (let i = 0; i < count; i++) Atomics.add(wide, 0, 1n);
  },
  plain: () => {
    for (let i = 0; i < count; i++) words[0]++;
  },
};
const [ARRIVED, DONE] = [4, 5];
Atomics.add(words, ARRIVED, 1);
while (Atomics.load(words, ARRIVED) < Number(processes));
const start = performance.now();
work[way]();
const ns = ((performance.now() - start) * 1e6) / count;
Atomics.add(words, DONE, 1);
if (!handle) {
  while (Atomics.load(words, DONE) < Number(processes)) await new Promise((resolve) => setTimeout(resolve, 1));
  console.log(JSON.stringify({ sum: way === 'bigint' ? Number(wide[0]) : words[0], ns }));
}
segment.close();
