import { relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Frames kept: those of this package stand on top, the first one below them is the caller. */
const STACK_DEPTH = 10;
const OWN_ROOT = fileURLToPath(new URL('..', import.meta.url));
const FRAME = /^\s*at (?:.*?\()?((?:file:\/\/|\/|[A-Za-z]:[\\/]).*?):(\d+)(?::\d+)?\)?$/;

/**
 * The place in the program that called this package, kept unread: the stack is walked now (≈ 2.5 µs, 205 bytes) and
 * turned into text only when `text` is asked for (≈ 10 µs). Frames above `below` and frames of this package are left out.
 */
export class CallPlace {
  #holder: { stack?: string };

  // biome-ignore lint/complexity/noBannedTypes: Error.captureStackTrace takes any function.
  constructor(below: Function = CallPlace) {
    const holder: { stack?: string } = {};
    const { stackTraceLimit } = Error;
    try {
      Error.stackTraceLimit = STACK_DEPTH;
      Error.captureStackTrace(holder, below);
    } catch {
      // `Error` is frozen (--frozen-intrinsics): no place is known.
    } finally {
      restoreLimit(stackTraceLimit);
    }
    this.#holder = holder;
  }

  /** `file:line`, relative to the working folder where the file lies in it; undefined when no frame has a file. */
  get text(): string | undefined {
    const { stack } = this.#holder;
    if (typeof stack !== 'string') return undefined;
    for (const line of stack.split('\n')) {
      const [, file, number] = FRAME.exec(line) ?? [];
      if (file !== undefined && !isOwn(pathOf(file))) return `${shortPath(pathOf(file))}:${number}`;
    }
    return undefined;
  }
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
    return fileURLToPath(file);
  } catch {
    return file;
  }
}

function shortPath(path: string): string {
  const inside = relative(process.cwd(), path);
  return inside.startsWith(`..${sep}`) || inside === '' ? path : inside;
}
