import {
  closureCaptures,
  type EmitterRow,
  type EventListeners,
  eventListeners,
  heapStats,
  pendingTimers,
  promiseStates,
  weakReferences,
} from '../heap/index.js';
import { type HeapAnswer, placeText, shortPlace } from './heap-answer.js';
import type { HeapArguments } from './heap-arguments.js';
import type { HeapFile } from './heap-files.js';
import { bytesText, counted, countText } from './heap-numbers.js';
import { left, type PageSection, right, wide } from './heap-page.js';

/** Functions and variables written for one group. */
const SHOWN = 4;

export function closuresAnswer(file: HeapFile, { top }: HeapArguments): HeapAnswer {
  const groups = closureCaptures(file.snapshot, file.graph.retainedSizes, top);
  const sections = groups.map(
    ({ functions, places, count, scopes, retainedBytes, captures, variables }): PageSection => {
      const [first] = functions;
      const others = functions.slice(1, SHOWN).map(({ name }) => `${name}()`);
      const more = places - 1 - others.length;
      const names = captures.slice(0, SHOWN).map((variable) => {
        return `${variable.name}: ${variable.className} (${bytesText(variable.retainedBytes)})`;
      });
      const unseen = variables - names.length;
      return {
        lines: [
          { text: `${bytesText(retainedBytes)}  ${counted(scopes, 'scope')} kept by ${counted(count, 'function')}` },
          { text: `${first!.name}()  ${placeText(first!.location)}`, indent: 2 },
          ...(others.length > 0
            ? [{ text: `with ${others.join(', ')}${more > 0 ? ` and ${countText(more)} more` : ''}`, indent: 2 }]
            : []),
          { text: `captures ${capturesText(names, unseen)}`, indent: 2 },
        ],
      };
    },
  );
  const largest = groups.find(({ isNodeInternal }) => !isNodeInternal);
  return {
    data: { closures: groups },
    page: {
      meaning: largest
        ? `Variables that functions keep after the call that made them: at most ${bytesText(largest.retainedBytes)} in one place`
        : 'No function of the program keeps the variables of a call',
      sections,
      notes: [
        'a scope holds every variable that any function made in it uses, and goes with the last of these functions',
        ...(groups.at(-1)?.isNodeInternal ? ['functions of Node itself (node:…) come last'] : []),
      ],
    },
  };
}

function capturesText(names: readonly string[], unseen: number): string {
  if (names.length === 0) return 'numbers, booleans, null or undefined alone';
  return `${names.join(', ')}${unseen > 0 ? ` and ${countText(unseen)} more` : ''}`;
}

export function emittersAnswer(file: HeapFile, { top }: HeapArguments): HeapAnswer {
  const rows = eventListeners(file.snapshot);
  const listeners = rows.reduce((sum, row) => sum + row.listeners, 0);
  const isOfNode = isFileOfNode(file);
  const groups = alike(rows);
  const shown = groups.slice(0, top);
  return {
    data: { total: rows.length, listeners, isOfNode, emitters: rows.slice(0, top) },
    page: {
      meaning: `${counted(listeners, 'listener')} on ${counted(rows.length, 'emitter')}`,
      sections: shown.map(({ first, count }) => ({
        lines: [
          { text: emitterText(first, count) },
          ...first.events.slice(0, SHOWN).map((event) => ({ text: eventText(event), indent: 2 })),
          ...(first.events.length > SHOWN
            ? [{ text: `… and ${counted(first.events.length - SHOWN, 'more event')}`, indent: 2 }]
            : []),
        ],
      })),
      notes: [
        ...(groups.length > shown.length
          ? [`${counted(groups.length - shown.length, 'more kind')} of emitters; --top shows more`]
          : []),
        ...(isOfNode
          ? []
          : ['this file is not of Node: of the DOM the listeners are there without the names of their events']),
      ],
    },
  };
}

/** Node's `process` tells its version. */
function isFileOfNode(file: HeapFile): boolean {
  return heapStats(file.snapshot).versions.node !== null;
}

/** Emitters of one class with the same listeners are one entry: a program has one for each connection. */
function alike(rows: readonly EmitterRow[]): { readonly first: EmitterRow; count: number }[] {
  const groups = new Map<string, { readonly first: EmitterRow; count: number }>();
  for (const row of rows) {
    const key = [row.className, row.kind, ...row.events.map(eventText)].join('\n');
    const known = groups.get(key);
    if (known) known.count++;
    else groups.set(key, { first: row, count: 1 });
  }
  const weight = ({ first, count }: { first: EmitterRow; count: number }): number => first.listeners * count;
  return [...groups.values()].sort((a, b) => weight(b) - weight(a));
}

