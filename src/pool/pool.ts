import { type CallPlace, checkOptionNames, monotonicMs, type Owned, type Owner, settleBy } from '../core/index.js';
import { Scope } from '../scope/index.js';
import { type AcquireOptions, checkAcquire } from './acquire-options.js';
import { LeaseWatch } from './lease-watch.js';
import { holderOf, type Loan, type LoanDesk, LoanRecord } from './loan.js';
import { LoanList } from './loan-list.js';
import { LoanPlaces } from './loan-places.js';
import { Notices } from './notices.js';
import {
  checkedSettings,
  checkFunction,
  checkMs,
  type Holder,
  type PoolFailure,
  type PoolOptions,
  type PoolSettings,
} from './options.js';
import {
  closedError,
  createError,
  foreignError,
  fullError,
  releasedError,
  stuckError,
  timeoutError,
} from './refusals.js';
import type { PoolCloseReport, PoolStats } from './report.js';
import type { Resource } from './resource.js';
import { Stock } from './stock.js';
import { Waiter, WaitLine } from './wait-line.js';

/** The close of a scope takes as long by default. */
const CLOSE_TIMEOUT_MS = 10_000;
/** Part of the owner's time that is left unused, and the most of it: its own deadline must not come before our report. */
const MARGIN_SHARE = 0.2;
const MARGIN_MS = 250;
/** In a report; more would say nothing new. */
const FAILURES_KEPT = 100;

/**
 * A bounded number of things that are dear to make, each lent to one borrower at a time: a loan says who has it, where it
 * was taken and for how long; each resource is destroyed once. Owned by its scope or by whoever made it; ends with
 * `close()`.
 *
 * Acquirers wait in line, first come, first served, and always settle: by a loan, their limit (the error names who holds
 * the resources), their signal, or the close of the pool. A `create`, `validate` or `destroy` that throws or hangs costs
 * its own place, for `stepTimeoutMs` at most, and no other.
 *
 * @throws TypeError or RangeError for wrong options. WatertightError WT_SCOPE_CLOSED when `scope` has closed.
 *
 * Cost: acquire + release of an idle resource some 0.25 µs, and what `validate` takes.
 *
 * @example
 * const pool = new Pool({ scope, create: () => connect(url), destroy: (client) => client.end(), leaseTimeoutMs: 30_000 });
 * const orders = await pool.use((client) => client.query('select * from orders'));
 */
export class Pool<T> implements AsyncDisposable {
  readonly #settings: PoolSettings<T>;
  readonly #notices: Notices;
  readonly #places: LoanPlaces;
  readonly #stock: Stock<T>;
  readonly #desk: LoanDesk<T>;
  readonly #owned: Owned | null;
  readonly #loans = new LoanList<T>();
  readonly #leases: LeaseWatch<T>;
  readonly #waiting = new WaitLine<T>();
  #isServing = false;
  #isClosed = false;
  #closing: Promise<PoolCloseReport> | null = null;
  #onEmpty: (() => void) | null = null;
  #failuresWhileClosing: PoolFailure[] | null = null;
  #lent = 0;
  #peakLent = 0;
  #timedOut = 0;
  #overdue = 0;

