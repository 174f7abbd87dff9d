// A participant that may be told to kill itself before a step: argv is the bundle, the pool's handle, and the label.
// Without a label it tells, as JSON: labels of the steps it made, and what was held after each operation.
const [, , bundle, handle, label] = process.argv;
const labels = new Set();
globalThis.watertightStep = (step) => {
  labels.add(step);
  if (step === label) process.kill(process.pid, 'SIGKILL');
};
const { BlockPool } = await import(bundle);
const pool = BlockPool.attach(JSON.parse(handle), { onOwnerDeath: 'keep' });
const pictures = [];
const look = () => {
  const held = pool.usage().agents.filter((one) => one.references > 0);
  pictures.push(Object.fromEntries(held.map((one) => [one.name, one.references])));
};
const steps = [
  () => pool.allocate(3, 0, 'a'),
  () => pool.allocateSequence([1, 1], 'b'),
  () => pool.allocate(1, 0, 'empty'),
  () => pool.share(handles(0), 'a', 'c'),
  () => pool.writable(made[3][0], 'c'),
  () => pool.free(handles(0).slice(0, 2), 'a'),
  () => pool.free(made[3].slice(1), 'c'),
  () => pool.keep('b'),
  () => pool.handOver('b'),
  () => pool.adopt('b'),
  () => pool.freeAgent('b'),
  () => pool.freeAgent('c'),
  () => pool.freeAgent('empty'),
  () => pool.freeAgent('a'),
  () => pool.reconfigure({ totalBlocks: 8, blockBytes: 8, layers: [{ windowBlocks: 5 }, {}], drain: true }),
  () => pool.allocate(2, 1, 'd'),
];
const made = [];
const handles = (i) => made[i];
look();
// What one who was killed before has left.
for (const { name, references } of pool.usage().agents) {
  if (references > 0) pool.freeAgent(name);
  look();
}
for (const step of steps) {
  made.push(await step());
  look();
}
// One drain ends without success, another with the pool.
const drained = { totalBlocks: 8, blockBytes: 8, layers: 2, drain: true };
await pool.reconfigure({ ...drained, timeoutMs: 0 }).catch(() => {});
pool.reconfigure(drained).catch(() => {});
pool.close();
console.log(JSON.stringify({ labels: [...labels], pictures }));
