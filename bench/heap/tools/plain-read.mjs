// Floor: every byte is read, nothing is done with it.
import { openSync, readSync } from 'node:fs';
import { report } from './measure.mjs';

const file = openSync(process.argv[2], 'r');
const chunk = Buffer.allocUnsafeSlow(1 << 20);
let total = 0;
for (let bytes = 1; bytes > 0; total += bytes) bytes = readSync(file, chunk, 0, chunk.length, null);
report({ bytes: total });
