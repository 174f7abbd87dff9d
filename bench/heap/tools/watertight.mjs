// Parse, dominators, retained sizes, the 20 largest objects, one path.
import { describePath, HeapGraph, readSnapshot } from '../../../dist/heap/index.js';
import { report } from './measure.mjs';

const [, , file, className] = process.argv;
const snapshot = await readSnapshot(file);
const graph = new HeapGraph(snapshot);
const retained = graph.retainedSizes;
const top = [];
let wanted = -1;
for (let node = 0; node < snapshot.nodeCount; node++) {
  const type = snapshot.nodeType(node);
  if (type !== 'object' && type !== 'closure') continue;
  if (wanted < 0 && type === 'object' && snapshot.name(node) === className) wanted = node;
  if (top.length < 20 || retained[node] > retained[top.at(-1)]) {
    top.push(node);
    top.sort((a, b) => retained[b] - retained[a]);
    top.length = Math.min(20, top.length);
  }
}
report({
  top: top.map((node) => [snapshot.name(node), retained[node]]),
  path: describePath(snapshot, graph.path(wanted)).text,
});
