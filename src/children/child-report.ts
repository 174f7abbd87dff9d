import type { WatertightError } from '../core/index.js';
import type { Relative } from './family.js';
import type { Output } from './kept-output.js';

/**
 * Why a child ended: by itself (`exit`), by a signal that was not ours (`signal`), over its time, by its AbortSignal, by
 * `end()` or a close (`closed`); `failed-to-start` when the system could not execute it after all.
 */
export type EndReason = 'exit' | 'signal' | 'timeout' | 'aborted' | 'closed' | 'failed-to-start';

/** How one child ended. */
export interface ChildReport {
  readonly name: string;
  readonly pid: number;
  /** `pid:startTicks`. */
  readonly identity: string;
  readonly reason: EndReason;
  /** Exit code; null when a signal ended it, or nothing has. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** From its start to the end of all that it had started. */
  readonly durationMs: number;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Descendants that were still there and were killed. */
  readonly survivors: number;
  /** What could not be killed in time: the child itself or descendants, in their last state. */
  readonly stuck: readonly Relative[];
  /** WT_CHILDREN_START for `failed-to-start`. */
  readonly error?: WatertightError;
}

/** What closing did. */
export interface ChildrenCloseReport {
  readonly status: 'completed' | 'timeout' | 'already-closed';
  /** Children that ran when it began. */
  readonly initial: number;
  /** Children that ended when they were asked. */
  readonly ended: number;
  /** Children that had to be killed. */
  readonly killed: number;
  /** Descendants that were killed. */
  readonly survivors: number;
  /** Children that are still there, or have left some that are. */
  readonly remaining: number;
  readonly durationMs: number;
  readonly stuck: readonly Relative[];
}

/** What is held now. */
export interface ChildrenUsage {
  readonly running: number;
  readonly limit: number;
  /** Children given up on: they do not end, or something that they started does not. */
  readonly stuck: number;
  /** Storage of captured output, in bytes. */
  readonly outputBytes: number;
  /** Children started so far. */
  readonly started: number;
  /** Dead processes below this one that `Children` did not start, and that nobody may ever reap; see `reapStrangers`. */
  readonly zombies: readonly Relative[];
}
