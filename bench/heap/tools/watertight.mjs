// Parse, dominators, retained sizes, the 20 largest objects, one path.
import { describePath, HeapGraph, NODE_TYPES, readSnapshot } from '../../../dist/heap/index.js';
import { report } from './measure.mjs';

const [, , file, className] = process.argv;
const snapshot = await readSnapshot(file);
const graph = new HeapGraph(snapshot);
const retained = graph.retainedSizes;
const { nodeTypes, nodeNames, nodeCount } = snapshot;
const [object, closure] = [NODE_TYPES.indexOf('object'), NODE_TYPES.indexOf('closure')];
const name = snapshot.strings.indexOf(className);
const top = [];
let least = -1;
let wanted = -1;
for (let node = 0; node < nodeCount; node++) {
  const type = nodeTypes[node];
  if (type !== object && type !== closure) continue;
  if (wanted < 0 && type === object && nodeNames[node] === name) wanted = node;
  if (retained[node] <= least) continue;
  top.push(node);
  top.sort((a, b) => retained[b] - retained[a]);
  top.length = Math.min(20, top.length);
  if (top.length === 20) least = retained[top.at(-1)];
}
report({
  top: top.map((node) => [snapshot.name(node), retained[node]]),
  path: describePath(snapshot, graph.path(wanted)).text,
});
