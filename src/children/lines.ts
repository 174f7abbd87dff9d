import { builtin, checkOptionNames, kindOf } from '../core/index.js';
import { checkWhole } from './settings.js';

/** How lines are kept for a reader that is slower than the child. */
export interface LinesOptions {
  /** Most lines that wait, 1,000 if not given. */
  readonly limit?: number;
  /**
   * What happens to a line for which there is no room: `drop-oldest` (if not given) drops the oldest that waits and counts
   * it; `pause` stops reading, so that the child waits as soon as its pipe is full.
   */
  readonly overflow?: 'drop-oldest' | 'pause';
  /** Longest line, in characters, 8,192 if not given; the rest of a longer one is dropped. With `limit` at most 16 MB. */
  readonly lineChars?: number;
}

export const LINES_OPTION_NAMES = ['limit', 'overflow', 'lineChars'] as const;
const LIMIT = 1_000;
const LINE_CHARS = 8_192;
const WHERE = 'child.lines(from, options)';

/** Whoever reads the pipe of a child. */
export interface LineSource {
  pause(): void;
  resume(): void;
  detach(lines: Lines): void;
}

/**
 * Lines of one stream of a child, as they come, without their ends (`\n`, `\r\n`), for one reader. Ends with the stream;
 * leaving the loop ends it too. The child's own words: untrusted.
 */
export class Lines implements AsyncIterable<string> {
  readonly #limit: number;
  readonly #lineChars: number;
  readonly #pauses: boolean;
  readonly #source: LineSource;
  readonly #decoder = new builtin.stringDecoder.StringDecoder('utf8');
  readonly #waiting: string[] = [];
  #rest = '';
  /** The end of a line that was too long has not come yet. */
  #isSkipping = false;
  #isOver = false;
  #dropped = 0;
  #cut = 0;
  #wake: (() => void) | null = null;

  /** @throws TypeError, RangeError naming the option */
  constructor(source: LineSource, options: LinesOptions = {}) {
    checkOptionNames(WHERE, options, LINES_OPTION_NAMES);
    const { limit = LIMIT, overflow = 'drop-oldest', lineChars = LINE_CHARS } = options;
    this.#limit = checkWhole(WHERE, 'limit', limit, 1);
    this.#lineChars = checkWhole(WHERE, 'lineChars', lineChars, 1);
    if (overflow !== 'drop-oldest' && overflow !== 'pause')
      throw new RangeError(`${WHERE}: overflow must be 'drop-oldest' or 'pause', not ${kindOf(overflow)}`);
    this.#pauses = overflow === 'pause';
    this.#source = source;
  }

  /** Lines that were dropped as nobody took them in time. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Lines that were longer than `lineChars`. */
  get cut(): number {
    return this.#cut;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    try {
      for (;;) {
        const line = this.#waiting.shift();
        if (line !== undefined) {
          if (this.#pauses && this.#waiting.length < this.#limit) this.#source.resume();
          yield line;
        } else if (this.#isOver) return;
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#source.detach(this);
      this.end();
      this.#waiting.length = 0;
    }
  }

  /** For the reader of the pipe. */
  push(chunk: Uint8Array): void {
    this.#split(this.#decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)));
    if (this.#pauses && this.#waiting.length >= this.#limit) this.#source.pause();
  }

  /** For the reader of the pipe: what waits is still given. */
  end(): void {
    if (this.#isOver) return;
    this.#split(this.#decoder.end());
    if (this.#rest !== '') this.#add(this.#rest);
    this.#rest = '';
    this.#isOver = true;
    this.#wake?.();
  }

  #split(text: string): void {
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop()!;
    for (const part of parts) {
      if (!this.#isSkipping) this.#add(part.endsWith('\r') ? part.slice(0, -1) : part);
      this.#isSkipping = false;
    }
    if (this.#isSkipping) this.#rest = '';
    else if (this.#rest.length > this.#lineChars) {
      this.#add(this.#rest);
      this.#isSkipping = true;
      this.#rest = '';
    }
  }

  #add(line: string): void {
    if (line.length > this.#lineChars) this.#cut++;
    if (!this.#pauses && this.#waiting.length >= this.#limit) {
      this.#waiting.shift();
      this.#dropped++;
    }
    this.#waiting.push(line.slice(0, this.#lineChars));
    this.#wake?.();
    this.#wake = null;
  }
}
