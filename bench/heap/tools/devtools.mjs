// The same by the worker of Chrome DevTools, as heap-snapshot-toolkit exports it; what it does beyond that it always does.
import { createReadStream } from 'node:fs';
import { parse } from 'heap-snapshot-toolkit';
import { report } from './measure.mjs';

const [, , file, className] = process.argv;
const snapshot = await parse(createReadStream(file, 'utf-8'));
const top = [];
let wanted = -1;
const node = snapshot.createNode(0);
for (let index = 0; index < snapshot.nodes.length; index += snapshot.nodeFieldCount) {
  node.nodeIndex = index;
  const type = node.type();
  if (type !== 'object' && type !== 'closure') continue;
  if (wanted < 0 && type === 'object' && node.rawName() === className) wanted = index;
  const size = node.retainedSize();
  if (top.length < 20 || size > top.at(-1)[1]) {
    top.push([node.rawName(), size]);
    top.sort((a, b) => b[1] - a[1]);
    top.length = Math.min(20, top.length);
  }
}
const path = [];
for (let at = wanted, steps = 0; at > 0 && steps < 100; steps++) {
  const here = snapshot.createNode(at);
  path.unshift(here.rawName());
  let next = -1;
  for (let it = here.retainers(); it.hasNext(); it.next()) {
    const owner = it.item().node();
    if (owner.distance() < here.distance() && next < 0) next = owner.nodeIndex;
  }
  at = next;
}
report({ top, path: path.join(' → ') });
