import { cut, wellFormed } from '../core/index.js';
import { EXIT } from './exit-codes.js';
import type { HeapAnswer } from './heap-answer.js';
import { type HeapArguments, type HeapVerb, parseHeapArguments } from './heap-arguments.js';
import { cohortsAnswer, diffAnswer } from './heap-change-pages.js';
import { HeapFile } from './heap-files.js';
import { graphAnswer } from './heap-graph.js';
import { renderPage } from './heap-page.js';
import { closuresAnswer, emittersAnswer, promisesAnswer, timersAnswer, weakAnswer } from './heap-program-pages.js';
import { cyclesAnswer, retainersAnswer } from './heap-reference-pages.js';
import {
  classesAnswer,
  containersAnswer,
  dominatorsAnswer,
  largestAnswer,
  statsAnswer,
  stringsAnswer,
} from './heap-size-pages.js';
import { takeAnswer } from './heap-take.js';
import { HEAP_HELP } from './help.js';
import { isColourful, widthOf } from './terminal.js';

/** Verbs that ask one file. */
const OF_ONE_FILE: Readonly<
  Partial<Record<HeapVerb, (file: HeapFile, args: HeapArguments) => HeapAnswer | Promise<HeapAnswer>>>
> = {
  stats: statsAnswer,
  classes: classesAnswer,
  largest: largestAnswer,
  retainers: retainersAnswer,
  dominators: dominatorsAnswer,
  cycles: cyclesAnswer,
  strings: stringsAnswer,
  containers: containersAnswer,
  closures: closuresAnswer,
  emitters: emittersAnswer,
  timers: timersAnswer,
  promises: promisesAnswer,
  weak: weakAnswer,
  graph: graphAnswer,
};

const SCHEMA = 1;
/** Names are cut by V8; what is longer comes from a file that was made by hand. */
const MAX_JSON_STRING = 4_096;
/** Tables need the width of a page also in a file or a pipe. */
const PLAIN_WIDTH = 100;

/** `watertight heap …`: everything that it prints, writes and exits with. */
export async function heapCommand(argv: readonly string[]): Promise<number> {
  const args = parseHeapArguments(argv);
  if (!args) {
    process.stdout.write(HEAP_HELP);
    return EXIT.clean;
  }
  const answer = await answerTo(args);
  if (args.isJson) {
    const { verb, files } = args;
    process.stdout.write(jsonText({ schema: SCHEMA, verb, files, ...answer.data }));
  } else {
    process.stdout.write(
      renderPage(answer.page, {
        isColourful: isColourful(process.stdout),
        width: widthOf(process.stdout, PLAIN_WIDTH),
      }),
    );
  }
  return answer.exitCode ?? EXIT.clean;
}

async function answerTo(args: HeapArguments): Promise<HeapAnswer> {
  if (args.verb === 'take') return takeAnswer(args);
  if (args.verb === 'diff') return diffAnswer(args);
  if (args.verb === 'cohorts') return cohortsAnswer(args);
  return OF_ONE_FILE[args.verb]!(await HeapFile.open(args.files[0]!), args);
}

/** JSON that is harmless on a terminal as well: what could steer it is escaped, also where JSON would let it stand. */
function jsonText(data: object): string {
  const text = JSON.stringify(
    data,
    (_, value: unknown) => (typeof value === 'string' ? wellFormed(cut(value, MAX_JSON_STRING)) : value),
    2,
  );
  return `${text.replace(/[\x7f-\x9f\p{Cf}\u2028\u2029]/gu, escapeCharacter)}\n`;
}

function escapeCharacter(character: string): string {
  return [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
    .join('');
}
