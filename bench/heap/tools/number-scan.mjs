// Floor: every digit is turned into numbers, which are only added up. One loop of JavaScript.
import { openSync, readSync } from 'node:fs';
import { report } from './measure.mjs';

function sum(bytes, length, state) {
  let { value, total } = state;
  for (let i = 0; i < length; i++) {
    const digit = bytes[i] - 48;
    if (digit >= 0 && digit <= 9) value = (value * 10 + digit) | 0;
    else {
      total += value;
      value = 0;
    }
  }
  state.value = value;
  state.total = total;
}

const file = openSync(process.argv[2], 'r');
const chunk = new Uint8Array(1 << 20);
const state = { value: 0, total: 0 };
for (let bytes = 1; bytes > 0; ) {
  bytes = readSync(file, chunk, 0, chunk.length, null);
  sum(chunk, bytes, state);
}
report({ total: state.total });
