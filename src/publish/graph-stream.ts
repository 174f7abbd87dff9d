/** Who writes into a stream. */
export interface GraphStreamSource {
  /** Called once, when the first chunk is asked for. */
  start(): void;
  /** The reader has taken a chunk. */
  onTaken(): void;
  /** The reader will take no more. Resolves when the source has ended. */
  onLeft(): Promise<void>;
}

interface Reader<T> {
  readonly resolve: (result: IteratorResult<T>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Chunks of a run, one after the other. The run begins with the first `next()`; leaving the loop (`break`, `return()`,
 * a throw) tells it to stop.
 */
export class GraphStream<T> implements AsyncIterableIterator<T>, AsyncDisposable {
  readonly #limit: number;
  readonly #source: GraphStreamSource;
  readonly #chunks: T[] = [];
  readonly #readers: Reader<T>[] = [];
  #state: 'idle' | 'open' | 'ended' | 'failed' = 'idle';
  #error: unknown;

  constructor(limit: number, source: GraphStreamSource) {
    this.#limit = limit;
    this.#source = source;
  }

  get isFull(): boolean {
    return this.#chunks.length >= this.#limit;
  }

  /** Chunks that wait for the reader. */
  get size(): number {
    return this.#chunks.length;
  }

  /** @internal */
  push(chunk: T): void {
    if (this.#state !== 'open') return;
    const reader = this.#readers.shift();
    if (reader) reader.resolve({ value: chunk, done: false });
    else this.#chunks.push(chunk);
  }

  /** What was pushed is still read. @internal */
  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    for (const { resolve } of this.#readers.splice(0)) resolve(DONE);
  }

  /** The one who reads on after the last chunk is told. @internal */
  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#error = error;
    const reader = this.#readers.shift();
    this.#state = reader ? 'ended' : 'failed';
    reader?.reject(error);
    for (const { resolve } of this.#readers.splice(0)) resolve(DONE);
  }

  async next(): Promise<IteratorResult<T>> {
    if (this.#state === 'idle') {
      this.#state = 'open';
      this.#source.start();
    }
    if (this.#chunks.length > 0) {
      const value = this.#chunks.shift() as T;
      this.#source.onTaken();
      return { value, done: false };
    }
    if (this.#state === 'failed') {
      this.#state = 'ended';
      throw this.#error;
    }
    if (this.#state === 'ended') return DONE;
    return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }));
  }

  async return(): Promise<IteratorResult<T>> {
    const wasOpen = this.#state === 'open';
    this.#state = 'ended';
    this.#chunks.length = 0;
    for (const { resolve } of this.#readers.splice(0)) resolve(DONE);
    if (wasOpen) await this.#source.onLeft();
    return DONE;
  }

  async throw(error: unknown): Promise<IteratorResult<T>> {
    await this.return();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const DONE: IteratorReturnResult<undefined> = { value: undefined, done: true };
