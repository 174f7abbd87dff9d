import { ABANDONED, DETACHED, type Entry, FAILED, RELEASED } from './entry.js';

/** Where something went wrong that closing went on after. */
export interface CloseFailure {
  /** Names of the scopes and of the resource: `app/requests/database`. */
  readonly path: string;
  readonly phase: 'acquire' | 'drain' | 'release' | 'abandon';
  readonly error: unknown;
  /** `file:line` where it was acquired; absent where the place was not sampled. */
  readonly acquiredAt?: string;
}

/** Something that closing gave up on: it is still held. */
export interface StuckResource {
  readonly path: string;
  readonly state: 'acquiring' | 'releasing';
  /** Time since it was acquired, or since its acquisition began. */
  readonly ageMs: number;
  /** Time since its release began, or since closing first waited for its acquisition. */
  readonly waitedMs: number;
  /** `file:line` where it was acquired; absent where the place was not sampled. */
  readonly acquiredAt?: string;
}

/** One resource in the report. */
export interface ReleaseRow {
  readonly path: string;
  readonly outcome: 'released' | 'failed' | 'abandoned';
  /** Time that the release took. */
  readonly durationMs: number;
  readonly acquiredAt?: string;
  readonly error?: unknown;
}

export type CloseStatus = 'completed' | 'failed' | 'timeout' | 'already-closed';

const NONE: readonly never[] = Object.freeze([]);

/**
 * What closing a scope did, its children included. `completed`: all was released. `failed`: all releases ended, some with
 * an error. `timeout`: something is still held, and `stuck` names it. `already-closed`: the scope had been closed before;
 * the figures are those of that time.
 *
 * Plain data but for `entries()`, which is made when asked for.
 */
export class CloseReport {
  /** Path of the scope: `app/requests`. */
  readonly scope: string;
  readonly status: CloseStatus;
  /** Resources held when closing began, acquisitions under way included. */
  readonly initial: number;
  /** Of these, how many releases ran to their end, failed ones included. */
  readonly released: number;
  /** Of these, how many are still held. */
  readonly remaining: number;
  readonly durationMs: number;
  /** In the order in which they happened. */
  readonly failures: readonly CloseFailure[];
  readonly stuck: readonly StuckResource[];
  readonly #newest: Entry | null;
  readonly #children: readonly CloseReport[];

  constructor(
    scope: string,
    status: CloseStatus,
    initial: number,
    released: number,
    remaining: number,
    durationMs: number,
    failures: readonly CloseFailure[] | null,
    stuck: readonly StuckResource[] | null,
    newest: Entry | null,
    children: readonly CloseReport[] | null,
  ) {
    this.scope = scope;
    this.status = status;
    this.initial = initial;
    this.released = released;
    this.remaining = remaining;
    this.durationMs = durationMs;
    this.failures = failures ?? NONE;
    this.stuck = stuck ?? NONE;
    this.#newest = newest;
    this.#children = children ?? NONE;
  }

  /** One row a resource in the order of release: children first, newest first. Cost: O(resources). */
  entries(): ReleaseRow[] {
    const rows = this.#children.flatMap((child) => child.entries());
    for (let entry = this.#newest; entry; entry = entry.older) {
      const outcome = outcomeOf(entry);
      if (outcome === undefined) continue;
      const acquiredAt = entry.extra?.place?.text;
      rows.push({
        path: `${this.scope}/${entry.name}`,
        outcome,
        durationMs: entry.releaseUs / 1000,
        ...(acquiredAt === undefined ? {} : { acquiredAt }),
        ...(outcome === 'failed' ? { error: entry.extra?.error } : {}),
      });
    }
    return rows;
  }

  /** The same figures for whoever asks after the end. */
  later(): CloseReport {
    return new CloseReport(
      this.scope,
      'already-closed',
      this.initial,
      this.released,
      this.remaining,
      this.durationMs,
      this.failures,
      this.stuck,
      this.#newest,
      this.#children,
    );
  }
}

function outcomeOf(entry: Entry): ReleaseRow['outcome'] | undefined {
  if (entry.state === RELEASED) return 'released';
  if (entry.state === FAILED) return 'failed';
  if (entry.state === ABANDONED) return 'abandoned';
  // Detached meanwhile: somebody else's now.
  return entry.state === DETACHED ? undefined : 'abandoned';
}
