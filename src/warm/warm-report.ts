/**
 * How a member left a session. `warm`: ready for the next. `retired`: replaced after `maxSessions`. All others are replaced
 * because they cannot be trusted: a release `failed`; something is still `held`; it took longer than `endTimeoutMs`
 * (`timeout`); it has `ended`.
 */
export type MemberOutcome = 'warm' | 'retired' | 'failed' | 'held' | 'timeout' | 'ended';

export interface MemberReport {
  /** Place in the session, from 0. */
  readonly index: number;
  /** Name in the pool: `warm#3`. */
  readonly member: string;
  readonly outcome: MemberOutcome;
  /** Resources of its session's scope that were released. */
  readonly released: number;
  /** What failed to be released, by its path in the session's scope. */
  readonly failures: readonly { readonly path: string; readonly error: Error }[];
  /** Paths of what was still being released. */
  readonly stuck: readonly string[];
  /** What the session left open outside of its scope: kinds of resource with their number. */
  readonly left: Readonly<Record<string, number>>;
  /** Of a member that has ended; null for one that runs, or that a signal ended. */
  readonly exitCode: number | null;
}

/** What closing a session did. */
export interface SessionReport {
  readonly session: number;
  /** `completed`: every member is warm again, or retired in order. */
  readonly status: 'completed' | 'failed' | 'already-closed';
  readonly members: readonly MemberReport[];
  /** Places of the members that are replaced instead of being used again. */
  readonly replaced: readonly number[];
  /** Leases of ended members that were reclaimed. */
  readonly reclaimed: number;
  /** From open to the call of `close()`. */
  readonly openMs: number;
  readonly durationMs: number;
}

/** What the start of a pool took. */
export interface StartReport {
  readonly members: number;
  /** From the call to the last member. */
  readonly durationMs: number;
}

/** What stopping a pool did. */
export interface StopReport {
  readonly status: 'completed' | 'timeout' | 'already-stopped';
  /** Sessions that were open, being opened included. */
  readonly sessions: number;
  /** Members that there were. */
  readonly members: number;
  /** Of these, how many did not leave by themselves. */
  readonly terminated: number;
  /** Names of those that are still there: threads in native code. */
  readonly remaining: readonly string[];
  readonly durationMs: number;
}

/** A pool's figures now, and since it was made. */
export interface WarmUsage {
  readonly state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped';
  readonly size: number;
  readonly spare: number;
  /** Members by what they do now. */
  readonly starting: number;
  readonly warm: number;
  readonly busy: number;
  readonly leaving: number;
  /** Sessions that are being opened, open, or being closed. */
  readonly sessions: number;
  /** Calls of `open()` that wait for members. */
  readonly waiting: number;
  /** Since the pool was made. */
  readonly started: number;
  readonly opened: number;
  readonly replaced: number;
}
