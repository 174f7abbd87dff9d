import { objectCycles, type PathGroup, pathGroups, severalPaths } from '../heap/index.js';
import type { HeapAnswer } from './heap-answer.js';
import type { HeapArguments } from './heap-arguments.js';
import type { HeapFile } from './heap-files.js';
import { bytesText, counted, countText } from './heap-numbers.js';
import { right, wide } from './heap-page.js';

/** Steps of a path in JSON: `describePath` has the text, these name each node. */
const MAX_STEPS = 60;

export function retainersAnswer(file: HeapFile, args: HeapArguments): HeapAnswer {
  const nodes = file.nodesOf(args.target!);
  return nodes.length === 1 ? ofNode(file, nodes[0]!, args) : ofClass(file, nodes, args);
}

function ofNode(file: HeapFile, node: number, { top }: HeapArguments): HeapAnswer {
  const { snapshot } = file;
  const groups = severalPaths(snapshot, file.paths, file.graph.retainers, node, top);
  const name = `${snapshot.className(node)} @${snapshot.nodeIds[node]}`;
  const retained = file.graph.retainedSizes[node]!;
  return {
    data: {
      id: snapshot.nodeIds[node],
      className: snapshot.className(node),
      retainedBytes: retained,
      distance: file.graph.distances[node],
      paths: groups.map((group) => ({ text: group.text, count: group.count, steps: stepsOf(file, group) })),
    },
    page: {
      meaning:
        groups.length === 0
          ? `${name} is held by nothing but weak references`
          : `${name} retains ${bytesText(retained)}; ${groups.length === top ? 'at least ' : ''}${counted(groups.length, 'kind of path', 'kinds of paths')} to it, the plainest first`,
      sections: groups.map(({ text }) => ({ lines: [{ text }] })),
      notes: groups.length > 1 ? ['each of these must go before the object can'] : [],
    },
  };
}

function ofClass(file: HeapFile, nodes: readonly number[], { target, top }: HeapArguments): HeapAnswer {
  const found = pathGroups(file.snapshot, file.paths, nodes, file.graph.shallowSizes);
  const groups = found.groups.slice(0, top);
  return {
    data: {
      className: target,
      objects: nodes.length,
      unreachable: found.unreachable,
      isSampled: found.isSampled,
      total: found.groups.length,
      paths: groups.map(({ path, ...group }) => ({ ...group, steps: stepsOf(file, { path }) })),
    },
    page: {
      meaning: `${counted(nodes.length, 'object')} of ${target}, held by ${counted(found.groups.length, 'kind of path', 'kinds of paths')}`,
      sections: [
        {
          table: {
            columns: [right('objects'), right('shallow'), wide('held by'), right('one of them')],
            rows: groups.map((group) => [
              countText(group.count),
              bytesText(group.bytes),
              group.text,
              `@${group.exampleId}`,
            ]),
            more: found.groups.length - groups.length,
          },
        },
      ],
      notes: [
        ...(found.unreachable > 0 ? [`${counted(found.unreachable, 'object')} held by weak references only`] : []),
        ...(found.isSampled ? ['there are too many places for all to be put into words; the counts are a sample'] : []),
        'heap retainers <file> @id shows every kind of path to one object',
      ],
    },
  };
}

function stepsOf({ snapshot }: HeapFile, { path }: Pick<PathGroup, 'path'>): object[] {
  return path.slice(-MAX_STEPS).map(({ node, edge }) => ({
    edge: edge < 0 ? null : snapshot.edgeName(edge),
    type: edge < 0 ? null : snapshot.edgeType(edge),
    className: snapshot.className(node),
    id: snapshot.nodeIds[node],
  }));
}

export function cyclesAnswer(file: HeapFile, { top }: HeapArguments): HeapAnswer {
  const groups = objectCycles(file.snapshot);
  const shown = groups.slice(0, top);
  const circles = groups.reduce((sum, group) => sum + group.circles, 0);
  return {
    data: { total: groups.length, circles, cycles: shown },
    page: {
      meaning: `${counted(circles, 'circle')} of objects that refer to each other, of ${counted(groups.length, 'kind')}`,
      sections: shown.map((group) => ({
        lines: [
          {
            text: `${bytesText(group.bytes)}  ${counted(group.circles, 'circle')}, ${counted(group.objects, 'object')}: ${group.classes.join(', ')}${group.moreClasses > 0 ? ` and ${countText(group.moreClasses)} more classes` : ''}`,
          },
          { text: `${group.loop}  @${group.exampleId}`, indent: 2 },
        ],
      })),
      notes: [
        'a circle is no leak: the collector frees it when nothing outside holds it (heap retainers <file> @id)',
        ...(groups.length > shown.length
          ? [`${counted(groups.length - shown.length, 'more kind')}; --top shows more`]
          : []),
      ],
    },
  };
}
