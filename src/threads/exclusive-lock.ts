import { Deadline, DeadlineClock, settleBy, WatertightError } from '../core/index.js';
import { CallChain } from './call-chain.js';

export interface LockOptions {
  readonly name: string;
  readonly timeoutMs: number;
  readonly detectReentry: boolean;
}

/** All locks with `detectReentry`: a call inside A may wait for B, and only a second wait for A would never end. */
const callChain = new CallChain<ExclusiveLock>();
const waitClock = new DeadlineClock({ keepsAlive: false });

class Waiter extends Deadline {
  next: Waiter | null = null;
  previous: Waiter | null = null;

  constructor(
    readonly call: string,
    readonly enter: () => void,
    readonly fail: (error: WatertightError) => void,
    readonly expire: (waiter: Waiter) => void,
  ) {
    super();
  }

  override onDeadline(): void {
    this.expire(this);
  }
}

/** A mutex of one thread: calls enter one at a time, in the order in which they came. */
export class ExclusiveLock {
  readonly #name: string;
  readonly #timeoutMs: number;
  readonly #detectsReentry: boolean;
  #holder: { readonly call: string; readonly since: number } | null = null;
  #first: Waiter | null = null;
  #last: Waiter | null = null;
  #waiting = 0;
  #isClosed = false;
  #onFree: () => void = () => {};

  constructor({ name, timeoutMs, detectReentry }: LockOptions) {
    this.#name = name;
    this.#timeoutMs = timeoutMs;
    this.#detectsReentry = detectReentry;
  }

  get name(): string {
    return this.#name;
  }

  /** The call inside, or null. */
  get holder(): string | null {
    return this.#holder?.call ?? null;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Runs `body` when its turn comes; a free lock is entered before this returns. The lock is left however `body` ends. */
  async run<T>(call: string, body: () => T): Promise<Awaited<T>> {
    if (this.#isClosed) throw this.#closedError(call);
    if (this.#detectsReentry && callChain.isInside(this)) throw this.#deadlockError(call);
    if (this.#holder !== null) await this.#turn(call);
    else this.#holder = { call, since: performance.now() };
    try {
      return await (this.#detectsReentry ? callChain.run(this, body) : body());
    } finally {
      this.#leave();
    }
  }

  /** Refuses new calls and those that wait; the one inside may finish. @returns whether it did by `deadlineAt` */
  async close(deadlineAt: number): Promise<boolean> {
    this.#isClosed = true;
    for (let waiter = this.#first; waiter; waiter = this.#first) {
      this.#remove(waiter);
      waiter.fail(this.#closedError(waiter.call));
    }
    // Closed by the call inside, it would wait for itself.
    if (this.#holder === null || callChain.isInside(this)) return true;
    const free = new Promise<void>((resolve) => {
      const before = this.#onFree;
      this.#onFree = () => {
        before();
        resolve();
      };
    });
    return (await settleBy(free, deadlineAt)) === 'settled';
  }

  #turn(call: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(call, resolve, reject, (late) => this.#expire(late));
      waiter.previous = this.#last;
      if (this.#last) this.#last.next = waiter;
      else this.#first = waiter;
      this.#last = waiter;
      this.#waiting++;
      if (!Number.isFinite(this.#timeoutMs)) return;
      const now = performance.now();
      waiter.deadlineAt = now + this.#timeoutMs;
      waitClock.add(waiter, now);
    });
  }

  /** The lock goes over to the next in line without being free in between: nobody overtakes. */
  #leave(): void {
    const next = this.#first;
    if (next === null) {
      this.#holder = null;
      this.#onFree();
      return;
    }
    this.#remove(next);
    this.#holder = { call: next.call, since: performance.now() };
    next.enter();
  }

  #expire(waiter: Waiter): void {
    this.#remove(waiter);
    const { call, since } = this.#holder!;
    const heldMs = Math.round(performance.now() - since);
    const message = `Cannot enter ${this.#name}.${waiter.call} as ${call} has held it for ${heldMs} ms`;
    waiter.fail(
      new WatertightError('WT_THREADS_LOCK_TIMEOUT', message, {
        hint: `a call that waits for another on the same object waits for ever: if ${call} does, use exclusive.run, or set detectReentry to find it`,
        details: { object: this.#name, call: waiter.call, holder: call, heldMs },
      }),
    );
  }

  #remove(waiter: Waiter): void {
    waitClock.remove(waiter);
    if (waiter.previous) waiter.previous.next = waiter.next;
    else this.#first = waiter.next;
    if (waiter.next) waiter.next.previous = waiter.previous;
    else this.#last = waiter.previous;
    this.#waiting--;
  }

  #closedError(call: string): WatertightError {
    return new WatertightError('WT_THREADS_LOCK_CLOSED', `Cannot enter ${this.#name}.${call} as it is closed`, {
      hint: 'use an exclusive object before its owner closes',
    });
  }

  #deadlockError(call: string): WatertightError {
    const message = `Cannot enter ${this.#name}.${call} from inside ${this.#holder?.call ?? 'a call'} as it would wait for itself`;
    return new WatertightError('WT_THREADS_WOULD_DEADLOCK', message, {
      hint: 'call the object itself there: methods have it as this, exclusive.run passes it to its function',
    });
  }
}
