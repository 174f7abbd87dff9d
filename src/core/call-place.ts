import { builtin } from './builtin.js';

/** Frames kept: those of this package stand on top, the first one below them is the caller. */
const STACK_DEPTH = 10;
const OWN_ROOT = builtin.url.fileURLToPath(new URL('..', import.meta.url));
const FRAME = /^\s*at (?:.*?\()?((?:file:\/\/|\/|[A-Za-z]:[\\/]).*?):(\d+)(?::\d+)?\)?$/;

/**
 * The place in the program that called this package. Frames above `below` and frames of this package are left out.
 *
 * `depth` frames are looked at: each costs 1 µs.
 *
 * It is read at once: a stack that V8 keeps unread holds on to the `this` of every call on it, and so to what its owner
 * believes to be gone. Cost: ≈ 10 µs (4 for the walk, the rest for the text); 30 where source maps are on.
 */
export class CallPlace {
  /** `file:line`, relative to the working folder where the file lies in it; undefined when no frame has a file. */
  readonly text: string | undefined;

  // biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace takes any function.
  constructor(below: Function = CallPlace, depth = STACK_DEPTH) {
    this.text = placeIn(stackBelow(below, depth));
  }
}

// biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace takes any function.
function stackBelow(below: Function, depth: number): unknown {
  const holder: { stack?: unknown } = {};
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = depth;
    Error.captureStackTrace(holder, below);
    return holder.stack;
  } catch {
    // `Error` is frozen (--frozen-intrinsics), or the program's own prepareStackTrace fails: no place is known.
    return undefined;
  } finally {
    restoreLimit(stackTraceLimit);
  }
}

/** The first place of the program in the text of a stack, as `CallPlace` tells it; undefined when there is none. */
export function placeIn(stack: unknown): string | undefined {
  if (typeof stack !== 'string') return undefined;
  for (const line of stack.split('\n')) {
    const [, file, number] = FRAME.exec(line) ?? [];
    if (file !== undefined && !isOwn(pathOf(file))) return `${shortPath(pathOf(file))}:${number}`;
  }
  return undefined;
}

function restoreLimit(limit: number): void {
  Reflect.set(Error, 'stackTraceLimit', limit);
}

/** Our tests are programs that happen to live beside the code. */
function isOwn(path: string): boolean {
  return path.startsWith(OWN_ROOT) && !path.includes('.test.');
}

function pathOf(file: string): string {
  if (!file.startsWith('file:')) return file;
  try {
    return builtin.url.fileURLToPath(file);
  } catch {
    return file;
  }
}

function shortPath(path: string): string {
  const { relative, sep } = builtin.path;
  const inside = relative(process.cwd(), path);
  return inside.startsWith(`..${sep}`) || inside === '' ? path : inside;
}
