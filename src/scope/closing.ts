import { closingClock, Deadline } from '../core/index.js';
import type { CloseFailure, CloseReport, StuckResource } from './close-report.js';

/** Kept for each release that waits behind a slow one, as far as half of what is left allows. */
const RESERVE_MS = 100;
/** The grain of the closing clock: with less left than this, waiting for one after another makes no sense. */
const GRAIN_MS = 10;

/** One wait at a time for a release, with its deadline: no timer and no object of its own but the promise. */
export class ReleaseWait extends Deadline {
  #settle: ((isInTime: boolean) => void) | null = null;

  /**
   * True when `promise` settles by `deadlineAt`, either way, after its error went to `onError`. When it settles later,
   * `onLate` is called with its error, if any. Never rejects.
   */
  wait(
    promise: PromiseLike<unknown>,
    deadlineAt: number,
    now: number,
    onError: (error: unknown) => void,
    onLate: (failure: { error: unknown } | undefined) => void,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.deadlineAt = deadlineAt;
      closingClock.add(this, now);
      const settled = () => {
        this.#settle = null;
        closingClock.remove(this);
        resolve(true);
      };
      promise.then(
        () => (this.#settle === resolve ? settled() : onLate(undefined)),
        (error) => {
          if (this.#settle !== resolve) return onLate({ error });
          onError(error);
          settled();
        },
      );
    });
  }

  onDeadline(): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(false);
  }
}

/** One run of closing: its deadline, and what it finds. */
export class Closing extends ReleaseWait {
  readonly startedAt: number;
  /** When the whole run has to be over. */
  readonly endsAt: number;
  /** Time of the last event, so that each one reads the clock once. */
  now: number;
  remaining = 0;
  failures: CloseFailure[] | null = null;
  stuck: StuckResource[] | null = null;
  children: CloseReport[] | null = null;

  constructor(now: number, timeoutMs: number) {
    super();
    this.startedAt = now;
    this.now = now;
    this.endsAt = now + timeoutMs;
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

  fail(path: string, phase: CloseFailure['phase'], error: unknown): void {
    this.failures ??= [];
    this.failures.push({ path, phase, error });
  }

  giveUpOn(stuck: StuckResource): void {
    this.remaining++;
    this.stuck ??= [];
    this.stuck.push(stuck);
  }

  /** Adds what happened in a child that was closed within this run. */
  include(report: CloseReport): void {
    this.remaining += report.remaining;
    for (const { path, phase, error } of report.failures) this.fail(path, phase, error);
    if (report.stuck.length > 0) this.stuck = [...(this.stuck ?? []), ...report.stuck];
    this.children ??= [];
    this.children.push(report);
  }
}
