import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { originalPositionFor, TraceMap } from '@jridgewell/trace-mapping';
import type { SourcePosition } from '../leaks/index.js';
import type { Position } from '../monitor/index.js';
import type { AgentLink } from './agents.js';

/** Source maps and sources beyond this are not read. */
const MAX_BYTES = 64 * 2 ** 20;
/** How far below the head of a function its body is searched. */
const MAX_FUNCTION_LINES = 400;
/** Ways in which code adds to something that it calls by name. */
const ADDS =
  /\.\s*(push|unshift|set|add|on|once|addListener|addEventListener|append|enqueue|prepend)\s*\(|\]\s*=[^=]|\+=|=\s*\S/;

/**
 * Positions in what people wrote: source maps are applied, first those that the observed process knows (TypeScript
 * scenarios have them only in memory), then those beside the files.
 */
export class SourceLines {
  readonly #link: AgentLink | null;
  readonly #maps = new Map<string, TraceMap | null>();

  constructor(link: AgentLink | null) {
    this.#link = link;
  }

  async map(stack: readonly Position[]): Promise<Position[]> {
    const known = this.#link && !this.#link.isGone ? await this.#ask(stack) : stack;
    return known.map((frame, i) => {
      const path = pathOf(frame.file);
      const isMapped = frame.line !== stack[i]!.line || path !== pathOf(stack[i]!.file);
      return isMapped ? { ...frame, file: path } : this.#mapFromDisk({ ...frame, file: path });
    });
  }

  async declaration(name: string, place: { file: string; line: number; column: number }): Promise<SourcePosition> {
    const [mapped] = await this.map([{ function: name, ...place }]);
    return { function: mapped!.function, file: mapped!.file, line: mapped!.line };
  }

  /** First line of the function at `head` that adds to something called `name`; null when no line does. */
  mention(head: Position, name: string): number | null {
    const lines = readText(head.file)
      ?.split('\n')
      .slice(head.line - 1, head.line - 1 + MAX_FUNCTION_LINES);
    if (!lines) return null;
    const word = new RegExp(`(^|[^\\w$])${name.replace(/[$#]/g, '\\$&')}([^\\w$]|$)`);
    const index = lines.findIndex((line) => word.test(line) && ADDS.test(line));
    return index < 0 ? null : head.line + index;
  }

  async #ask(stack: readonly Position[]): Promise<readonly Position[]> {
    try {
      return (await this.#link!.ask('mapPositions', { positions: [...stack] }, 10_000)).positions;
    } catch {
      return stack;
    }
  }

  #mapFromDisk(frame: Position): Position {
    const map = this.#mapOf(frame.file);
    if (!map) return frame;
    const original = originalPositionFor(map, { line: frame.line, column: Math.max(0, frame.column - 1) });
    if (original.source === null) return frame;
    const file = resolve(dirname(frame.file), pathOf(original.source));
    return { ...frame, file, line: original.line, column: original.column + 1 };
  }

  #mapOf(file: string): TraceMap | null {
    const known = this.#maps.get(file);
    if (known !== undefined) return known;
    let map: TraceMap | null = null;
    try {
      const comment = /\/\/[#@] sourceMappingURL=(\S+)\s*$/.exec(readText(file)?.slice(-100_000) ?? '')?.[1];
      const text = comment ? mapText(file, comment) : null;
      map = text ? new TraceMap(text) : null;
    } catch {
      // Not a source map: the generated position stands.
    }
    this.#maps.set(file, map);
    return map;
  }
}

function mapText(file: string, url: string): string | null {
  const inline = /^data:application\/json[^,]*;base64,(.*)$/.exec(url)?.[1];
  if (inline) return Buffer.from(inline, 'base64').toString('utf8');
  return readText(resolve(dirname(file), url));
}

function readText(file: string): string | null {
  try {
    if (!existsSync(file)) return null;
    const bytes = readFileSync(file);
    return bytes.length > MAX_BYTES ? null : bytes.toString('utf8');
  } catch {
    return null;
  }
}

function pathOf(file: string): string {
  try {
    return file.startsWith('file:') ? fileURLToPath(file) : file;
  } catch {
    return file;
  }
}
