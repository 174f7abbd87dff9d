// How events get to a broker: bounded, in order, until they are confirmed or their time is up.
//
// 1. intake: an event is encoded and put into the log of its lane, if the limits allow it. Events of one key share a lane.
// 2. sending: each lane has at most one batch on its way, so that what is sent again is never behind what came later.
// 3. settling: stored; or kept at the front of its lane and tried again; or failed for good.
// 4. deadlines: one timer for the earliest of all; what is due fails as not sent, or as unknown if an attempt did not tell.
// 5. closing: nothing new comes in; what waits goes out until four fifths of the time are over; the rest is told what
//    became of it; the connection ends in order, or at once.
import { monotonicMs, settleBy } from '../core/index.js';
import { EventLog, type Waiter } from './event-log.js';
import { Link, pauseMs, type RetryOptions } from './link.js';
import { bufferFullError, closedError, droppedError, type FailedOutcome, undeliveredError } from './publish-errors.js';
import { isFinal, type Outgoing, type SendFailure, type Transport } from './transport.js';

/** What `publish` does when the buffer is full. */
export type Overflow = 'block' | 'drop-oldest' | 'drop-newest' | 'reject';
export const OVERFLOWS: readonly Overflow[] = ['block', 'drop-oldest', 'drop-newest', 'reject'];

/** `stored`: the broker has confirmed it. `accepted`: it is in our buffer, or in the outbox. */
export type PublishOutcome = 'stored' | 'accepted';

/**
 * Who has the events elsewhere until they are settled: an outbox. They have no deadline, and stay through errors that are
 * none of their own (a wrong password, a missing topic) and through the close.
 */
export interface Keeper {
  onStored(place: number): void;
  onRefused(place: number): void;
}

export interface DeliverySettings {
  readonly name: string;
  readonly keeper?: Keeper;
  readonly maxBufferedEvents: number;
  readonly maxBufferedBytes: number;
  readonly maxWaiting: number;
  readonly overflow: Overflow;
  readonly maxBatchEvents: number;
  readonly maxBatchBytes: number;
  readonly lingerMs: number;
  readonly lanes: number;
  readonly publishTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly retry: Required<RetryOptions>;
  /** Nobody waits for the broker: a failure is told here. The body is good during the call. */
  readonly onFailure: (error: Error, id: string, body: Buffer) => void;
}

/** Counts since the beginning; each accepted event is in exactly one of confirmed, notSent, unknown, dropped or buffered. */
export interface DeliveryCounts {
  readonly accepted: number;
  readonly confirmed: number;
  /** Failed, and surely not at the broker. */
  readonly notSent: number;
  /** Failed, and perhaps at the broker. */
  readonly unknown: number;
  /** By overflow `drop-oldest`. */
  readonly dropped: number;
  /** Refused by the limits before they were accepted. */
  readonly refused: number;
  readonly buffered: number;
  readonly bufferedBytes: number;
  /** Of the buffered: sent, and not confirmed yet. */
  readonly inFlight: number;
  /** Publishers that wait for room. */
  readonly waiting: number;
  /** Events that were sent again. */
  readonly redelivered: number;
}

interface Blocked {
  readonly id: string;
  readonly key: string;
  readonly body: string | Buffer;
  readonly bytes: number;
  readonly deadlineAt: number;
  readonly isAwaited: boolean;
  readonly waiter: Waiter;
}

interface Lane {
  readonly log: EventLog;
  /** Entries at the front that are on their way; 0 while nothing is. */
  inFlight: number;
  attempts: number;
  /** Not before; `performance.now()`. */
  pausedUntil: number;
  timer: NodeJS.Timeout | undefined;
  readonly send: () => void;
}

/** Of the time to close, what is for the events; the rest is for the connection. */
const DRAIN_SHARE = 0.8;

const ignore = () => {};

export class Delivery {
  readonly link: Link;
  /** Why the broker did not take the last batch; undefined since it took one, or could not be reached. */
  #lastRefusal: unknown;
  readonly #transport: Transport;
  readonly #settings: DeliverySettings;
  readonly #lanes: Lane[];
  #blocked: Blocked[] = [];
  #isScheduled = false;
  #alarm: NodeJS.Timeout | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;
  #drained: (() => void)[] = [];
  #connectWaits: Waiter[] = [];
  #isClosed = false;

  #accepted = 0;
  #confirmed = 0;
  #notSent = 0;
  #unknown = 0;
  #dropped = 0;
  #refused = 0;
  #buffered = 0;
  #bufferedBytes = 0;
  #redelivered = 0;