function emitterText({ className, id, kind, listeners }: EmitterRow, count: number): string {
  const target = kind === 'EventEmitter' ? '' : ` (${kind})`;
  if (count === 1) return `${className} @${id}  ${counted(listeners, 'listener')}${target}`;
  return `${countText(count)} × ${className}, one is @${id}  ${counted(listeners, 'listener')} each${target}`;
}

function eventText({ event, listeners, functions }: EventListeners): string {
  const [first] = functions;
  const many = first!.count > 1 ? `${countText(first!.count)} × ` : '';
  const more = functions.length > 1 ? ` and ${counted(functions.length - 1, 'other place')}` : '';
  return `${event}: ${countText(listeners)}  ${many}${first!.functionName}() ${placeText(first!.location)}${more}`;
}

export function timersAnswer(file: HeapFile, { top }: HeapArguments): HeapAnswer {
  const groups = pendingTimers(file.snapshot, file.graph.retainedSizes);
  const shown = groups.slice(0, top);
  const total = groups.reduce((sum, group) => sum + group.count, 0);
  const isOfNode = isFileOfNode(file);
  return {
    data: { total, isOfNode, timers: shown },
    page: {
      meaning: `${counted(total, 'timer')} by ${counted(groups.length, 'function')}`,
      sections: [
        {
          table: {
            columns: [right('timers'), right('done'), right('retained'), left('kind'), wide('calls'), wide('at')],
            rows: shown.map((group) => [
              countText(group.count),
              countText(group.inactive),
              bytesText(group.retainedBytes),
              group.kind,
              group.functionName === '(cleared)' ? group.functionName : `${group.functionName}()`,
              shortPlace(group.location),
            ]),
            more: groups.length - shown.length,
          },
        },
      ],
      notes: [
        'done: run or cleared, but still kept by somebody',
        ...(isOfNode
          ? []
          : [
              "timers are read from Node's own objects, and this file is not of Node: those of a browser are not counted",
            ]),
      ],
    },
  };
}

const STATES = {
  awaited: 'pending, awaited by',
  settled: 'settled with',
  quiet: 'not told: unawaited, or a plain value',
} as const;

export function promisesAnswer(file: HeapFile, { top }: HeapArguments): HeapAnswer {
  const groups = promiseStates(file.snapshot, file.graph.retainedSizes);
  const shown = groups.slice(0, top);
  const count = (state: string | null): number =>
    groups.reduce((sum, group) => sum + (state === null || group.state === state ? group.count : 0), 0);
  return {
    data: { total: count(null), promises: shown },
    page: {
      meaning: `${counted(count(null), 'promise')}: ${countText(count('awaited'))} pending and awaited, ${countText(count('settled'))} settled, ${countText(count('quiet'))} that the file does not tell`,
      sections: [
        {
          table: {
            columns: [right('promises'), right('retained'), wide('state'), wide(''), right('one of them')],
            rows: shown.map((group) => [
              countText(group.count),
              bytesText(group.retainedBytes),
              STATES[group.state],
              group.detail,
              `@${group.exampleId}`,
            ]),
            more: groups.length - shown.length,
          },
        },
      ],
    },
  };
}

export function weakAnswer(file: HeapFile, { top }: HeapArguments): HeapAnswer {
  const found = weakReferences(file.snapshot, file.paths);
  const refs = found.targets.reduce((sum, target) => sum + target.count, 0);
  const held = found.targets.reduce((sum, target) => sum + target.held, 0);
  return {
    data: { ...found, targets: found.targets.slice(0, top), collections: found.collections.slice(0, top) },
    page: {
      meaning: `${counted(refs, 'WeakRef')} with a target, ${countText(held)} of them held by something else too; ${countText(found.emptyRefs)} empty`,
      sections: [
        {
          heading: 'Targets of WeakRefs',
          table: {
            columns: [wide('class'), right('targets'), right('held'), right('one of them')],
            rows: found.targets
              .slice(0, top)
              .map((row) => [row.className, countText(row.count), countText(row.held), `@${row.exampleId}`]),
          },
        },
        {
          heading: 'Weak collections with entries',
          table: {
            columns: [left('collection'), right('id'), right('entries'), wide('first key')],
            rows: found.collections
              .slice(0, top)
              .map((row) => [row.kind, `@${row.id}`, countText(row.entries), row.keyClass]),
          },
        },
      ].filter(({ table }) => table.rows.length > 0),
      notes: [
        `${counted(found.finalizationRegistries, 'FinalizationRegistry', 'FinalizationRegistries')}`,
        'what only weak references keep is freed by the next collection; heap retainers <file> @id says what holds the others',
      ],
    },
  };
}
