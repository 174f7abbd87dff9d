import { monotonicMs, settleBy, WatertightError } from '../core/index.js';
import { type Closing, ReleaseWait } from './closing.js';
import {
  ABANDONED,
  ACQUIRING,
  DETACHED,
  Entry,
  FAILED,
  HELD,
  type HoldOptions,
  RELEASED,
  RELEASING,
  type Release,
} from './entry.js';
import { endWatch, type Watch } from './forgotten.js';
import { isStopped, isThenable, lateFailure } from './late.js';
import { checkOptions, type Sampling, samplePlace } from './settings.js';

/** What a ledger asks of its scope. */
export interface LedgerOwner {
  readonly parent: LedgerOwner | null;
  readonly path: string;
  readonly isClosed: boolean;
  closedError(what: string): WatertightError;
  /** The last one of those that closing gave up on has ended. */
  onEmpty(): void;
}

/** Whose release is on the stack now: how a close from inside a release is known for one. */
let releasing: LedgerOwner | null = null;

/** True inside a release of `scope` or of one below it, as far as the release has not yet waited for anything. */
export function isReleasing(scope: LedgerOwner): boolean {
  for (let owner = releasing; owner; owner = owner.parent) if (owner === scope) return true;
  return false;
}

/**
 * The resources of one scope, newest first, and what becomes of each: held, released early, detached, or closed in a run.
 * While open, what ends is unlinked. While closing nothing is, as the list is then the report too.
 */
export class Ledger {
  readonly #owner: LedgerOwner;
  readonly #releaseTimeoutMs: number;
  newest: Entry | null = null;
  size = 0;
  drains = 0;
  watch: Watch | null = null;
  #isClosing = false;
  /** `performance.now()`, whole ms, of its first resource or child: a scope that is only made reads no clock. */
  #inUseSinceMs = 0;

  constructor(owner: LedgerOwner, releaseTimeoutMs: number) {
    this.#owner = owner;
    this.#releaseTimeoutMs = releaseTimeoutMs;
  }

