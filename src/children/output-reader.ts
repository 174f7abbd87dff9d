import type { Readable } from 'node:stream';
import { KeptOutput, type Output } from './kept-output.js';
import { type LineSource, Lines, type LinesOptions } from './lines.js';

/**
 * Reads one pipe of a child, always: what is kept has a limit, and the child never waits for a reader, unless lines that
 * `pause` want it to.
 */
export class OutputReader implements LineSource {
  readonly #stream: Readable | null;
  readonly #kept: KeptOutput;
  readonly #lines = new Set<Lines>();
  #isLast = false;

  constructor(stream: Readable | null, limitBytes: number) {
    this.#stream = stream;
    this.#kept = new KeptOutput(limitBytes);
    stream?.on('data', (chunk: Buffer) => {
      this.#kept.push(chunk);
      for (const lines of this.#lines) lines.push(chunk);
    });
    // A pipe that breaks has ended; what was read of it is kept.
    stream?.on('error', doNothing);
    stream?.on('close', () => this.#end());
  }

  get storageBytes(): number {
    return this.#kept.storageBytes;
  }

  /** From now on; none of a stream that is not captured or has ended. */
  lines(options?: LinesOptions): Lines {
    const lines = new Lines(this, options);
    if (this.#stream === null || this.#stream.destroyed) lines.end();
    else this.#lines.add(lines);
    return lines;
  }

  pause(): void {
    if (!this.#isLast) this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  detach(lines: Lines): void {
    this.#lines.delete(lines);
    this.resume();
  }

  /** The child has ended: what is left in the pipe is read, whoever has paused; it holds at most some 200 kB. */
  readLast(): void {
    this.#isLast = true;
    this.resume();
  }

  take(): Output {
    return this.#kept.take();
  }

  destroy(): void {
    this.#stream?.destroy();
    this.#end();
  }

  #end(): void {
    for (const lines of this.#lines) lines.end();
    this.#lines.clear();
  }
}

function doNothing(): void {}
