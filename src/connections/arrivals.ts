import { Deadline, type DeadlineClock, WatertightError } from '../core/index.js';

/** Someone who waits for a user's connection. */
class Waiter<T> extends Deadline {
  readonly #settle: (waiter: Waiter<T>, arrived: T | null, error: unknown) => void;
  readonly userId: string;
  readonly signal: AbortSignal | undefined;
  readonly onAbort = () => this.#settle(this, null, this.signal?.reason);

  constructor(
    userId: string,
    signal: AbortSignal | undefined,
    settle: (waiter: Waiter<T>, arrived: T | null, error: unknown) => void,
  ) {
    super();
    this.userId = userId;
    this.signal = signal;
    this.#settle = settle;
  }

  settle(arrived: T | null, error: unknown): void {
    this.#settle(this, arrived, error);
  }

  onDeadline(): void {
    this.#settle(this, null, undefined);
  }
}

/** Those who wait for a user to connect, by user; nobody polls. */
export class Arrivals<T> {
  readonly #clock: DeadlineClock;
  readonly #limit: number;
  readonly #waiters = new Map<string, Set<Waiter<T>>>();
  #size = 0;

  constructor(clock: DeadlineClock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** Users who are waited for. */
  get users(): number {
    return this.#waiters.size;
  }

  wait(userId: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#size >= this.#limit) {
      return Promise.reject(
        new WatertightError(
          'WT_CONNECTIONS_TOO_MANY_WAITERS',
          `Cannot wait for a connection of user ${userId} as ${this.#limit} others wait already`,
          { hint: 'wait shorter, or raise `limit`', details: { userId, limit: this.#limit } },
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const waiter = new Waiter<T>(userId, signal, (self, arrived, error) => {
        this.#remove(self);
        if (arrived !== null) resolve(arrived);
        else reject(error ?? timedOut(userId, timeoutMs));
      });
      this.#add(waiter, timeoutMs);
    });
  }

  /** Wakes everyone who waits for this user, first come first. */
  arrived(userId: string, connection: T): void {
    for (const waiter of [...(this.#waiters.get(userId) ?? [])]) waiter.settle(connection, undefined);
  }

  refuseAll(error: Error): void {
    for (const waiters of [...this.#waiters.values()]) for (const waiter of [...waiters]) waiter.settle(null, error);
  }

  #add(waiter: Waiter<T>, timeoutMs: number): void {
    let waiters = this.#waiters.get(waiter.userId);
    if (waiters === undefined) {
      waiters = new Set();
      this.#waiters.set(waiter.userId, waiters);
    }
    waiters.add(waiter);
    this.#size++;
    const now = performance.now();
    waiter.deadlineAt = now + timeoutMs;
    this.#clock.add(waiter, now);
    waiter.signal?.addEventListener('abort', waiter.onAbort, { once: true });
  }

  #remove(waiter: Waiter<T>): void {
    const waiters = this.#waiters.get(waiter.userId);
    if (!waiters?.delete(waiter)) return;
    if (waiters.size === 0) this.#waiters.delete(waiter.userId);
    this.#size--;
    this.#clock.remove(waiter);
    waiter.signal?.removeEventListener('abort', waiter.onAbort);
  }
}

function timedOut(userId: string, timeoutMs: number): WatertightError {
  return new WatertightError(
    'WT_CONNECTIONS_WAIT_TIMEOUT',
    `Cannot give a connection of user ${userId} as none came within ${timeoutMs} ms`,
    { hint: 'send() keeps the message until the user comes', details: { userId, timeoutMs } },
  );
}