  add<T>(
    name: string,
    value: T | undefined,
    release: Release<T>,
    options: HoldOptions<T> | undefined,
    sites: Sampling,
  ): Entry<T> {
    checkOptions(options);
    const older = this.newest;
    const now = Math.trunc(monotonicMs());
    const entry = new Entry<T>(name, this, older, value, release, now);
    if (this.#inUseSinceMs === 0) this.#inUseSinceMs = now;
    if (older) older.newer = entry as Entry;
    this.newest = entry as Entry;
    this.size++;
    if (this.watch) this.watch.held++;
    const place = samplePlace(sites);
    if (place) entry.withExtra().place = place;
    if (options) {
      entry.withExtra().options = options as HoldOptions<never>;
      if (options.drain) this.drains++;
    }
    return entry;
  }

  /** Hands over what `opening` brings, in the very step in which it arrives. */
  addLater<T>(
    name: string,
    opening: PromiseLike<T>,
    release: Release<T>,
    options: HoldOptions<T> | undefined,
    sites: Sampling,
  ): Promise<T> {
    const entry = this.add<T>(name, undefined, release, options, sites) as Entry;
    entry.state = ACQUIRING;
    const extra = entry.withExtra();
    return new Promise<T>((resolve, reject) => {
      extra.refuse = reject;
      extra.pending = Promise.resolve(opening).then(
        (value) => {
          entry.resource = value;
          // The ledger of now: `move` may have changed it.
          const { ledger } = entry;
          if (ledger.#owner.isClosed || entry.state === ABANDONED) return ledger.#releaseArrival(entry);
          entry.state = HELD;
          extra.refuse = undefined;
          extra.pending = undefined;
          resolve(value);
        },
        (error) => {
          if (entry.state === ABANDONED) return entry.ledger.#endLate(entry, undefined);
          entry.ledger.#end(entry, DETACHED, error);
          reject(error);
        },
      );
    });
  }

  isInUse(): void {
    if (this.#inUseSinceMs === 0) this.#inUseSinceMs = Math.trunc(monotonicMs());
  }

  /** Time since the first resource or child. */
  ageMs(now: number): number {
    return this.#inUseSinceMs === 0 ? 0 : now - this.#inUseSinceMs;
  }

  /** The newest that is held and is this value. */
  find(value: unknown): Entry | undefined {
    for (let entry = this.newest; entry; entry = entry.older) {
      if (entry.resource === value && entry.state === HELD) return entry;
    }
    return undefined;
  }

  release(entry: Entry): void | Promise<void> {
    if (entry.state !== HELD) return entry.extra?.pending;
    entry.state = RELEASING;
    const deadlineAt = monotonicMs() + this.#timeoutOf(entry);
    let result: unknown;
    try {
      result = this.#call(entry, deadlineAt);
    } catch (error) {
      this.#end(entry, FAILED, error);
      throw error;
    }
    if (!isThenable(result)) return this.#end(entry, RELEASED);
    return this.#releaseSoon(entry, result, deadlineAt);
  }

  detach(entry: Entry): void {
    if (entry.state === HELD) this.#end(entry, DETACHED);
  }

  /** Gives all to another ledger, in the same order. */
  moveTo(other: Ledger): void {
    for (let entry = this.newest; entry; entry = entry.older) entry.ledger = other;
    other.newest = this.newest;
    other.size = this.size;
    other.drains = this.drains;
    if (other.watch) other.watch.held = this.size;
    this.newest = null;
    this.size = 0;
    this.drains = 0;
  }

  /** What is held, being acquired, being released, or was given up on, oldest first. */
  held(): Entry[] {
    const entries: Entry[] = [];
    for (let entry = this.newest; entry; entry = entry.older) {
      if (entry.state <= RELEASING || entry.state === ABANDONED) entries.push(entry);
    }
    return entries.reverse();
  }

  /** Begins every drain at once, newest first. */
  startDrains(run: Closing, deadlineAt: number, waits: Promise<void>[]): void {
    if (this.drains === 0) return;
    for (let entry = this.newest; entry; entry = entry.older) {
      const { extra } = entry;
      const drain = extra?.options?.drain as Release<unknown> | undefined;
      // A child is drained with its parent, and closed after.
      if (!drain || extra!.isDrained || entry.state !== HELD) continue;
      extra!.isDrained = true;
      waits.push(this.#drain(run, entry, drain, deadlineAt));
    }
  }

  /** From now on nothing is unlinked. */
  startClosing(): void {
    this.#isClosing = true;
    if (this.watch) endWatch(this.watch);
  }

  /** Releases all, newest first. True when nothing had to be waited for; else `run.onReleased` is called at the end. */
  releaseAll(run: Closing): boolean {
    return this.#releaseFrom(this.newest, run);
  }

  /** Names what an earlier run gave up on, and what one under way has not yet released. */
  nameHeld(run: Closing): void {
    for (const entry of this.held()) this.#nameStuck(entry, run, entry.state === ACQUIRING ? 'acquiring' : 'releasing');
  }

  #releaseFrom(first: Entry | null, run: Closing): boolean {
    for (let entry = first; entry; entry = entry.older) {
      const waiting = this.#begin(entry, run);
      if (waiting === undefined) continue;
      if (run.isHurried) this.#hurry(entry, waiting, run);
      else this.#finish(entry, waiting, run, run.limitFor(this.#timeoutOf(entry), this.size - 1));
      return false;
    }
    return true;
  }

  /** Waits for one resource, then goes on with the next. */
  #finish(entry: Entry, waiting: PromiseLike<unknown>, run: Closing, limitAt: number): void {
    this.#wait(entry, waiting, run, limitAt, run.waiter, () => {
      if (this.#releaseFrom(entry.older, run)) run.onReleased();
    });
  }

  /** No time is left to wait for one after another: the rest is begun at once, newest first, and waited for together. */
  #hurry(first: Entry, firstWaiting: PromiseLike<unknown>, run: Closing): void {
    const endsAt = run.hurriedEndsAt;
    let open = 1;
    const onDone = () => {
      if (--open === 0) run.onReleased();
    };
    for (let entry: Entry | null = first; entry; entry = entry.older) {
      const waiting = entry === first ? firstWaiting : this.#begin(entry, run);
      if (waiting === undefined) continue;
      open++;
      this.#wait(entry, waiting, run, endsAt, new ReleaseWait(), onDone);
    }
    onDone();
  }

