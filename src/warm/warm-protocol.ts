// What a pool and its members say to each other. Every message is one object under the key `warm`: other messages that a
// program sends over the same port are left alone.
import type { ThrownShape } from '../core/index.js';
import type { SegmentHandle } from '../shm/index.js';

export interface OpenOrder {
  readonly order: 'open';
  readonly session: number;
  /** Place of this member in the session, from 0. */
  readonly index: number;
  /** How many members the session has. */
  readonly members: number;
  readonly data: unknown;
  readonly segments: Readonly<Record<string, SegmentHandle>>;
}

/** From pool to member. */
export type Order =
  | OpenOrder
  | { readonly order: 'message'; readonly session: number; readonly value: unknown }
  | { readonly order: 'close'; readonly session: number; readonly timeoutMs: number }
  /** No session will come any more. */
  | { readonly order: 'leave' };

/** From member to pool. */
export type Answer =
  | { readonly answer: 'ready' }
  | { readonly answer: 'opened'; readonly session: number; readonly value: unknown }
  | { readonly answer: 'failed'; readonly session: number; readonly thrown: ThrownShape }
  | { readonly answer: 'message'; readonly session: number; readonly value: unknown }
  | { readonly answer: 'closed'; readonly session: number; readonly end: SessionEnd };

/** How a session went to its end in one member. */
export interface SessionEnd {
  /** Resources of the session's scope that were released. */
  readonly released: number;
  /** What failed to be released: path and error. */
  readonly failures: readonly { readonly path: string; readonly error: ThrownShape }[];
  /** Paths of what is still being released, or of the session's own function that has not ended. */
  readonly stuck: readonly string[];
  /** What the session left open outside of its scope: kinds with their number (`UDPWrap`, `Timeout`, `Segment` …). */
  readonly left: Readonly<Record<string, number>>;
}

/** One order or answer in its envelope. */
export interface Envelope<T> {
  readonly warm: T;
}

/** What is in the envelope, if it is one. */
export function contentOf<T>(message: unknown): T | undefined {
  return typeof message === 'object' && message !== null ? (message as Partial<Envelope<T>>).warm : undefined;
}
