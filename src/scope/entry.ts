import type { CallPlace } from '../core/index.js';
import type { Ledger } from './ledger.js';

/** What a release or a drain is told. */
export interface ReleaseContext {
  /** `performance.now()` in ms by which it has to be done; later it is abandoned, and named as stuck. */
  readonly deadlineAt: number;
}

export type Release<T> = (value: T, context: ReleaseContext) => unknown;

/** How one resource is closed, where the scope's own rules do not fit. */
export interface HoldOptions<T> {
  /** Longest time for the release, in ms; `releaseTimeoutMs` of the scope unless told. */
  readonly timeoutMs?: number;
  /** First phase of closing: take no new work, let the work in flight end. */
  readonly drain?: Release<T>;
  /** Last resort for a release that is over its time: kill, destroy. Called once and not waited for. */
  readonly abandon?: (value: T) => unknown;
}

/** The handle of one resource: for giving it up before its scope closes. */
export interface Held<T = unknown> {
  readonly name: string;
  readonly value: T;
  /** False once it was released, is being released, or has been detached. */
  readonly isHeld: boolean;
  /**
   * Releases it now, once; later calls wait for the same release. Throws what the release throws, and
   * WT_SCOPE_RELEASE_TIMEOUT when it is over its time. Cost: O(1), ≈ 20 ns.
   */
  release(): void | Promise<void>;
  /** Takes it out unreleased: it belongs to the caller now. */
  detach(): T;
}

export const ACQUIRING = 0;
export const HELD = 1;
export const RELEASING = 2;
export const RELEASED = 3;
export const FAILED = 4;
/** Over its time: may still end some day. */
export const ABANDONED = 5;
export const DETACHED = 6;

export type EntryState = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** In place of a value for what was deferred: the release is then called without arguments (ECMA-262, `defer`). */
export const NO_VALUE: unique symbol = Symbol('no value');

/** What few entries have, kept apart so that the many stay small. */
export interface EntryExtra {
  options: HoldOptions<never> | undefined;
  isDrained: boolean;
  place: CallPlace | undefined;
  error: unknown;
  /** Settles, without failing, when a pending acquisition or an early release has come to its end. */
  pending: Promise<void> | undefined;
  /** Rejects whoever waits for a pending acquisition. */
  refuse: ((error: Error) => void) | undefined;
}

/**
 * One resource in the ledger of a scope: a node of its list, newest first, and its row in the report when closed. The
 * fields are the scope's; users see it as `Held`. About 104 bytes.
 */
export class Entry<T = unknown> implements Held<T> {
  readonly name: string;
  ledger: Ledger;
  newer: Entry | null = null;
  older: Entry | null;
  /** Dropped when released. */
  resource: T | typeof NO_VALUE | undefined;
  onRelease: Release<T> | null;
  state: EntryState = HELD;
  /** `performance.now()`, whole ms. */
  readonly acquiredAtMs: number;
  /** Begin of the release in µs since its run began; then the time that it took, in µs; -1 before. */
  releaseUs = -1;
  extra: EntryExtra | null = null;

  constructor(
    name: string,
    ledger: Ledger,
    older: Entry | null,
    resource: T | typeof NO_VALUE | undefined,
    onRelease: Release<T>,
    acquiredAtMs: number,
  ) {
    this.name = name;
    this.ledger = ledger;
    this.older = older;
    this.resource = resource;
    this.onRelease = onRelease;
    this.acquiredAtMs = acquiredAtMs;
  }

  get value(): T {
    return (this.resource === NO_VALUE ? undefined : this.resource) as T;
  }

  get isHeld(): boolean {
    return this.state === HELD;
  }

  release(): void | Promise<void> {
    return this.ledger.release(this as Entry);
  }

  detach(): T {
    const { value } = this;
    this.ledger.detach(this as Entry);
    return value;
  }

  /** Calls the release, once. What it returns may be a promise; what it throws is thrown. */
  callRelease(deadlineAt: number): unknown {
    const { onRelease, resource } = this;
    this.onRelease = null;
    if (onRelease === null) return undefined;
    if (resource === NO_VALUE) return (onRelease as () => unknown)();
    return onRelease.length > 1
      ? onRelease(resource as T, { deadlineAt })
      : (onRelease as (value: T) => unknown)(resource as T);
  }

  /** The options of most entries are none. */
  withExtra(): EntryExtra {
    this.extra ??= {
      options: undefined,
      isDrained: false,
      place: undefined,
      error: undefined,
      pending: undefined,
      refuse: undefined,
    };
    return this.extra;
  }
}
