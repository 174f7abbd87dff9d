import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { referenceGraph } from '../heap/index.js';
import type { HeapAnswer } from './heap-answer.js';
import type { HeapArguments } from './heap-arguments.js';
import { drawSvg } from './heap-drawing.js';
import type { HeapFile } from './heap-files.js';
import { counted } from './heap-numbers.js';
import { cannotWrite, checkWritable } from './report-files.js';

/** Objects of a class that a picture starts from: more are the same again. */
const MAX_STARTS = 2;
const DEFAULT_OUT = 'heap-graph.svg';

/**
 * `heap graph`: draws what refers to some objects and what they refer to.
 *
 * @throws WatertightError `WT_CLI_CANNOT_WRITE`, `WT_HEAP_UNKNOWN_CLASS`, `WT_HEAP_UNKNOWN_NODE`
 */
export async function graphAnswer(file: HeapFile, { target, depth, out }: HeapArguments): Promise<HeapAnswer> {
  const path = out ?? DEFAULT_OUT;
  checkWritable(path);
  const nodes = file.nodesOf(target!);
  const graph = referenceGraph(file.snapshot, file.graph.retainers, file.paths, nodes.slice(0, MAX_STARTS), { depth });
  const left = nodes.length - Math.min(nodes.length, MAX_STARTS);
  const cut = [
    ...(left > 0 ? [`${counted(left, 'more object')} of ${target}`] : []),
    ...(graph.cut > 0 ? [counted(graph.cut, 'reference')] : []),
  ];
  const titles = [
    `${target}, references to depth ${depth}`,
    ...(cut.length > 0 ? [`not shown: ${cut.join(', ')}`] : []),
  ];
  writeWhole(path, await drawSvg(graph, titles));
  return {
    data: {
      out: path,
      target,
      depth,
      leftOut: { objects: left, references: graph.cut },
      nodes: graph.nodes,
      edges: graph.edges,
    },
    page: {
      meaning: `${path} shows ${counted(graph.nodes.length, 'object')} and ${counted(graph.edges.length, 'reference')} around ${target}`,
      sections: [],
      notes: cut.length > 0 ? [`not shown: ${cut.join(', ')}; start at one object (@id) or change --depth`] : [],
    },
  };
}

function writeWhole(path: string, text: string): void {
  const draft = `${path}.${process.pid}.part`;
  try {
    writeFileSync(draft, text);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw cannotWrite(path, error);
  }
}
