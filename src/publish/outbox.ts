// Events on the disk from the moment they are accepted until the broker has them.
//
// 1. opening: the folder is taken for this process, and what earlier ones left is listed; then it is read in the background.
// 2. intake: events fill a batch, or wait for room (`OutboxIntake`).
// 3. writing: one batch at a time, at the end of the newest segment, synced; then it is accepted.
// 4. feeding: in that order, as far as the delivery has room (`OutboxFeed`): memory is bounded by its limits, and the rest
//    stays on the disk.
// 5. settling: what the broker has, or refuses for good, is acknowledged; acknowledgements are written together, and not synced.
//    A segment whose events are all acknowledged is removed.
// 6. closing: what is on its way to the disk gets there; the rest stays for the next process.
import { builtin, monotonicMs, namesIn, settleBy } from '../core/index.js';
import type { Keeper, Overflow, PublishOutcome } from './delivery.js';
import type { Encoding } from './encoding.js';
import { OutboxFeed, type OutboxTaker } from './outbox-feed.js';
import { removeFile } from './outbox-files.js';
import { type Intent, type OutboxBatch, OutboxIntake } from './outbox-intake.js';
import { takeFolder } from './outbox-lock.js';
import type { OutboxSettings } from './outbox-options.js';
import { HEADER_BYTES, recordEnd } from './outbox-record.js';
import { OutboxSegment, parseSegmentName, segmentPath } from './outbox-segment.js';
import { droppedError, outboxFailedError, outboxFullError, undeliveredError } from './publish-errors.js';

export interface OutboxLimits {
  readonly name: string;
  readonly encoding: Encoding;
  readonly overflow: Overflow;
  readonly maxBufferedEvents: number;
  readonly maxBufferedBytes: number;
  readonly maxWaiting: number;
}

export interface OutboxCounts {
  /** Events whose `publish` resolved. */
  readonly accepted: number;
  /** Refused by the limits, or by the disk. */
  readonly refused: number;
  readonly waiting: number;
  /** Accepted and not acknowledged, those of earlier processes among them. */
  readonly outboxEvents: number;
  /** Of its files of events. */
  readonly outboxBytes: number;
  /** Events that earlier processes had left when it was opened. */
  readonly replayed: number;
  /** Places in its files that could not be read; the files are kept as `.damaged`. */
  readonly outboxDamaged: number;
}

/** After a read that failed. */
const READ_AGAIN_MS = 1_000;
/** At least, for what is on its way to the disk at the close. */
const LAST_WRITE_MS = 40;
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

const ignore = () => {};

export class Outbox implements Keeper {
  readonly #settings: OutboxSettings;
  readonly #limits: OutboxLimits;
  readonly #lock: number;
  readonly #intake: OutboxIntake;
  /** Oldest first; the last one may be the active one. */
  readonly #segments: OutboxSegment[] = [];
  readonly #left: readonly OutboxSegment[];
  #feed: OutboxFeed | undefined;
  #active: OutboxSegment | undefined;
  #nextNumber = 1;
  #nextBase = 0;

  #isRead = false;
  #isStopped = false;
  #isClosed = false;
  #isCommitting = false;
  #isTurning = false;
  #isTidying = false;
  #isDiskFull = false;
  /** Of what goes on by itself: ends when nothing does. */
  readonly #work = new Set<Promise<unknown>>();
  #again: NodeJS.Timeout | undefined;
  #drained: (() => void)[] = [];
  readonly #toTidy = new Set<OutboxSegment>();

  #accepted = 0;
  #refused = 0;
  #bytes = 0;
  #replayed = 0;
  #damaged = 0;
  /** The last thing that the disk did not do. */
  lastError: unknown;