  constructor(transport: Transport, settings: DeliverySettings) {
    this.#transport = transport;
    this.#settings = settings;
    this.#lanes = Array.from({ length: settings.lanes }, () => this.#newLane());
    this.link = new Link(transport, settings.retry, settings.connectTimeoutMs, {
      onUp: () => {
        for (const { resolve } of this.#connectWaits.splice(0)) resolve(undefined);
        for (const lane of this.#lanes) lane.pausedUntil = 0;
        this.#sendAll();
      },
      onDown: () => this.#restIfEmpty(),
      onFailedAttempt: (error, final) => this.#couldNotConnect(error, final),
    });
  }

  /** Why the broker took nothing last, or why the last connection ended. */
  get lastError(): unknown {
    return this.#lastRefusal ?? this.link.lastError;
  }

  counts(): DeliveryCounts {
    return {
      accepted: this.#accepted,
      confirmed: this.#confirmed,
      notSent: this.#notSent,
      unknown: this.#unknown,
      dropped: this.#dropped,
      refused: this.#refused,
      buffered: this.#buffered,
      bufferedBytes: this.#bufferedBytes,
      inFlight: this.#lanes.reduce((sum, { inFlight }) => sum + inFlight, 0),
      waiting: this.#blocked.length,
      redelivered: this.#redelivered,
    };
  }

  /** Whether one more event of so many bytes fits. One always fits into an empty buffer. */
  hasRoom(bytes: number): boolean {
    if (this.#buffered === 0) return true;
    const { maxBufferedEvents, maxBufferedBytes } = this.#settings;
    return this.#buffered < maxBufferedEvents && this.#bufferedBytes + bytes <= maxBufferedBytes;
  }

  /**
   * @param isAwaited whether the promise is that of the broker's confirmation; else it is that of being accepted
   * @returns a promise that never counts as an unhandled rejection
   */
  publish(
    id: string,
    key: string,
    body: string | Buffer,
    bytes: number,
    timeoutMs: number,
    isAwaited: boolean,
  ): Promise<PublishOutcome> {
    const deadlineAt = monotonicMs() + timeoutMs;
    if (this.#blocked.length > 0 || !this.hasRoom(bytes)) {
      const { overflow, name, maxBufferedEvents, maxBufferedBytes, maxWaiting } = this.#settings;
      if (overflow === 'drop-oldest') this.#makeRoom(bytes);
      else if (overflow === 'block' && this.#blocked.length < maxWaiting) {
        return this.#block({ id, key, body, bytes, deadlineAt, isAwaited });
      } else {
        this.#refused++;
        if (overflow === 'drop-newest') return rejected(droppedError(name, overflow, 'not-sent'));
        return rejected(bufferFullError(name, { events: maxBufferedEvents, bytes: maxBufferedBytes }));
      }
      if (!this.hasRoom(bytes)) {
        this.#refused++;
        return rejected(bufferFullError(name, { events: maxBufferedEvents, bytes: maxBufferedBytes }));
      }
    }
    if (!isAwaited) {
      this.#accept(this.#accepted, id, key, body, bytes, deadlineAt);
      return ACCEPTED;
    }
    const waiter = newWaiter();
    this.#accept(this.#accepted, id, key, body, bytes, deadlineAt, waiter);
    return waiter.promise;
  }

  /** An event that the keeper has, when there is room. @param isRedelivery an earlier process may have sent it */
  take(place: number, id: string, key: string, body: Buffer, isRedelivery: boolean): void {
    this.#accept(place, id, key, body, body.length, Number.POSITIVE_INFINITY);
    if (isRedelivery) this.#laneOf(key).log.markLastRetried();
  }

  /** Connects, if there is no connection. Rejects with the first failure. */
  connect(): Promise<void> {
    if (this.link.isUp) return Promise.resolve();
    const waiter = newWaiter();
    this.#connectWaits.push(waiter);
    this.link.want();
    return waiter.promise as Promise<never>;
  }

  /** Resolves when nothing is buffered and nobody waits for room. */
  drained(): Promise<void> {
    if (this.#buffered === 0 && this.#blocked.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained.push(resolve);
    });
  }

  /**
   * The caller takes nothing new from now on. Resolves by `deadlineAt`; `isHung`: the connection did not end in order.
   * @param drained what is waited for before that
   */
  async close(deadlineAt: number, drained = this.drained()): Promise<{ remaining: number; isHung: boolean }> {
    const now = monotonicMs();
    this.#sendAll();
    await settleBy(drained, now + (deadlineAt - now) * DRAIN_SHARE);
    this.#isClosed = true;
    const before = this.#notSent + this.#unknown;
    this.#failAll('before the publisher was closed', this.#whyNothingLeaves);
    const remaining = this.#notSent + this.#unknown - before;
    const end = await settleBy(this.link.disconnect(), deadlineAt);
    this.link.destroy();
    clearTimeout(this.#alarm);
    for (const lane of this.#lanes) clearTimeout(lane.timer);
    for (const waiter of this.#connectWaits.splice(0)) reject(waiter, closedError(this.#settings.name));
    return { remaining, isHung: end === 'deadline' };
  }

  get #whyNothingLeaves(): unknown {
    return this.#transport.heldBack ?? this.lastError;
  }

  #newLane(): Lane {
    const lane: Lane = {
      log: new EventLog(monotonicMs()),
      inFlight: 0,
      attempts: 0,
      pausedUntil: 0,
      timer: undefined,
      send: () => this.#send(lane),
    };
    return lane;
  }

  #laneOf(key: string): Lane {
    if (this.#lanes.length === 1) return this.#lanes[0] as Lane;
    // FNV-1a over the key's 16-bit units.
    let hash = 0x811c9dc5;
    for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
    return this.#lanes[(hash >>> 0) % this.#lanes.length] as Lane;
  }

  #accept(
    order: number,
    id: string,
    key: string,
    body: string | Buffer,
    bytes: number,
    deadlineAt: number,
    waiter?: Waiter,
  ): void {
    this.#laneOf(key).log.push(order, id, key, body, bytes, deadlineAt, waiter);
    this.#accepted++;
    this.#buffered++;
    this.#bufferedBytes += bytes;
    if (deadlineAt < this.#alarmAt) this.#arm(deadlineAt);
    this.#schedule();
  }

  #block(event: Omit<Blocked, 'waiter'>): Promise<PublishOutcome> {
    const waiter = newWaiter();
    // Encoded bytes are good until the next call only.
    const body = typeof event.body === 'string' ? event.body : Buffer.from(event.body);
    this.#blocked.push({ ...event, body, waiter });
    if (event.deadlineAt < this.#alarmAt) this.#arm(event.deadlineAt);
    this.link.want();
    return waiter.promise;
  }

  /** Drops what waits longest until so many bytes fit; what is on its way cannot be dropped. */
  #makeRoom(bytes: number): void {
    const { name, overflow } = this.#settings;
    while (!this.hasRoom(bytes)) {
      let oldest: Lane | undefined;
      for (const lane of this.#lanes) {
        lane.log.closeGaps(lane.inFlight);
        if (lane.log.count === lane.inFlight) continue;
        const age = (at: Lane) => this.#accepted - at.log.orderAt(at.inFlight);
        if (oldest === undefined || age(lane) > age(oldest)) oldest = lane;
      }
      if (!oldest) return;
      const outcome = oldest.log.mayBeStored(oldest.inFlight) ? 'unknown' : 'not-sent';
      this.#dropped++;
      this.#settleFailed(oldest, oldest.inFlight, droppedError(name, overflow, outcome));
      if (oldest.inFlight === 0) oldest.log.passGaps();
    }
  }

  /** All that is published in one turn of the loop goes together. */
  #schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    const { lingerMs } = this.#settings;
    if (lingerMs === 0) setImmediate(this.#onSchedule);
    else setTimeout(this.#onSchedule, lingerMs);
  }

  readonly #onSchedule = () => {
    this.#isScheduled = false;
    this.#sendAll();
  };

  #sendAll(): void {
    for (const lane of this.#lanes) this.#send(lane);
  }

  #send(lane: Lane): void {
    const { log } = lane;
    if (lane.inFlight > 0) return;
    log.closeGaps();
    if (log.count === 0 || monotonicMs() < lane.pausedUntil) return;
    if (!this.link.isUp) {
      this.link.want();
      return;
    }
    if (this.#transport.heldBack !== undefined) {
      this.#pause(lane);
      return;
    }
    const batch = this.#batchOf(log);
    lane.inFlight = batch.length;
    let isAnswered = false;
    const answer = (failures: readonly (SendFailure | undefined)[] | undefined, error?: unknown) => {
      if (isAnswered) return;
      isAnswered = true;
      clearTimeout(timer);
      this.#answered(lane, batch, failures, error);
    };
    const onTimeout = () => {
      if (this.#transport.heldBack !== undefined) {
        timer.refresh();
        return;
      }
      const error = new Error(`no answer within ${this.#settings.requestTimeoutMs} ms`);
      // Before anything is sent again: what is late must not overtake it.
      this.link.fail(error);
      // What the transport knows of some of them comes first.
      setImmediate(answer, undefined, error);
    };
    const timer = setTimeout(onTimeout, this.#settings.requestTimeoutMs);
    this.#transport.send(batch).then(
      (failures) => answer(failures ?? NO_FAILURES),
      (error) => answer(undefined, error),
    );
  }

  #batchOf(log: EventLog): Outgoing[] {
    const { maxBatchEvents, maxBatchBytes } = this.#settings;
    const batch: Outgoing[] = [];
    const most = Math.min(log.count, maxBatchEvents);
    let bytes = 0;
    for (let index = 0; index < most; index++) {
      bytes += log.bytesAt(index);
      if (index > 0 && bytes > maxBatchBytes) break;
      batch.push(log.outgoing(index));
    }
    return batch;
  }

