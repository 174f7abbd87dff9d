import {
  classTable,
  containers,
  type DominatorBranch,
  describePath,
  dominatorBranch,
  duplicateStrings,
  heapStats,
  largestObjects,
} from '../heap/index.js';
import type { HeapAnswer } from './heap-answer.js';
import { shortPlace } from './heap-answer.js';
import type { HeapArguments } from './heap-arguments.js';
import type { HeapFile } from './heap-files.js';
import { bytesText, counted, countText, shareText } from './heap-numbers.js';
import { left, right, wide } from './heap-page.js';

/** Containers with fewer entries are what every object has. */
const MIN_HELD = 16;
const MIN_STORE_BYTES = 4_096;

export function statsAnswer(file: HeapFile): HeapAnswer {
  const stats = heapStats(file.snapshot);
  const { node, v8 } = stats.versions;
  const writer = node === null ? '' : `, written by Node ${node}${v8 === null ? '' : ` (V8 ${v8})`}`;
  const size = `${counted(stats.nodes, 'node')}, ${counted(stats.edges, 'edge')}`;
  return {
    data: { ...stats },
    page: {
      meaning: `${bytesText(stats.bytes)} in ${size}${writer}`,
      sections: [
        {
          table: {
            columns: [left('kind'), right('nodes'), right('bytes'), right('share')],
            rows: stats.kinds.map(({ kind, count, bytes }) => [
              kind,
              countText(count),
              bytesText(bytes),
              shareText(bytes / Math.max(1, stats.bytes)),
            ]),
          },
        },
      ],
      notes: stats.detachedNodes > 0 ? [`${counted(stats.detachedNodes, 'DOM node')} outside any document`] : [],
    },
  };
}

export function classesAnswer(file: HeapFile, { top }: HeapArguments): HeapAnswer {
  const rows = classTable(file.snapshot, file.graph, file.classes);
  const shown = rows.slice(0, top);
  const total = file.graph.retainedSizes[0]!;
  return {
    data: { total: rows.length, classes: shown },
    page: {
      meaning: `${bytesText(total)} in ${counted(rows.length, 'class', 'classes')}; retained is what would be freed with all objects of a class`,
      sections: [
        {
          table: {
            columns: [wide('class'), right('objects'), right('shallow'), right('retained'), wide('declared')],
            rows: shown.map((row) => [
              row.className,
              countText(row.count),
              bytesText(row.shallowBytes),
              bytesText(row.retainedBytes),
              shortPlace(row.location),
            ]),
            more: rows.length - shown.length,
          },
        },
      ],
    },
  };
}

export function largestAnswer(file: HeapFile, { top }: HeapArguments): HeapAnswer {
  const objects = largestObjects(file.snapshot, file.graph, file.graph, top);
  const [first] = objects;
  const share = first ? first.retainedBytes / Math.max(1, file.graph.retainedSizes[0]!) : 0;
  return {
    data: { objects },
    page: {
      meaning: first
        ? `The largest object keeps ${bytesText(first.retainedBytes)}, ${shareText(share)} of the heap`
        : 'There are no objects',
      sections: [
        {
          table: {
            columns: [wide('object'), right('id'), right('shallow'), right('retained'), wide('held by')],
            rows: objects.map((row) => [
              row.className,
              `@${row.id}`,
              bytesText(row.shallowBytes),
              bytesText(row.retainedBytes),
              row.heldBy,
            ]),
          },
        },
      ],
      notes: ['an object may be inside another one of the list; its bytes are then part of both'],
    },
  };
}

export function dominatorsAnswer(file: HeapFile, { target, share, depth, top }: HeapArguments): HeapAnswer {
  const from = target === null ? file.snapshot.rootIndex : file.nodesOf(target)[0]!;
  const options = { from, minShare: share, maxDepth: depth, maxChildren: top };
  const tree = dominatorBranch(file.snapshot, file.graph, options);
  const rows: string[][] = [];
  const write = (branch: DominatorBranch, prefix: string, childPrefix: string): void => {
    const { className, id, retainedBytes, children, hidden } = branch;
    rows.push([`${prefix}${className}`, `@${id}`, bytesText(retainedBytes), shareText(branch.share)]);
    const isCut = hidden.count > 0 && children.length > 0;
    for (const [at, child] of children.entries()) {
      const isLast = at === children.length - 1 && !isCut;
      write(child, `${childPrefix}${isLast ? '└ ' : '├ '}`, `${childPrefix}${isLast ? '  ' : '│ '}`);
    }
    if (isCut)
      rows.push([`${childPrefix}└ ${countText(hidden.count)} smaller`, '', bytesText(hidden.retainedBytes), '']);
  };
  write(tree, '', '');
  return {
    data: { tree },
    page: {
      meaning: `What goes when its owner goes: ${bytesText(tree.retainedBytes)} below ${tree.className}, down to ${shareText(share)} of the heap`,
      sections: [
        {
          table: {
            columns: [wide('object'), right('id'), right('retained'), right('share')],
            rows,
          },
        },
      ],
      notes: ['--depth and --share show more; heap dominators <file> @id starts at an object'],
    },
  };
}

export function stringsAnswer(file: HeapFile, { top }: HeapArguments): HeapAnswer {
  const found = duplicateStrings(file.snapshot, top);
  return {
    data: { ...found },
    page: {
      meaning: `${counted(found.duplicated, 'text')} of ${counted(found.count, 'string')} exist more than once and waste ${bytesText(found.wastedBytes)} of ${bytesText(found.bytes)}`,
      sections: [
        {
          table: {
            columns: [wide('text'), right('chars'), right('copies'), right('wasted'), right('one of them')],
            rows: found.strings.map((row) => [
              JSON.stringify(row.head),
              `${countText(row.chars)}${row.isCut ? '+' : ''}`,
              countText(row.count),
              bytesText(row.wastedBytes),
              `@${row.exampleId}`,
            ]),
            more: found.duplicated - found.strings.length,
          },
        },
      ],
      notes: found.strings.some((row) => row.isCut)
        ? ['a + marks texts that the file cuts: they may differ further on']
        : [],
    },
  };
}

export function containersAnswer(file: HeapFile, { top }: HeapArguments): HeapAnswer {
  const all = containers(file.snapshot, MIN_HELD, MIN_STORE_BYTES);
  const shown = all.slice(0, top).map(({ node, ...container }) => ({
    ...container,
    heldBy: describePath(file.snapshot, file.paths.path(node)).text,
  }));
  return {
    data: { total: all.length, containers: shown },
    page: {
      meaning: `${counted(all.length, 'array, map, set or dictionary', 'arrays, maps, sets and dictionaries')} with ${MIN_HELD} things or more`,
      sections: [
        {
          table: {
            columns: [left('container'), right('id'), right('holds'), right('store'), wide('held by')],
            rows: shown.map((row) => [
              row.kind,
              `@${row.id}`,
              countText(row.held),
              bytesText(row.storeBytes),
              row.heldBy,
            ]),
            more: all.length - shown.length,
          },
        },
      ],
      notes: ['small integers are not in a snapshot: a list of them shows by its store alone'],
    },
  };
}
