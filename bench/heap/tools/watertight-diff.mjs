// Class by class, what three snapshots of one process gained: from their nodes alone.
import { classCensus, readSnapshot } from '../../../dist/heap/index.js';
import { report } from './measure.mjs';

const rows = new Map();
for (const [i, file] of process.argv.slice(2).entries()) {
  for (const [name, { count, bytes }] of classCensus(await readSnapshot(file, { edges: false }))) {
    if (!rows.has(name)) rows.set(name, [0, 0, 0, 0]);
    const row = rows.get(name);
    row[i] = count;
    row[3] += i === 2 ? bytes : 0;
  }
}
const grown = [...rows].filter(([, [a, b, c]]) => c > b && b > a).sort(([, a], [, b]) => b[3] - a[3]);
report({ grown: grown.slice(0, 20) });
