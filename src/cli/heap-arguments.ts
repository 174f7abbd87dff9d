import { parseArgs } from 'node:util';
import { usage } from './arguments.js';

/** Verbs with the arguments that they take: files, and whether a class or `@id` follows. */
export const HEAP_VERBS = {
  stats: { files: [1, 1], target: 'none' },
  classes: { files: [1, 1], target: 'none' },
  largest: { files: [1, 1], target: 'none' },
  retainers: { files: [1, 1], target: 'needed' },
  dominators: { files: [1, 1], target: 'optional' },
  cycles: { files: [1, 1], target: 'none' },
  strings: { files: [1, 1], target: 'none' },
  containers: { files: [1, 1], target: 'none' },
  closures: { files: [1, 1], target: 'none' },
  emitters: { files: [1, 1], target: 'none' },
  timers: { files: [1, 1], target: 'none' },
  promises: { files: [1, 1], target: 'none' },
  weak: { files: [1, 1], target: 'none' },
  graph: { files: [1, 1], target: 'needed' },
  diff: { files: [2, 2], target: 'none' },
  cohorts: { files: [3, 100], target: 'none' },
  take: { files: [1, 1], target: 'none' },
} as const satisfies Record<string, { files: readonly [number, number]; target: 'none' | 'optional' | 'needed' }>;

export type HeapVerb = keyof typeof HEAP_VERBS;

export interface HeapArguments {
  readonly verb: HeapVerb;
  /** Snapshot files; for `take` the process or URL. */
  readonly files: readonly string[];
  /** Class name or `@id`. */
  readonly target: string | null;
  readonly isJson: boolean;
  readonly top: number;
  readonly depth: number;
  /** Part of the heap below which the dominator tree is cut, 0 to 1. */
  readonly share: number;
  readonly out: string | null;
  readonly isForced: boolean;
  /** Snapshots that `take` takes. */
  readonly count: number;
  /** Seconds between them. */
  readonly everySeconds: number;
}

const OPTIONS = {
  json: { type: 'boolean' },
  top: { type: 'string' },
  class: { type: 'string' },
  depth: { type: 'string' },
  share: { type: 'string' },
  out: { type: 'string' },
  force: { type: 'boolean' },
  count: { type: 'string' },
  every: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const DEFAULT = { top: 20, depth: 3, share: 0.01, count: 1, everySeconds: 30 };
const HELP_HINT = 'watertight heap --help lists verbs and options';

/** Reads the arguments behind `watertight heap`; null when help is asked for. */
export function parseHeapArguments(argv: readonly string[]): HeapArguments | null {
  const { values, positionals } = parse(argv);
  if (values.help) return null;
  // `--json -` as elsewhere in the command line: standard output is what it writes to anyway.
  const [verb, ...rest] = positionals.filter((text) => text !== '-');
  if (verb === undefined) throw usage('There is no verb after heap', HELP_HINT);
  if (!Object.hasOwn(HEAP_VERBS, verb)) throw usage(`There is no verb heap ${verb}`, HELP_HINT);
  const wanted = HEAP_VERBS[verb as HeapVerb];
  const target = takeTarget(verb, rest, values.class, wanted.target);
  const [least, most] = wanted.files;
  if (rest.length < least) {
    const need =
      verb === 'take'
        ? 'a process id or an inspector URL'
        : least === 1
          ? 'a snapshot file'
          : `${least} snapshot files`;
    throw usage(`watertight heap ${verb} needs ${need}`, HELP_HINT);
  }
  if (rest.length > most) throw usage(`Unexpected argument ${rest[most]}`, HELP_HINT);
  return {
    verb: verb as HeapVerb,
    files: rest,
    target,
    isJson: values.json ?? false,
    top: whole('--top', values.top, DEFAULT.top, 1, 1_000_000),
    depth: whole('--depth', values.depth, DEFAULT.depth, 1, 50),
    share: shareOf(values.share),
    out: values.out ?? null,
    isForced: values.force ?? false,
    count: whole('--count', values.count, DEFAULT.count, 1, 99),
    everySeconds: whole('--every', values.every?.replace(/s$/, ''), DEFAULT.everySeconds, 1, 86_400),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw usage((error as Error).message.split('\n')[0]!, HELP_HINT);
  }
}

/** `--class X`, or what stands behind the file; it is taken out of `rest`. */
function takeTarget(
  verb: string,
  rest: string[],
  named: string | undefined,
  target: 'none' | 'optional' | 'needed',
): string | null {
  if (target === 'none') {
    if (named !== undefined) throw usage(`heap ${verb} takes no --class`, HELP_HINT);
    return null;
  }
  const found = named ?? rest.splice(1, 1)[0] ?? null;
  if (found === null && target === 'needed') {
    throw usage(
      `heap ${verb} needs a class or an @id`,
      `for example: watertight heap ${verb} app.heapsnapshot Session`,
    );
  }
  return found;
}

function whole(name: string, text: string | undefined, otherwise: number, least: number, most: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw usage(`${name} must be a whole number from ${least} to ${most}, got ${text}`, HELP_HINT);
}

function shareOf(text: string | undefined): number {
  const value = text === undefined ? DEFAULT.share : Number(text.replace(/%$/, '')) / (text.endsWith('%') ? 100 : 1);
  if (value > 0 && value <= 1) return value;
  throw usage(`--share must be a part of the heap such as 1% or 0.01, got ${text}`, HELP_HINT);
}
