import { type Delivery, insertInOrder, type Message } from './delivery.js';

/** Timer periods in one time to live: a stale message stays at most an eighth too long. */
const SWEEPS_PER_TTL = 8;

export interface RecoveryLimits {
  /** Messages kept for one user; the oldest goes first. */
  readonly perUser: number;
  /** Users for whom something is kept; who has been away longest goes first. */
  readonly users: number;
  /** Bytes kept for all users, what waits for slow clients included. */
  readonly totalBytes: number;
  /** Longest time that a message is kept, in ms. */
  readonly ttlMs: number;
}

/** A message that could not be delivered, as it is kept until its user comes back. */
export interface KeptMessage {
  readonly message: Message;
  readonly bytes: number;
  /** Why it was not delivered, the last time. */
  readonly reason: string;
  /** When, in ms since 1970. */
  readonly failedAtMs: number;
  /** How often it was tried: 0 when its user was away. */
  readonly attempts: number;
}

export type DropReason = 'overflow' | 'expired' | 'memory' | 'users' | 'slow' | 'unreachable' | 'closed';

/**
 * What could not be delivered, by user and in the order of sending, within four limits. It also keeps the account of bytes
 * for messages that wait at slow connections, as both are memory held for people who do not read.
 */
export class Recovery {
  readonly #limits: RecoveryLimits;
  readonly #onDrop: (reason: DropReason) => void;
  /** Users in the order in which they first missed something. */
  readonly #queues = new Map<string, Delivery[]>();
  #messages = 0;
  #bytes = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(limits: RecoveryLimits, onDrop: (reason: DropReason) => void) {
    this.#limits = limits;
    this.#onDrop = onDrop;
  }

  get users(): number {
    return this.#queues.size;
  }

  get messages(): number {
    return this.#messages;
  }

  /** What is kept and what waits at connections. */
  get bytes(): number {
    return this.#bytes;
  }

  get timers(): number {
    return this.#timer === null ? 0 : 1;
  }

  /** Makes room for a message that is about to wait: what is kept for others goes first. False when there is none. */
  reserve(bytes: number): boolean {
    while (this.#bytes + bytes > this.#limits.totalBytes && this.#queues.size > 0) this.#dropFirst('memory');
    if (this.#bytes + bytes > this.#limits.totalBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  free(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Keeps what was undelivered. False when a limit has no place for it, or it is too old; it is then dropped. */
  keep(delivery: Delivery, reason: string): boolean {
    delivery.reason = reason;
    delivery.failedAtMs = Date.now();
    if (delivery.keptAtMs < 0) delivery.keptAtMs = performance.now();
    else if (this.#isStale(delivery, performance.now())) return this.#refuse('expired');
    if (this.#limits.perUser === 0) return this.#refuse('overflow');
    if (!this.reserve(delivery.bytes)) return this.#refuse('memory');
    delivery.own();
    insertInOrder(this.#queueOf(delivery.userId), delivery);
    this.#messages++;
    this.#timer ??= setInterval(() => this.#sweep(), Math.max(this.#limits.ttlMs / SWEEPS_PER_TTL, 1)).unref();
    const queue = this.#queues.get(delivery.userId)!;
    if (queue.length <= this.#limits.perUser) return true;
    return this.#dropOldest(delivery.userId, queue, 'overflow') !== delivery;
  }

  /** Hands over what is kept for a user, oldest first. Its bytes stay in the account: the taker frees them. */
  take(userId: string): Delivery[] {
    const queue = this.#queues.get(userId);
    if (queue === undefined) return [];
    this.#queues.delete(userId);
    this.#messages -= queue.length;
    const now = performance.now();
    const fresh = queue.filter((delivery) => !this.#isStale(delivery, now) || this.#forget(delivery, 'expired'));
    this.#restIfEmpty();
    return fresh;
  }

  /** What is kept for a user, oldest first. */
  list(userId: string): KeptMessage[] {
    return (this.#queues.get(userId) ?? []).map(({ message, bytes, reason, failedAtMs, attempts }) => {
      return { message, bytes, reason, failedAtMs, attempts };
    });
  }

  clear(reason: DropReason): void {
    while (this.#queues.size > 0) this.#dropFirst(reason);
  }

  #queueOf(userId: string): Delivery[] {
    let queue = this.#queues.get(userId);
    if (queue === undefined) {
      if (this.#queues.size >= this.#limits.users) this.#dropUser(this.#queues.keys().next().value as string);
      queue = [];
      this.#queues.set(userId, queue);
    }
    return queue;
  }

  #isStale(delivery: Delivery, now: number): boolean {
    return now - delivery.keptAtMs >= this.#limits.ttlMs;
  }

  #refuse(reason: DropReason): false {
    this.#onDrop(reason);
    return false;
  }

  /** The account of one that has left its queue. */
  #forget(delivery: Delivery, reason: DropReason): false {
    this.#bytes -= delivery.bytes;
    return this.#refuse(reason);
  }

  #dropOldest(userId: string, queue: Delivery[], reason: DropReason): Delivery {
    const oldest = queue.shift()!;
    this.#messages--;
    this.#forget(oldest, reason);
    if (queue.length === 0) this.#queues.delete(userId);
    this.#restIfEmpty();
    return oldest;
  }

  #dropFirst(reason: DropReason): void {
    for (const [userId, queue] of this.#queues) {
      this.#dropOldest(userId, queue, reason);
      return;
    }
  }

  #dropUser(userId: string): void {
    const queue = this.#queues.get(userId)!;
    while (queue.length > 0) this.#dropOldest(userId, queue, 'users');
  }

  /** Each queue is nearly in the order of `keptAtMs`; one that is not is looked through, as it is short. */
  #sweep(): void {
    const now = performance.now();
    for (const [userId, queue] of this.#queues) {
      const fresh = queue.filter((delivery) => !this.#isStale(delivery, now) || this.#forget(delivery, 'expired'));
      this.#messages -= queue.length - fresh.length;
      if (fresh.length === 0) this.#queues.delete(userId);
      else if (fresh.length < queue.length) this.#queues.set(userId, fresh);
    }
    this.#restIfEmpty();
  }

  #restIfEmpty(): void {
    if (this.#queues.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