  /** @throws WatertightError WT_PUBLISH_OUTBOX_BUSY, WT_PUBLISH_OUTBOX_FAILED, WT_NATIVE_UNAVAILABLE */
  constructor(settings: OutboxSettings, limits: OutboxLimits) {
    const folder = builtin.path.resolve(settings.folder);
    this.#settings = { ...settings, folder };
    this.#limits = limits;
    this.#lock = takeFolder(folder);
    try {
      this.#left = this.#list();
    } catch (error) {
      this.#unlock();
      throw outboxFailedError(folder, 'what is in it cannot be opened', 'not-sent', error);
    }
    this.#intake = new OutboxIntake({
      maxEvents: limits.maxBufferedEvents,
      maxBytes: limits.maxBufferedBytes,
      maxWaiting: limits.maxWaiting,
      encoding: limits.encoding,
      isSingle: settings.sync === 'each',
      hasDiskRoom: (bytes) => this.#hasDiskRoom(bytes),
      onLate: (intent, isWritten) => this.#late(intent, isWritten),
    });
  }

  /** Begins with what was left. */
  start(taker: OutboxTaker): void {
    this.#feed = new OutboxFeed(this.#segments, taker);
    this.#run(this.#read());
  }

  counts(): OutboxCounts {
    const lost = this.#segments.reduce((sum, segment) => sum + segment.lost, 0);
    return {
      accepted: this.#accepted,
      refused: this.#refused,
      waiting: this.#intake.waiting,
      outboxEvents: this.#live,
      outboxBytes: this.#bytes,
      replayed: this.#replayed,
      outboxDamaged: this.#damaged + lost,
    };
  }

  /** Resolves when it is on the disk. The promise never counts as an unhandled rejection. */
  put(id: string, key: string, body: string | Buffer, bodyBytes: number, timeoutMs: number): Promise<PublishOutcome> {
    const { promise, resolve, reject } = promiseOf();
    const bytes = OutboxIntake.bytesOf(id, key, bodyBytes);
    const intent = { bytes, deadlineAt: monotonicMs() + timeoutMs, resolve, reject };
    if (this.#intake.hasRoom(bytes)) {
      this.#intake.add(intent, id, key, body);
      this.#turn();
    } else if (this.#limits.overflow === 'block' && this.#intake.canWait) {
      this.#intake.wait(intent, id, key, body);
      this.#makeRoom();
    } else {
      this.#refused++;
      this.#makeRoom();
      const { name, overflow } = this.#limits;
      const { folder, maxBytes } = this.#settings;
      if (overflow === 'drop-newest') reject(droppedError(name, overflow, 'not-sent'));
      else reject(outboxFullError(folder, `it has ${this.#bytes} of ${maxBytes} bytes`, bytes));
    }
    return promise;
  }

  onStored(place: number): void {
    if (this.#isClosed) return;
    const segment = this.#segmentOf(place);
    segment.acknowledge(place - segment.base);
    this.#toTidy.add(segment);
    this.#turn();
  }

  onRefused(place: number): void {
    this.onStored(place);
  }

  /** Resolves when all that was accepted is settled, also what was left, and nobody waits for room. */
  drained(): Promise<void> {
    if (this.#isDrained) return Promise.resolve();
    return new Promise((resolve) => {
      this.#drained.push(resolve);
    });
  }

  /**
   * Hands nothing more on, and lets nobody in any more. What is on its way to the disk gets there; then the folder is free.
   * @returns whether it was done in time: if not, the folder stays taken until this process ends
   */
  async close(deadlineAt: number): Promise<boolean> {
    this.#isStopped = true;
    clearTimeout(this.#again);
    const why = 'as there was no room for it before the publisher was closed';
    this.#refused += this.#intake.refuseLine(() =>
      undeliveredError(this.#limits.name, 'not-sent', why, this.lastError),
    );
    const end = await settleBy(this.#finish(), Math.max(deadlineAt, monotonicMs() + LAST_WRITE_MS));
    this.#intake.stop();
    this.#isClosed = true;
    if (end === 'deadline') return false;
    this.#unlock();
    return true;
  }

  /** Before `start`: nothing was done but the opening. */
  release(): void {
    this.#unlock();
  }

  /** Whether all that earlier processes left is known. */
  get isCounted(): boolean {
    return this.#isRead;
  }

  get #live(): number {
    return this.#segments.reduce((sum, { live }) => sum + live, 0);
  }

  get #isDrained(): boolean {
    return this.#isRead && this.#intake.isEmpty && this.#live === 0;
  }

  #unlock(): void {
    builtin.files.closeSync(this.#lock);
  }

  /** What earlier processes left, oldest first. */
  #list(): OutboxSegment[] {
    const { folder } = this.#settings;
    const numbers: number[] = [];
    for (const name of namesIn(folder)) {
      const found = parseSegmentName(name);
      if (!found) continue;
      // A number is used once: the acknowledgements of one that is gone are not those of another.
      this.#nextNumber = Math.max(this.#nextNumber, found.number + 1);
      if (found.kind === 'wto') numbers.push(found.number);
    }
    for (const number of numbers.sort((a, b) => a - b)) {
      const segment = OutboxSegment.old(folder, number, this.#nextBase, this.#limits.encoding);
      this.#nextBase += segment.bytes;
      this.#bytes += segment.bytes;
      this.#segments.push(segment);
    }
    return [...this.#segments];
  }

  async #read(): Promise<void> {
    for (const segment of this.#left) {
      if (this.#isStopped) return;
      try {
        await this.#readOld(segment);
      } catch (error) {
        // Left as it is for another process, on a day when the disk can read it.
        this.#noteFailure('a file of it cannot be read', error);
        this.#damaged++;
        this.#forget(segment);
      }
    }
    await this.#removeOrphans();
    this.#isRead = true;
    this.#turn();
  }

  /** Counts what is in it, and finds where it is damaged. */
  async #readOld(segment: OutboxSegment): Promise<void> {
    await segment.readOldAcks();
    let count = 0;
    for (let offset = HEADER_BYTES; offset < segment.bytes; ) {
      const { records, start, next, damagedBytes, tornBytes } = await segment.read(offset);
      for (let at = 0; at < records.length; at = recordEnd(records, at)) {
        if (!segment.wasAcknowledged(start + at)) count++;
      }
      if (damagedBytes > 0) {
        segment.isDamaged = true;
        this.#damaged++;
      }
      if (tornBytes > 0) {
        this.#bytes -= tornBytes;
        await segment.cutTorn(tornBytes);
        break;
      }
      offset = next;
    }
    segment.live = count;
    segment.unfed = count;
    segment.isCounted = true;
    this.#replayed += count;
    this.#toTidy.add(segment);
  }

  /** Acknowledgements whose segment was removed by a process that was killed right after. */
  async #removeOrphans(): Promise<void> {
    const { folder } = this.#settings;
    for (const name of namesIn(folder)) {
      const found = parseSegmentName(name);
      if (found?.kind !== 'ack' || builtin.files.existsSync(segmentPath(folder, found.number, 'wto'))) continue;
      await removeFile(`${folder}/${name}`).catch(ignore);
    }
  }

  /** Keeps a promise until it settles, for the close; none of them rejects. */
  #run(work: Promise<unknown>): void {
    this.#work.add(work);
    void work.finally(() => this.#work.delete(work));
  }

  /** All of one turn of the loop goes together. */
  #turn(): void {
    if (this.#isTurning) return;
    this.#isTurning = true;
    setImmediate(() => {
      this.#isTurning = false;
      this.#intake.admit();
      this.#run(this.#commit());
      this.#run(this.#handOn());
      this.#run(this.#tidy());
    });
  }

  #hasDiskRoom(bytes: number): boolean {
    const isEmpty = this.#isRead && this.#live === 0 && this.#intake.events === 0;
    return isEmpty || this.#bytes + bytes <= this.#settings.maxBytes;
  }

  async #commit(): Promise<void> {
    if (this.#isCommitting) return;
    this.#isCommitting = true;
    let written = 0;
    for (let batch = this.#intake.next(); batch; batch = this.#intake.next()) {
      await this.#store(batch);
      written++;
    }
    this.#isCommitting = false;
    if (written > 0) this.#turn();
    if (this.#intake.waiting > 0 || this.#isDiskFull) this.#makeRoom();
  }

  async #store(batch: OutboxBatch): Promise<void> {
    const { records, intents } = batch;
    let segment: OutboxSegment | undefined;
    let start: number;
    try {
      segment = await this.#writable();
      start = await segment.append(records, intents.length, this.#settings.sync !== 'os');
    } catch (error) {
      const outcome = (await segment?.cutRest()) === 'not-cut' ? 'unknown' : 'not-sent';
      if (segment?.isSealed) await this.#retire(segment);
      this.#intake.done();
      this.#refused += intents.length;
      const failure = this.#failureOf(error, outcome, batch.bytes);
      for (const { reject } of intents) reject(failure);
      return;
    }
    // Counted once, and before anybody is told.
    this.#bytes += start + records.length - (start === HEADER_BYTES ? 0 : start);
    this.#intake.done();
    this.#accepted += intents.length;
    this.#isDiskFull = false;
    for (const { resolve } of intents) resolve();
    if (this.#isRead && !this.#isStopped) this.#feed?.offer(segment, start, records);
  }

  #failureOf(error: unknown, outcome: 'not-sent' | 'unknown', bytes: number): Error {
    const { folder } = this.#settings;
    this.lastError = error;
    const isFull = NO_ROOM.has(String((error as NodeJS.ErrnoException).code));
    this.#isDiskFull ||= isFull;
    if (isFull && outcome === 'not-sent') return outboxFullError(folder, 'its disk is full', bytes, error);
    return outboxFailedError(folder, 'it cannot be written', outcome, error);
  }

  /** The segment that grows. */
  async #writable(): Promise<OutboxSegment> {
    const active = this.#active;
    if (active && active.bytes < this.#settings.segmentBytes) return active;
    if (active) await this.#retire(active);
    const { folder } = this.#settings;
    const fresh = OutboxSegment.fresh(folder, this.#nextNumber++, this.#nextBase, this.#limits.encoding);
    this.#segments.push(fresh);
    this.#active = fresh;
    return fresh;
  }

  /** It grows no more. */
  async #retire(segment: OutboxSegment): Promise<void> {
    if (this.#active === segment) this.#active = undefined;
    this.#nextBase = Math.max(this.#nextBase, segment.base + segment.bytes);
    if (segment.bytes === 0) this.#forget(segment);
    else this.#toTidy.add(segment);
    await segment.seal().catch((error) => this.#noteFailure('a file of it cannot be closed', error));
  }

  #forget(segment: OutboxSegment): void {
    const index = this.#segments.indexOf(segment);
    if (index >= 0) this.#segments.splice(index, 1);
    this.#toTidy.delete(segment);
    this.#bytes -= segment.bytes;
  }

  async #handOn(): Promise<void> {
    if (!this.#isRead || this.#isStopped) return;
    try {
      await this.#feed?.run(() => this.#isStopped);
      if (this.#segments.some(({ lost, live }) => lost > 0 && live === 0)) this.#makeRoom();
    } catch (error) {
      this.#noteFailure('it cannot be read', error);
      clearTimeout(this.#again);
      if (!this.#isStopped) this.#again = setTimeout(() => this.#turn(), READ_AGAIN_MS).unref();
    }
  }

  /** Writes acknowledgements, and removes what is acknowledged as a whole. */
  async #tidy(): Promise<void> {
    if (this.#isTidying) return;
    this.#isTidying = true;
    for (const segment of [...this.#toTidy]) {
      this.#toTidy.delete(segment);
      if (this.#isDone(segment)) await this.#remove(segment);
      else if (segment.hasNewAcks) await this.#writeAcks(segment);
    }
    this.#isTidying = false;
    if (this.#toTidy.size > 0) this.#turn();
    else if (this.#isDrained) for (const resolve of this.#drained.splice(0)) resolve();
  }

  #isDone(segment: OutboxSegment): boolean {
    if (!segment.isCounted || segment.live > 0) return false;
    if (segment !== this.#active) return segment.isSealed;
    if (this.#isCommitting) return false;
    // Of no use, and in the way of what needs its room.
    const { segmentBytes, maxBytes } = this.#settings;
    const isInTheWay = this.#bytes > maxBytes / 2 || this.#intake.waiting > 0 || this.#isDiskFull;
    return segment.bytes >= segmentBytes || isInTheWay || this.#isStopped;
  }

  /** What is delivered takes room as long as its segment is there: the active one, or one that could not be removed. */
  #makeRoom(): void {
    for (const segment of this.#segments) if (segment.live === 0) this.#toTidy.add(segment);
    if (this.#toTidy.size > 0) this.#turn();
  }

  async #remove(segment: OutboxSegment): Promise<void> {
    if (this.#active === segment) this.#active = undefined;
    this.#nextBase = Math.max(this.#nextBase, segment.base + segment.bytes);
    try {
      await segment.remove();
    } catch (error) {
      this.#noteFailure('a file of it cannot be removed', error);
      // So that the next process does not send all of it again.
      if (segment.hasNewAcks) await this.#writeAcks(segment);
      return;
    }
    this.#damaged += segment.lost;
    this.#forget(segment);
    this.#turn();
  }

  /** What fails is written with the next ones; if there are none, its events are sent again by the next process. */
  async #writeAcks(segment: OutboxSegment): Promise<void> {
    await segment.writeAcks().catch((error) => this.#noteFailure('acknowledgements cannot be written', error));
  }

  async #finish(): Promise<void> {
    while (this.#work.size > 0 || !this.#intake.isEmpty) {
      this.#turn();
      await Promise.all([...this.#work, new Promise(setImmediate)]);
    }
    for (const segment of this.#segments) this.#toTidy.add(segment);
    await this.#tidy();
    const active = this.#active;
    if (!active) return;
    if (this.#settings.sync === 'os')
      await active.sync().catch((error) => this.#noteFailure('it cannot be synced', error));
    await active.seal();
  }

  /** By place, of which segments have disjoint, rising ranges. */
  #segmentOf(place: number): OutboxSegment {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#segments[middle] as OutboxSegment).base <= place) low = middle;
      else high = middle - 1;
    }
    return this.#segments[low] as OutboxSegment;
  }

  #late(intent: Intent, isWritten: boolean): void {
    if (!isWritten) this.#refused++;
    const why = isWritten ? 'as its disk did not answer in time' : 'as there was no room for it within its time';
    intent.reject(undeliveredError(this.#limits.name, isWritten ? 'unknown' : 'not-sent', why, this.lastError));
  }

  #noteFailure(why: string, error: unknown): void {
    this.lastError = outboxFailedError(this.#settings.folder, why, 'unknown', error);
  }
}

function promiseOf() {
  let resolve!: (outcome: PublishOutcome) => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<PublishOutcome>((onResolve, onReject) => {
    resolve = onResolve;
    fail = onReject;
  });
  const reject = (error: Error) => {
    promise.catch(ignore);
    fail(error);
  };
  return { promise, resolve: () => resolve('accepted'), reject };
}
