import type { Writable } from 'node:stream';
import { type ConsoleFormat, consoleText } from './console-format.js';
import type { PublishedEvent } from './event.js';
import { refusedError } from './publish-errors.js';
import type { Outgoing, SendFailure, Transport } from './transport.js';

interface Waiting {
  readonly failures: (SendFailure | undefined)[];
  awaited: number;
  hasFailed: boolean;
  readonly resolve: (failures: (SendFailure | undefined)[] | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** How many of ours write to a stream. It has one listener for its errors, whoever writes: each write tells of its own. */
const writers = new WeakMap<Writable, number>();
const ignore = () => {};

export class ConsoleTransport implements Transport {
  readonly kind = 'console';
  readonly target: string;
  readonly #stream: Writable;
  readonly #format: ConsoleFormat;
  readonly #waiting = new Set<Waiting>();
  #isConnected = false;
  #hasFailed = false;

  constructor(stream: Writable, target: string, format: ConsoleFormat) {
    this.#stream = stream;
    this.target = target;
    this.#format = format;
  }

  async connect(): Promise<void> {
    if (this.#isConnected) return;
    this.#isConnected = true;
    const others = writers.get(this.#stream) ?? 0;
    writers.set(this.#stream, others + 1);
    if (others === 0) this.#stream.on('error', ignore);
  }

  /** One write an event, each with an answer of its own. */
  send(batch: readonly Outgoing[]): Promise<(SendFailure | undefined)[] | undefined> {
    return new Promise((resolve, reject) => {
      const failures: (SendFailure | undefined)[] = new Array(batch.length);
      const waiting: Waiting = { failures, awaited: batch.length, hasFailed: false, resolve, reject };
      this.#waiting.add(waiting);
      batch.forEach((event, index) => {
        const text = consoleText(JSON.parse(event.text) as PublishedEvent, this.#format);
        this.#write(text, (error) => this.#written(waiting, index, error));
      });
    });
  }

  /** The stream stays open: it is somebody else's. */
  async disconnect(): Promise<void> {
    this.destroy();
  }

  destroy(): void {
    for (const { reject } of this.#waiting) reject(new Error('the publisher was closed'));
    if (!this.#isConnected) return;
    this.#isConnected = false;
    // An error of the stream is told after those of its writes, by files after they were closed, and of a write that is not
    // over yet at any time: then the listener stays, one for all.
    if (!this.#hasFailed && this.#waiting.size === 0) this.#letGo();
    this.#waiting.clear();
  }

  #write(text: string, done: (error?: unknown) => void): void {
    // A write to one that has ended would destroy it.
    if (!this.#stream.writable) {
      done(new Error('the stream has ended'));
      return;
    }
    try {
      this.#stream.write(text, done);
    } catch (error) {
      done(error);
    }
  }

  #written(waiting: Waiting, index: number, cause: unknown): void {
    if (cause !== undefined && cause !== null) {
      const error = refusedError(this.target, cause instanceof Error ? cause.message : String(cause), cause);
      waiting.failures[index] = { error, outcome: 'not-sent', canRetry: false };
      waiting.hasFailed = true;
      this.#hasFailed = true;
    }
    if (--waiting.awaited > 0) return;
    this.#waiting.delete(waiting);
    waiting.resolve(waiting.hasFailed ? waiting.failures : undefined);
  }

  #letGo(): void {
    const others = (writers.get(this.#stream) ?? 1) - 1;
    writers.set(this.#stream, others);
    if (others === 0) this.#stream.off('error', ignore);
  }
}
