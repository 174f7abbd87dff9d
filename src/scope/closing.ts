import { closingClock, Deadline } from '../core/index.js';
import type { CloseFailure, CloseReport, StuckResource } from './close-report.js';

/** Kept for each release that waits behind a slow one, as far as half of what is left allows. */
const RESERVE_MS = 100;
/** The grain of the closing clock: with less left than this, waiting for one after another makes no sense. */
const GRAIN_MS = 10;

/** How a wait ended: `late` comes after `deadline`, when what was waited for ends all the same. */
export type WaitEnd = 'settled' | 'deadline' | 'late';

export type OnWaitEnd = (end: WaitEnd, failure: { readonly error: unknown } | null) => void;

/** One wait at a time for a release, with its deadline: no timer of its own, and no promise but the release's. */
export class ReleaseWait extends Deadline {
  #onEnd: OnWaitEnd | null = null;

  /** Calls `onEnd` when `promise` settles or at `deadlineAt`, and once more when it settles after that. */
  wait(promise: PromiseLike<unknown>, deadlineAt: number, now: number, onEnd: OnWaitEnd): void {
    this.#onEnd = onEnd;
    this.deadlineAt = deadlineAt;
    closingClock.add(this, now);
    promise.then(
      () => this.#settle(onEnd, null),
      (error) => this.#settle(onEnd, { error }),
    );
  }

  onDeadline(): void {
    const onEnd = this.#onEnd;
    this.#onEnd = null;
    onEnd?.('deadline', null);
  }

  #settle(onEnd: OnWaitEnd, failure: { readonly error: unknown } | null): void {
    if (this.#onEnd !== onEnd) {
      onEnd('late', failure);
      return;
    }
    this.#onEnd = null;
    closingClock.remove(this);
    onEnd('settled', failure);
  }
}

/** One run of closing: its deadline, and what it finds. */
export class Closing {
  readonly startedAt: number;
  /** When the whole run has to be over. */
  readonly endsAt: number;
  /** Time of the last event, so that each one reads the clock once. */
  now: number;
  remaining = 0;
  failures: CloseFailure[] | null = null;
  stuck: StuckResource[] | null = null;
  children: CloseReport[] | null = null;
  /** Called when a ledger that could not be released at once has been. */
  onReleased: () => void = doNothing;
  #waiter: ReleaseWait | null = null;

  constructor(now: number, timeoutMs: number) {
    this.startedAt = now;
    this.now = now;
    this.endsAt = now + timeoutMs;
  }

  /** For releases that are waited for one after another; most runs wait for none. */
  get waiter(): ReleaseWait {
    this.#waiter ??= new ReleaseWait();
    return this.#waiter;
  }

  /** Time since the run began, in whole µs. */
  offsetUs(): number {
    return Math.trunc((this.now - this.startedAt) * 1000);
  }

  /** Too late to wait for one release after another. */
  get isHurried(): boolean {
    return this.endsAt - this.now < GRAIN_MS;
  }

  /** The end for all that is left when it is too late: every release gets a moment, the run ends within 50 ms of its end. */
  get hurriedEndsAt(): number {
    return Math.max(this.endsAt, this.now + GRAIN_MS);
  }

  /**
   * When a release has to be over: after `ownMs`, but what waits behind it keeps 100 ms each, up to half of the time left.
   * So a chain of hanging releases gets ever shorter shares, and each one behind still gets some.
   */
  limitFor(ownMs: number, behind: number): number {
    const leftMs = this.endsAt - this.now;
    const shareMs = leftMs - Math.min(leftMs / 2, RESERVE_MS * behind);
    return this.now + Math.min(ownMs, shareMs);
  }

  fail(path: string, phase: CloseFailure['phase'], error: unknown, acquiredAt?: string): void {
    this.failures ??= [];
    this.failures.push({ path, phase, error, ...(acquiredAt === undefined ? {} : { acquiredAt }) });
  }

  giveUpOn(stuck: StuckResource): void {
    this.remaining++;
    this.stuck ??= [];
    this.stuck.push(stuck);
  }

  /** Adds what happened in a child that was closed within this run. */
  include(report: CloseReport): void {
    this.remaining += report.remaining;
    if (report.failures.length > 0) this.failures = [...(this.failures ?? []), ...report.failures];
    if (report.stuck.length > 0) this.stuck = [...(this.stuck ?? []), ...report.stuck];
    this.children ??= [];
    this.children.push(report);
  }
}

function doNothing(): void {}