  /** @param failures undefined when nothing is known of any of them */
  #answered(
    lane: Lane,
    batch: readonly Outgoing[],
    failures: readonly (SendFailure | undefined)[] | undefined,
    error: unknown,
  ): void {
    const { log } = lane;
    const whole = failures === undefined ? wholeFailure(error) : undefined;
    let retried = 0;
    for (let index = 0; index < batch.length; index++) {
      if (log.isSettled(index)) continue;
      const failure = whole ?? failures?.[index];
      if (!failure) this.#settleStored(lane, index);
      else if (failure.canRetry || (this.#settings.keeper && isFinal(failure.error))) {
        log.noteAttempt(index, failure.outcome === 'unknown');
        if (failure.outcome === 'not-sent') this.#lastRefusal = failure.error;
        retried++;
      } else this.#failWith(lane, index, failure.outcome, 'as it was refused', failure.error);
    }
    lane.inFlight = 0;
    log.passGaps();
    this.#redelivered += retried;
    if (retried > 0) this.#pause(lane);
    else {
      lane.attempts = 0;
      this.#lastRefusal = undefined;
    }
    if (log.count > 0 && retried === 0) this.#schedule();
  }

  #pause(lane: Lane): void {
    if (this.#isClosed) return;
    const ms = pauseMs(lane.attempts++, this.#settings.retry);
    lane.pausedUntil = monotonicMs() + ms;
    clearTimeout(lane.timer);
    lane.timer = setTimeout(lane.send, Math.ceil(ms) + 1);
  }

  #settleStored(lane: Lane, index: number): void {
    this.#confirmed++;
    const place = lane.log.orderAt(index);
    this.#release(lane, index)?.resolve('stored');
    this.#settings.keeper?.onStored(place);
  }

  #failWith(lane: Lane, index: number, outcome: FailedOutcome, why: string, cause: unknown): void {
    const isUnknown = outcome === 'unknown' || lane.log.mayBeStored(index);
    if (isUnknown) this.#unknown++;
    else this.#notSent++;
    // What a caller can act on by itself keeps its own code.
    const error =
      !isUnknown && isFinal(cause)
        ? (cause as Error)
        : undeliveredError(this.#settings.name, isUnknown ? 'unknown' : 'not-sent', why, cause);
    this.#settleFailed(lane, index, error);
  }

  #settleFailed(lane: Lane, index: number, error: Error): void {
    const { keeper, onFailure } = this.#settings;
    const event = lane.log.isAwaited(index) ? undefined : lane.log.outgoing(index);
    const place = lane.log.orderAt(index);
    const waiter = this.#release(lane, index);
    if (waiter) reject(waiter, error);
    else if (event) onFailure(error, event.id, event.body);
    keeper?.onRefused(place);
  }

  #release(lane: Lane, index: number): Waiter | undefined {
    this.#buffered--;
    this.#bufferedBytes -= lane.log.bytesAt(index);
    const waiter = lane.log.settle(index);
    if (this.#blocked.length > 0) this.#admit();
    else if (this.#buffered === 0) this.#onEmpty();
    return waiter;
  }

  #onEmpty(): void {
    for (const resolve of this.#drained.splice(0)) resolve();
    this.#restIfEmpty();
  }

  #restIfEmpty(): void {
    if (this.#buffered + this.#blocked.length + this.#connectWaits.length === 0) this.link.rest();
  }

  /** Lets in who waits longest, in order. */
  #admit(): void {
    let admitted = 0;
    for (const { id, key, body, bytes, deadlineAt, isAwaited, waiter } of this.#blocked) {
      if (!this.hasRoom(bytes)) break;
      admitted++;
      this.#accept(this.#accepted, id, key, body, bytes, deadlineAt, isAwaited ? waiter : undefined);
      if (!isAwaited) waiter.resolve('accepted');
    }
    if (admitted > 0) this.#blocked.splice(0, admitted);
  }

  #arm(at: number): void {
    clearTimeout(this.#alarm);
    this.#alarmAt = at;
    // What is on its way keeps the process alive by its connection, or by the next attempt.
    this.#alarm = setTimeout(() => this.#expire(), Math.min(Math.max(at - monotonicMs(), 1), 2 ** 31 - 1)).unref();
  }

  #expire(): void {
    const now = monotonicMs();
    let soonest = Number.POSITIVE_INFINITY;
    const why = 'within its time';
    const cause = this.#whyNothingLeaves;
    for (const lane of this.#lanes) {
      for (let index = 0; index < lane.log.count; index++) {
        if (lane.log.isSettled(index)) continue;
        const deadlineAt = lane.log.deadlineAt(index);
        if (deadlineAt > now) soonest = Math.min(soonest, deadlineAt);
        else this.#failWith(lane, index, index < lane.inFlight ? 'unknown' : 'not-sent', why, cause);
      }
      lane.log.closeGaps(lane.inFlight);
    }
    const late = this.#blocked.filter(({ deadlineAt }) => deadlineAt <= now);
    this.#blocked = this.#blocked.filter(({ deadlineAt }) => deadlineAt > now);
    for (const { waiter } of late) this.#refuse(waiter, 'as there was no room for it within its time');
    for (const { deadlineAt } of this.#blocked) soonest = Math.min(soonest, deadlineAt);
    this.#alarmAt = Number.POSITIVE_INFINITY;
    if (soonest < Number.POSITIVE_INFINITY) this.#arm(soonest);
  }

  #refuse(waiter: Waiter, why: string): void {
    this.#refused++;
    reject(waiter, undeliveredError(this.#settings.name, 'not-sent', why, this.#whyNothingLeaves));
    if (this.#buffered === 0 && this.#blocked.length === 0) this.#onEmpty();
  }

  /** @param isFinalError no other attempt would do better */
  #couldNotConnect(error: unknown, isFinalError: boolean): void {
    this.#lastRefusal = undefined;
    for (const waiter of this.#connectWaits.splice(0)) reject(waiter, error);
    const { connects, waitedMs } = this.link;
    // One that was never there is likelier a wrong place than an outage: who waits is told early.
    const isHopeless = connects === 0 && waitedMs >= this.#settings.connectTimeoutMs;
    if (isFinalError && connects === 0) this.#failAll('as it could not be reached', error);
    else if (isHopeless) this.#failAll('as it could not be reached', error, (lane, index) => lane.log.isAwaited(index));
    this.#restIfEmpty();
  }

  #failAll(why: string, cause: unknown, which: (lane: Lane, index: number) => boolean = () => true): void {
    const blocked = this.#blocked.splice(0);
    for (const { waiter } of blocked) this.#refuse(waiter, why);
    if (this.#settings.keeper) return;
    for (const lane of this.#lanes) {
      for (let index = 0; index < lane.log.count; index++) {
        if (lane.log.isSettled(index) || !which(lane, index)) continue;
        this.#failWith(lane, index, index < lane.inFlight ? 'unknown' : 'not-sent', why, cause);
      }
      lane.log.closeGaps(lane.inFlight);
    }
  }
}

const NO_FAILURES: readonly undefined[] = [];

/** Of a batch whose sending was rejected: everything may be there, unless the error says otherwise. */
function wholeFailure(error: unknown): SendFailure {
  const outcome = (error as { details?: { outcome?: FailedOutcome } } | null)?.details?.outcome ?? 'unknown';
  return { error, outcome, canRetry: !isFinal(error) };
}

function newWaiter(): Waiter & { promise: Promise<PublishOutcome> } {
  let resolve!: Waiter['resolve'];
  const promise = new Promise<PublishOutcome>((settle) => {
    resolve = settle as Waiter['resolve'];
  });
  return { promise, resolve };
}

/** Whoever does not look at it is not told by the end of the process: the counts have it. */
function reject({ promise, resolve }: Waiter, error: unknown): void {
  promise.catch(ignore);
  resolve(Promise.reject(error));
}

function rejected(error: Error): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(ignore);
  return promise;
}

const ACCEPTED: Promise<PublishOutcome> = Promise.resolve('accepted');
