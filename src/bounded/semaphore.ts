import diagnostics from 'node:diagnostics_channel';
import { CallPlace, checkOptionNames, checkSignal, kindOf, WatertightError } from '../core/index.js';
import { closedError } from './closed-error.js';
import { Loan, Permit } from './permit.js';
import { plainName } from './plain-name.js';
import { WaitingLine } from './waiting-line.js';
import { wholeNumber, wholeOrInfinite } from './whole-number.js';

/** Places that are kept of a semaphore with `sites: 'sampled'`: the first ones, and one in as many from then on. */
const FIRST_PLACES = 16;
const ONE_PLACE_IN = 128;

export interface SemaphoreOptions {
  /** For messages. Default `semaphore`. */
  readonly name?: string;
  /** Most that wait; who comes then gets `WT_BOUNDED_FULL`. No limit by default. */
  readonly waitingLimit?: number;
  /** How often the line that acquires is kept, for permits that are forgotten (2.7 µs). Default `sampled`: 1 in 128. */
  readonly sites?: 'off' | 'sampled' | 'always';
}

const channel = diagnostics.channel('watertight:permit-forgotten');

/**
 * Lets at most `permits` in at once; the others wait, first come first served. A permit that is collected without having
 * been released comes back by itself some time after a garbage collection, and is reported while the semaphore is open: on the
 * channel `watertight:permit-forgotten` as `{ name, acquiredAt }`, the first one of each also as a warning of the process.
 *
 * Everyone who waits is settled: admitted, cancelled by their signal, or by `close()`. Owned by whoever made it.
 *
 * Cost: `run` 0.1 µs where nobody waits; `acquire` and `release` 0.5 µs, most of it so that it can be forgotten.
 *
 * @example
 * const semaphore = new Semaphore(2, { name: 'exports' });
 * const permit = await semaphore.acquire();
 * permit.release();
 * console.log(await semaphore.run(async () => 'done'), semaphore.free); // done 2
 */
export class Semaphore implements Disposable {
  readonly name: string;
  /** How many may be in. */
  readonly permits: number;
  readonly #waitingLimit: number;
  readonly #sites: 'off' | 'sampled' | 'always';
  readonly #line = new WaitingLine<undefined, void>();
  #free: number;
  #acquired = 0;
  #forgotten = 0;
  #isClosed = false;

  /**
   * @param permits from 1
   * @throws TypeError, RangeError
   */
  constructor(permits: number, options: SemaphoreOptions = {}) {
    checkOptionNames('Semaphore', options, ['name', 'waitingLimit', 'sites']);
    const { name = 'semaphore', waitingLimit = Number.POSITIVE_INFINITY, sites = 'sampled' } = options;
    this.permits = wholeNumber('permits', permits);
    this.#free = this.permits;
    this.#waitingLimit = wholeOrInfinite('waitingLimit', waitingLimit);
    if (sites !== 'off' && sites !== 'sampled' && sites !== 'always') {
      throw new RangeError(`sites must be off, sampled, always, got ${kindOf(sites)}`);
    }
    this.#sites = sites;
    this.name = plainName('Semaphore', name);
  }

  /** Permits that nobody has. */
  get free(): number {
    return this.#free;
  }

  get waiting(): number {
    return this.#line.size;
  }

  /** Permits that were collected without having been released. */
  get forgotten(): number {
    return this.#forgotten;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Waits for a permit. Rejects with the signal's reason when that aborts first, and then takes none.
   * @throws WatertightError WT_BOUNDED_CLOSED; WT_BOUNDED_FULL when too many wait; TypeError when it is no signal
   */
  async acquire(signal?: AbortSignal): Promise<Permit> {
    if (signal !== undefined) checkSignal('acquire()', signal);
    const place = this.#samplePlace();
    const entry = this.#enter(signal);
    if (entry) await entry;
    return this.#lend(place);
  }

  /** A permit if one is free now, else null. @throws WatertightError WT_BOUNDED_CLOSED */
  tryAcquire(): Permit | null {
    if (this.#isClosed) throw closedError('acquire from', this.name);
    if (this.#free === 0) return null;
    this.#free--;
    return this.#lend(this.#samplePlace());
  }

  /**
   * Runs `task` with a permit, which comes back when it ends, on every path.
   * @throws what `task` throws; TypeError when it is no function; see `acquire`
   */
  async run<T>(task: () => T | PromiseLike<T>, signal?: AbortSignal): Promise<T> {
    if (typeof task !== 'function') throw new TypeError(`run(): task must be a function, got ${kindOf(task)}`);
    if (signal !== undefined) checkSignal('run()', signal);
    const entry = this.#enter(signal);
    if (entry) await entry;
    try {
      return await task();
    } finally {
      this.#leave();
    }
  }

  /** Ends it: those who wait are refused, permits that are out can still be released. Closing again does nothing. */
  close(): void {
    this.#isClosed = true;
    this.#line.refuseAll(() => closedError('acquire from', this.name));
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Takes a permit at once, or gives the promise of one. */
  #enter(signal: AbortSignal | undefined): Promise<void> | null {
    if (this.#isClosed) throw closedError('acquire from', this.name);
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return null;
    }
    if (this.#line.size < this.#waitingLimit) return this.#line.wait(undefined, signal);
    throw new WatertightError(
      'WT_BOUNDED_FULL',
      `Cannot acquire from ${this.name} as ${this.#line.size} wait already`,
      {
        hint: 'come back later, or start less at once',
        details: { permits: this.permits, waiting: this.#line.size },
      },
    );
  }

  /** Permits are free only while nobody waits: one that comes back goes to the first in line. */
  #leave(): void {
    const waiter = this.#line.shift();
    if (waiter) waiter.answer();
    else this.#free++;
  }

  #lend(place: CallPlace | undefined): Permit {
    return new Permit(new Loan(this.#source, place));
  }

  readonly #source = {
    takeBack: (loan: Loan, isForgotten: boolean): void => {
      this.#leave();
      if (isForgotten) this.#report(loan);
    },
  };

  #report({ place }: Loan): void {
    const acquiredAt = place?.text;
    const { name } = this;
    this.#forgotten++;
    if (this.#isClosed) return;
    channel.publish({ name, acquiredAt });
    if (this.#forgotten > 1) return;
    const what = `A permit of ${name} was forgotten: it was never released`;
    process.emitWarning(
      new WatertightError('WT_BOUNDED_PERMIT_FORGOTTEN', acquiredAt ? `${what}; acquired at ${acquiredAt}` : what, {
        hint: 'release it on every path: in a finally block, or by semaphore.run()',
        details: { name, acquiredAt },
      }),
    );
  }

  #samplePlace(): CallPlace | undefined {
    if (this.#sites === 'off') return undefined;
    if (this.#sites === 'sampled' && ++this.#acquired > FIRST_PLACES && this.#acquired % ONE_PLACE_IN > 0)
      return undefined;
    return new CallPlace(this.#samplePlace);
  }
}