  /** Takes one resource as far as it goes without waiting; what it has to wait for, if anything. */
  #begin(entry: Entry, run: Closing): PromiseLike<unknown> | undefined {
    if (entry.state === ACQUIRING || entry.state === RELEASING) return entry.extra?.pending;
    if (entry.state === HELD) {
      entry.state = RELEASING;
      entry.releaseUs = run.offsetUs();
      try {
        const result = this.#call(entry, run.limitFor(this.#timeoutOf(entry), this.size - 1));
        if (isThenable(result)) return result;
        entry.state = RELEASED;
      } catch (error) {
        this.#setFailed(entry, error);
      }
      run.now = monotonicMs();
    }
    this.#conclude(entry, run);
    return undefined;
  }

  /** Waits for one resource until it is done or its time is over, and enters how it ended. */
  #wait(
    entry: Entry,
    waiting: PromiseLike<unknown>,
    run: Closing,
    limitAt: number,
    waiter: ReleaseWait,
    onDone: () => void,
  ): void {
    // Pending: an acquisition or an early release, which keeps its own state. Else a release that was begun here.
    const isPending = entry.extra?.pending === waiting;
    const since = run.now;
    waiter.wait(waiting, limitAt, since, (end, failure) => {
      if (end === 'late') {
        if (!isPending) this.#endLate(entry, failure);
        return;
      }
      run.now = monotonicMs();
      if (end === 'deadline') this.#giveUp(entry, run, run.now - since);
      else if (isPending) {
        const next = this.#begin(entry, run);
        if (next !== undefined) return this.#wait(entry, next, run, limitAt, waiter, onDone);
      } else {
        if (failure) this.#setFailed(entry, failure.error);
        else entry.state = RELEASED;
        this.#conclude(entry, run);
      }
      onDone();
    });
  }

  /** Enters the outcome of one resource into the run, once. */
  #conclude(entry: Entry, run: Closing): void {
    if (entry.state === ABANDONED) {
      this.#nameStuck(entry, run, 'releasing');
      return;
    }
    // What was not begun in this run (detached, released early) took no time of it.
    entry.releaseUs = entry.releaseUs < 0 ? 0 : run.offsetUs() - entry.releaseUs;
    entry.resource = undefined;
    this.size--;
    const extra = entry.extra;
    if (extra?.error === undefined) return;
    // An acquisition that was told to stop, and did, has not failed.
    if (entry.state !== DETACHED || !isStopped(extra.error)) {
      run.fail(this.#pathOf(entry), entry.state === DETACHED ? 'acquire' : 'release', extra.error, extra.place?.text);
    }
  }

  #giveUp(entry: Entry, run: Closing, waitedMs: number): void {
    const wasAcquiring = entry.state === ACQUIRING;
    entry.state = ABANDONED;
    entry.releaseUs = Math.trunc(waitedMs * 1000);
    this.#nameStuck(entry, run, wasAcquiring ? 'acquiring' : 'releasing', waitedMs);
    if (wasAcquiring) entry.extra?.refuse?.(this.#owner.closedError(`Resource ${entry.name}`));
    else this.#abandon(entry, (error) => run.fail(this.#pathOf(entry), 'abandon', error, entry.extra?.place?.text));
  }

  #nameStuck(entry: Entry, run: Closing, state: 'acquiring' | 'releasing', waitedMs = 0): void {
    const acquiredAt = entry.extra?.place?.text;
    const ageMs = monotonicMs() - entry.acquiredAtMs;
    const place = acquiredAt === undefined ? {} : { acquiredAt };
    run.giveUpOn({ path: this.#pathOf(entry), state, ageMs, waitedMs, ...place });
  }

  /** The last resort: not waited for, but its failure is told. */
  #abandon(entry: Entry, onError: (error: unknown) => void): void {
    const abandon = entry.extra?.options?.abandon as ((value: unknown) => unknown) | undefined;
    if (!abandon) return;
    try {
      const ending = abandon(entry.value);
      if (isThenable(ending)) ending.then(undefined, (error) => lateFailure(this.#pathOf(entry), error));
    } catch (error) {
      onError(error);
    }
  }

  async #drain(run: Closing, entry: Entry, drain: Release<unknown>, deadlineAt: number): Promise<void> {
    const path = this.#pathOf(entry);
    const acquiredAt = entry.extra?.place?.text;
    const startedAt = monotonicMs();
    const outer = releasing;
    let draining: unknown;
    try {
      releasing = this.#owner;
      draining = drain(entry.value, { deadlineAt });
    } catch (error) {
      return run.fail(path, 'drain', error, acquiredAt);
    } finally {
      releasing = outer;
    }
    if (!isThenable(draining)) return;
    let isOver = false;
    const watched = Promise.resolve(draining).catch((error) => {
      if (isOver) lateFailure(path, error);
      else run.fail(path, 'drain', error, acquiredAt);
    });
    if ((await settleBy(watched, deadlineAt)) === 'settled') return;
    isOver = true;
    const message = `Cannot finish draining within ${Math.round(deadlineAt - startedAt)} ms; it is released all the same`;
    const hint = 'give close() more time: draining gets half of it';
    run.fail(path, 'drain', new WatertightError('WT_SCOPE_DRAIN_TIMEOUT', message, { hint }), acquiredAt);
  }

  /** What arrives after closing began is released at once; then its acquirer is told. */
  async #releaseArrival(entry: Entry): Promise<void> {
    if (entry.state !== ABANDONED) entry.state = RELEASING;
    let failure: { error: unknown } | undefined;
    try {
      await this.#call(entry, monotonicMs() + this.#timeoutOf(entry));
    } catch (error) {
      failure = { error };
    }
    if (entry.state === ABANDONED) this.#endLate(entry, failure);
    else if (failure) this.#setFailed(entry, failure.error);
    else entry.state = RELEASED;
    entry.extra?.refuse?.(this.#owner.closedError(`Resource ${entry.name}`));
  }

  async #releaseSoon(entry: Entry, result: PromiseLike<unknown>, deadlineAt: number): Promise<void> {
    let failure: { error: unknown } | undefined;
    const conclude = () => {
      if (entry.state === ABANDONED) entry.ledger.#endLate(entry, failure);
      else entry.ledger.#end(entry, failure ? FAILED : RELEASED, failure?.error);
    };
    const ended = Promise.resolve(result).then(conclude, (error) => {
      failure = { error };
      conclude();
    });
    entry.withExtra().pending = ended;
    if ((await settleBy(ended, deadlineAt)) === 'settled') {
      if (failure) throw (failure as { error: unknown }).error;
      return;
    }
    // A run of closing may have given up on it already.
    if (entry.state === RELEASING) {
      entry.state = ABANDONED;
      this.#abandon(entry, (error) => lateFailure(this.#pathOf(entry), error));
    }
    throw new WatertightError('WT_SCOPE_RELEASE_TIMEOUT', `Cannot release ${this.#pathOf(entry)} in its time`, {
      hint: 'it stays in scope.tree() until it ends; give it more time by `timeoutMs`, or an `abandon` that ends it',
    });
  }

  #call(entry: Entry, deadlineAt: number): unknown {
    const outer = releasing;
    releasing = this.#owner;
    try {
      return entry.callRelease(deadlineAt);
    } finally {
      releasing = outer;
    }
  }

  #timeoutOf(entry: Entry): number {
    return entry.extra?.options?.timeoutMs ?? this.#releaseTimeoutMs;
  }

  #pathOf(entry: Entry): string {
    return `${this.#owner.path}/${entry.name}`;
  }

  #setFailed(entry: Entry, error: unknown): void {
    entry.state = FAILED;
    // `undefined` can be thrown too.
    entry.withExtra().error = error ?? new Error(`${String(error)} was thrown`);
  }

  /** Done before or outside a run: out of the list, unless a run goes through it and counts it. */
  #end(entry: Entry, state: typeof RELEASED | typeof FAILED | typeof DETACHED, error?: unknown): void {
    if (error !== undefined) this.#setFailed(entry, error);
    entry.state = state;
    if (!this.#isClosing) this.#unlink(entry);
  }

  /** Done after it was given up on. */
  #endLate(entry: Entry, failure: { readonly error: unknown } | null | undefined): void {
    entry.state = failure ? FAILED : RELEASED;
    if (failure) lateFailure(this.#pathOf(entry), failure.error);
    if (this.#isClosing) {
      entry.resource = undefined;
      this.size--;
      if (this.size === 0) this.#owner.onEmpty();
    } else this.#unlink(entry);
  }

  #unlink(entry: Entry): void {
    if (entry.newer) entry.newer.older = entry.older;
    else this.newest = entry.older;
    if (entry.older) entry.older.newer = entry.newer;
    entry.resource = undefined;
    entry.onRelease = null;
    if (entry.extra?.options?.drain) this.drains--;
    this.size--;
    if (this.watch) this.watch.held--;
  }
}
