import { monotonicMs } from '../core/index.js';
import { loopTimeout } from './loop-timeout.js';
import { connectTimeoutError } from './publish-errors.js';
import { isFinal, type Transport } from './transport.js';

export interface RetryOptions {
  /** First pause before the same is tried again, in ms. Default 100. */
  readonly initialMs?: number;
  /** Longest pause, in ms; each is twice the one before. Default 3,000. */
  readonly maxMs?: number;
}

/** Pauses are drawn between half and all of what they would be: many clients of one broker do not come back at once. */
const JITTER = 0.5;

export function pauseMs(attempt: number, { initialMs, maxMs }: Required<RetryOptions>): number {
  const wholeMs = Math.min(initialMs * 2 ** Math.min(attempt, 30), maxMs);
  return wholeMs * (1 - JITTER * Math.random());
}

/** What a client may take beyond its limit. */
const MARGIN_MS = 250;

export type LinkState = 'idle' | 'connecting' | 'connected' | 'waiting' | 'closed';

/** What a delivery is told of its connection. */
export interface LinkEvents {
  onUp(): void;
  /** The connection that was there has ended. */
  onDown(error: unknown): void;
  /** An attempt has failed. `isFinal`: no other would do better. */
  onFailedAttempt(error: unknown, isFinal: boolean): void;
}

/**
 * One connection at a time: made when it is wanted, made again after it was lost, with growing pauses, until it is closed.
 * Its timers keep the process alive only while somebody waits for it, which the delivery knows.
 */
export class Link {
  readonly #transport: Transport;
  readonly #events: LinkEvents;
  readonly #retry: Required<RetryOptions>;
  readonly #connectTimeoutMs: number;
  #state: LinkState = 'idle';
  #attempts = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopLimit = () => {};
  /** Tells a connection from those before it. */
  #generation = 0;
  /** Number of connections that were made. */
  connects = 0;
  lastError: unknown;
  #wantedSince = 0;
  #pauseMs = 0;

  constructor(transport: Transport, retry: Required<RetryOptions>, connectTimeoutMs: number, events: LinkEvents) {
    this.#transport = transport;
    this.#retry = retry;
    this.#connectTimeoutMs = connectTimeoutMs;
    this.#events = events;
  }

  get state(): LinkState {
    return this.#state;
  }

  get isUp(): boolean {
    return this.#state === 'connected';
  }

  /** How long a connection will have been wanted in vain when the next attempt is made, in ms. */
  get waitedMs(): number {
    return monotonicMs() + this.#pauseMs - this.#wantedSince;
  }

  /** A connection is wanted: does nothing while one is there, or on its way. */
  want(): void {
    if (this.#state !== 'idle') return;
    this.#wantedSince = monotonicMs();
    this.#connect();
  }

  /** The connection is of no use any more: ends it and makes another one. */
  fail(error: unknown): void {
    if (this.#state === 'connected') this.#lose(this.#generation, error);
  }

  /** An orderly end. Resolves when the broker knows; may hang, then `destroy()`. */
  async disconnect(): Promise<void> {
    const wasUp = this.#state === 'connected';
    this.#close();
    if (wasUp) await this.#transport.disconnect();
  }

  destroy(): void {
    this.#close();
    this.#transport.destroy();
  }

  #close(): void {
    this.#state = 'closed';
    this.#generation++;
    clearTimeout(this.#timer);
  }

  #connect(): void {
    const generation = ++this.#generation;
    this.#state = 'connecting';
    const timeoutMs = this.#connectTimeoutMs;
    const fail = (error: unknown) => this.#isCurrent(generation, 'connecting') && this.#failed(error);
    // For a client that does not keep its own limit; one that does knows better why.
    const late = () => fail(connectTimeoutError(this.#transport.target, timeoutMs));
    this.#stopLimit = loopTimeout(timeoutMs + MARGIN_MS, late);
    this.#transport
      .connect({ timeoutMs, onLost: (error) => this.#lose(generation, error) })
      .then(() => this.#isCurrent(generation, 'connecting') && this.#up(), fail);
  }

  #isCurrent(generation: number, state: LinkState): boolean {
    return generation === this.#generation && this.#state === state;
  }

  #up(): void {
    this.#stopLimit();
    this.#state = 'connected';
    this.#attempts = 0;
    this.connects++;
    this.#events.onUp();
  }

  #failed(error: unknown): void {
    this.#stopLimit();
    this.lastError = error;
    this.#transport.destroy();
    this.#pause();
    this.#events.onFailedAttempt(error, isFinal(error));
  }

  #lose(generation: number, error: unknown): void {
    if (!this.#isCurrent(generation, 'connected')) return;
    this.lastError = error;
    this.#transport.destroy();
    this.#wantedSince = monotonicMs();
    this.#pause();
    this.#events.onDown(error);
  }

  #pause(): void {
    this.#state = 'waiting';
    const generation = ++this.#generation;
    this.#pauseMs = pauseMs(this.#attempts++, this.#retry);
    this.#timer = setTimeout(() => {
      if (!this.#isCurrent(generation, 'waiting')) return;
      this.#state = 'idle';
      this.#connect();
    }, this.#pauseMs);
  }

  /** Nobody waits for it any more: a pause ends in `idle`, not in another attempt. */
  rest(): void {
    if (this.#state !== 'waiting') return;
    clearTimeout(this.#timer);
    this.#generation++;
    this.#state = 'idle';
  }
}
