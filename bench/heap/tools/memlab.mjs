// The same by memlab.
import analysis from '@memlab/core';
import heapAnalysis from '@memlab/heap-analysis';
import { report } from './measure.mjs';

const [, , file, className] = process.argv;
const snapshot = await heapAnalysis.getFullHeapFromFile(file);
const top = [];
let wanted = null;
snapshot.nodes.forEach((node) => {
  if (node.type !== 'object' && node.type !== 'closure') return;
  if (!wanted && node.type === 'object' && node.name === className) wanted = node;
  if (top.length < 20 || node.retainedSize > top.at(-1)[1]) {
    top.push([node.name, node.retainedSize]);
    top.sort((a, b) => b[1] - a[1]);
    top.length = Math.min(20, top.length);
  }
});
new analysis.TraceFinder().annotateShortestPaths(snapshot);
const path = [];
for (let node = wanted, steps = 0; node && steps < 100; steps++) {
  path.unshift(node.name);
  node = node.pathEdge?.fromNode;
}
report({ top, path: path.join(' → ') });