  constructor(options: PoolOptions<T>) {
    this.#settings = checkedSettings(options);
    this.#notices = new Notices(this.#settings.onLease, this.#settings.onFailure);
    this.#places = new LoanPlaces(this.#settings.sites);
    this.#stock = this.#makeStock();
    this.#leases = new LeaseWatch(this.#loans, this.#settings.leaseTimeoutMs, (loan) => this.#onOverdue(loan));
    this.#desk = {
      name: this.name,
      takeBack: (loan) => this.#takeBack(loan),
      takeBackBroken: (loan) => this.#stock.destroy(this.#endLoan(loan, 'discard')),
    };
    this.#owned = options.scope ? this.#ownBy(options.scope) : null;
  }

  get name(): string {
    return this.#settings.name;
  }

  /** Resources in whatever state: idle, lent, being made, checked or destroyed. */
  get size(): number {
    return this.#stock.size + this.#loans.size;
  }

  /** True from the moment in which closing begins. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Lends a resource: an idle one, a new one while there are fewer than `max`, or the next that comes back.
   *
   * @param signal stops the wait; nothing is lost when it aborts as a resource is handed over: the loan is given then
   * @throws (as a rejection) WatertightError WT_POOL_CLOSED, WT_POOL_FULL, WT_POOL_TIMEOUT, WT_POOL_CREATE_FAILED; the
   *   signal's reason; TypeError or RangeError for a wrong signal or option, and then nobody waits.
   */
  acquire(signal?: AbortSignal, options?: AcquireOptions): Promise<Loan<T>> {
    if (this.#isClosed) return Promise.reject(closedError(this.name));
    if (signal !== undefined || options !== undefined) {
      try {
        checkAcquire(signal, options);
      } catch (error) {
        return Promise.reject(error);
      }
      if (signal?.aborted) return Promise.reject(signal.reason);
    }
    const place = this.#places.take(this.acquire);
    if (this.#waiting.size === 0) {
      const resource = this.#stock.takeReady();
      if (resource) return Promise.resolve(this.#lend(resource, options?.borrower, place));
    }
    return this.#wait(signal, options, place);
  }

  /** Runs `work` with a resource and gives it back on every path; gives what `work` gives. @throws as `acquire`, or as `work` */
  async use<R>(
    work: (value: T, loan: Loan<T>) => R | PromiseLike<R>,
    options?: AcquireOptions & { signal?: AbortSignal },
  ): Promise<R> {
    checkFunction('use()', 'work', work);
    const loan = await this.acquire(options?.signal, options);
    try {
      return await work(loan.value, loan);
    } finally {
      loan[Symbol.dispose]();
    }
  }

  /** As `loan.release()`. @throws WatertightError WT_POOL_FOREIGN for what is no loan of this pool, WT_POOL_RELEASED */
  release(loan: Loan<T>): void {
    if (!(loan instanceof LoanRecord) || loan.desk !== this.#desk) throw foreignError(this.name);
    loan.release();
  }

  /**
   * Makes what is missing to `min`, now, and from then on whenever idle resources are swept.
   * @throws (as a rejection) WatertightError WT_POOL_CLOSED; WT_POOL_CREATE_FAILED when one failed; the others stay.
   */
  async warmUp(): Promise<void> {
    if (this.#isClosed) throw closedError(this.name);
    this.#stock.keepMin();
    const made: Promise<{ readonly error: unknown } | null>[] = [];
    for (let n = this.size; n < this.#settings.min; n++) {
      made.push(new Promise((resolve) => this.#stock.create(resolve)));
    }
    const failure = (await Promise.all(made)).find((end) => end !== null);
    if (failure) throw createError(this.name, failure.error);
  }

  /** Asks `validate` about each idle resource, at once, and destroys those that do not work. */
  async checkIdle(): Promise<{ checked: number; destroyed: number }> {
    if (this.#settings.validate === undefined || this.#isClosed) return { checked: 0, destroyed: 0 };
    const resources = this.#stock.takeAll();
    const checks = resources.map((resource) => new Promise<boolean>((end) => this.#stock.check(resource, end)));
    const good = (await Promise.all(checks)).filter(Boolean).length;
    return { checked: resources.length, destroyed: resources.length - good };
  }

  /** Who holds a resource now, oldest first. Cost: O(loans). */
  holders(): Holder[] {
    return this.#loans.holders();
  }

  stats(): PoolStats {
    const { idle, creating, checking, destroying, created, destroyed } = this.#stock;
    const lent = this.#loans.size;
    return {
      size: this.size,
      idle,
      lent,
      creating,
      checking,
      destroying,
      waiting: this.#waiting.size,
      utilisation: lent / this.#settings.max,
      peakLent: this.#peakLent,
      overdue: this.#overdue,
      loans: this.#lent,
      created,
      destroyed,
      timedOut: this.#timedOut,
    };
  }

  /**
   * Ends the pool: refuses acquirers, destroys what is idle, and each loan's resource when it comes back. Returns when all
   * are destroyed, or at `timeoutMs` + 50 ms at the latest, naming who still holds one; that is destroyed when it
   * comes back. Every call waits for the one run.
   * @throws TypeError or RangeError for a wrong option. Never rejects.
   */
  close(options: { timeoutMs?: number } = {}): Promise<PoolCloseReport> {
    checkOptionNames('close()', options, ['timeoutMs']);
    const { timeoutMs = CLOSE_TIMEOUT_MS } = options;
    checkMs('close()', 'timeoutMs', timeoutMs);
    if (this.#closing) return this.#closing.then((report) => ({ ...report, status: 'already-closed' }));
    this.#closing = this.#close(timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #makeStock(): Stock<T> {
    const pool = this;
    return new Stock(this.#settings, {
      get size() {
        return pool.size;
      },
      onReady: (resource) => this.#onReady(resource),
      onCreateFailed: (error) => this.#onCreateFailed(error),
      onFailure: (failure) => this.#onFailure(failure),
      onPlaceFree: () => this.#onPlaceFree(),
    });
  }

  #wait(
    signal: AbortSignal | undefined,
    options: AcquireOptions | undefined,
    place: CallPlace | null,
  ): Promise<Loan<T>> {
    const { waitLimit, acquireTimeoutMs } = this.#settings;
    return new Promise((resolve, reject) => {
      const timeoutMs = options?.timeoutMs ?? acquireTimeoutMs;
      const onGivenUp = (waiter: Waiter<T>, why: 'limit' | 'abort') => this.#onGivenUp(waiter, why, timeoutMs);
      const waiter = new Waiter(resolve, reject, signal, onGivenUp, options?.borrower, place);
      this.#waiting.join(waiter);
      this.#serve();
      if (!waiter.isWaiting) return;
      if (this.#waiting.size - this.#stock.coming > waitLimit) {
        this.#waiting.leave(waiter);
        waiter.refuse(fullError(this.name, waitLimit));
      } else waiter.start(timeoutMs);
    });
  }

  /** Not from within itself: steps that end at once would nest as deep as the line is long. */
  #serve(): void {
    if (this.#isServing || this.#isClosed) return;
    this.#isServing = true;
    while (this.#waiting.size > this.#stock.coming) {
      const resource = this.#stock.take();
      if (resource) this.#stock.check(resource);
      else if (this.size < this.#settings.max) this.#stock.create();
      else break;
    }
    this.#isServing = false;
  }

  #lend(resource: Resource<T>, borrower: string | undefined, place: CallPlace | null): LoanRecord<T> {
    const loan = new LoanRecord(this.#desk, resource, borrower, place);
    this.#loans.append(loan);
    this.#lent++;
    if (this.#loans.size > this.#peakLent) this.#peakLent = this.#loans.size;
    if (!this.#leases.isSet) this.#leases.set(loan);
    return loan;
  }

  #takeBack(loan: LoanRecord<T>): void {
    const resource = this.#endLoan(loan, 'release');
    if (this.#isClosed) this.#stock.destroy(resource);
    else if (this.#waiting.size === 0) this.#stock.put(resource);
    else this.#stock.check(resource);
  }

  #endLoan(loan: LoanRecord<T>, verb: 'release' | 'discard'): Resource<T> {
    const { resource } = loan;
    if (resource === null) throw releasedError(this.name, verb, loan.borrower);
    loan.resource = null;
    this.#loans.remove(loan);
    this.#stock.touch(resource);
    if (loan.isOverdue) {
      this.#overdue--;
      this.#tellLease(loan, 'returned');
    }
    return resource;
  }

  #onOverdue(loan: LoanRecord<T>): void {
    loan.isOverdue = true;
    this.#overdue++;
    this.#places.watch();
    this.#tellLease(loan, 'overdue');
  }

  #tellLease(loan: LoanRecord<T>, kind: 'overdue' | 'returned'): void {
    const { leaseTimeoutMs } = this.#settings;
    const holder = holderOf(loan as LoanRecord<unknown>);
    this.#notices.tellLease({ kind, pool: this.name, leaseTimeoutMs, ...holder });
  }

  #onGivenUp(waiter: Waiter<T>, why: 'limit' | 'abort', timeoutMs: number): void {
    this.#waiting.leave(waiter);
    if (why === 'abort') {
      waiter.refuse(waiter.abortReason);
      return;
    }
    this.#timedOut++;
    this.#places.watch();
    waiter.refuse(timeoutError(this.name, timeoutMs, this.#settings.max, this.holders()));
  }

  /** The loan exists before the waiter hears of it: whoever leaves the line later has it, or has never had it. */
  #onReady(resource: Resource<T>): void {
    if (this.#isClosed) {
      this.#stock.destroy(resource);
      return;
    }
    const waiter = this.#waiting.shift();
    if (waiter) waiter.give(this.#lend(resource, waiter.borrower, waiter.place));
    else this.#stock.put(resource);
  }

  /** Told to the longest waiting, unless enough are coming for all. While closing, nobody wants it. */
  #onCreateFailed(error: unknown): void {
    if (this.#isClosed) return;
    const waiter = this.#waiting.size > this.#stock.coming ? this.#waiting.shift() : null;
    if (waiter) waiter.refuse(createError(this.name, error));
    else this.#onFailure({ pool: this.name, phase: 'create', error });
  }

  #onFailure(failure: PoolFailure): void {
    const kept = this.#failuresWhileClosing;
    if (kept && kept.length < FAILURES_KEPT) kept.push(failure);
    this.#notices.tellFailure(failure);
  }

  #onPlaceFree(): void {
    this.#serve();
    if (this.#isClosed && this.size === 0) this.#onEmpty?.();
  }

  #ownBy(owner: Owner): Owned {
    if (!(owner instanceof Scope)) return owner.defer(this.name, () => this.#release(CLOSE_TIMEOUT_MS));
    return owner.hold(this.name, this, (_, { deadlineAt }) => this.#release(deadlineAt - monotonicMs()));
  }

  async #release(timeoutMs: number): Promise<void> {
    const waitMs = Math.max(timeoutMs - Math.min(MARGIN_MS, timeoutMs * MARGIN_SHARE), 0);
    const { remaining, holders } = await this.close({ timeoutMs: waitMs });
    if (remaining > 0) throw stuckError(this.name, remaining, holders);
  }

  async #close(timeoutMs: number): Promise<PoolCloseReport> {
    const startedAt = monotonicMs();
    const { destroyed, failed } = this.#stock;
    const failures: PoolFailure[] = [];
    this.#failuresWhileClosing = failures;
    this.#isClosed = true;
    for (let waiter = this.#waiting.shift(); waiter; waiter = this.#waiting.shift()) {
      waiter.refuse(closedError(this.name));
    }
    this.#stock.stop();
    this.#stock.abortCreations(closedError(this.name));
    for (const resource of this.#stock.takeAll()) this.#stock.destroy(resource);
    if (this.size > 0) {
      const empty = new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
      await settleBy(empty, startedAt + timeoutMs);
    }
    this.#leases.stop();
    this.#onEmpty = null;
    this.#failuresWhileClosing = null;
    this.#owned?.detach();
    return this.#closeReport(startedAt, destroyed, failed, failures);
  }

  #closeReport(
    startedAt: number,
    destroyedBefore: number,
    failedBefore: number,
    failures: PoolFailure[],
  ): PoolCloseReport {
    const destroyed = this.#stock.destroyed - destroyedBefore;
    const failed = this.#stock.failed - failedBefore;
    const remaining = this.size;
    return {
      status: remaining > 0 ? 'timeout' : failed > 0 ? 'failed' : 'completed',
      initial: destroyed + failed + remaining,
      destroyed,
      failed,
      remaining,
      durationMs: monotonicMs() - startedAt,
      failures,
      holders: this.holders(),
    };
  }
}
