import type { Owner } from '../core/index.js';
import type { DeliveryCounts, PublishOutcome } from './delivery.js';
import type { EventInput } from './event.js';
import type { LinkState } from './link.js';
import type { OutboxOptions } from './outbox-options.js';

export interface PublishOptions {
  /** When it fails if the broker has not confirmed it, in ms from the call. Default: the publisher's `publishTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Events of one key stay in order, and go to one partition. At most 255 bytes. Default: the event's `runId`. */
  readonly key?: string;
}

export interface FlushOptions {
  /** When waiting ends, in ms. Default 30,000. */
  readonly timeoutMs?: number;
}

export interface CloseOptions {
  /** When it is over, delivered or not, in ms from the call. Default 10,000. */
  readonly timeoutMs?: number;
}

/** What became of what a publisher accepted. */
export interface PublisherCloseReport {
  /** `timeout`: not all was confirmed, or the connection did not end, before the time was up. */
  readonly status: 'completed' | 'timeout';
  readonly accepted: number;
  readonly confirmed: number;
  /** By overflow `drop-oldest`, since the beginning. */
  readonly dropped: number;
  /** Failed before the close: not sent, refused, or never confirmed. */
  readonly failed: number;
  /**
   * Not confirmed when the time was up; with an outbox they are in it, and are sent by the next publisher that opens it (at
   * least so many, if it was closed before what earlier processes left was read: 0.5 s for 256 MiB).
   */
  readonly remaining: number;
  readonly durationMs: number;
  /** Bytes of the files that stay in the outbox. */
  readonly outboxBytes?: number;
  /** Events of earlier processes that were in the outbox. */
  readonly replayed?: number;
  /** What did not end in time, and was abandoned. */
  readonly stuck?: string;
}

export interface PublisherStats extends DeliveryCounts {
  readonly name: string;
  /** Of the connection. */
  readonly state: LinkState;
  /** Connections that were made. */
  readonly connects: number;
  /** Why the last attempt or connection ended, or why the broker takes nothing for now. */
  readonly lastError?: string;
  /** Published and heard by no subscriber (Redis pub/sub). */
  readonly unheard?: number;
  /** In the outbox: accepted, also by earlier processes, and not settled. */
  readonly outboxEvents?: number;
  /** Of the files of the outbox. */
  readonly outboxBytes?: number;
  /** Events that earlier processes had left in the outbox when it was opened: they are sent again, marked. */
  readonly replayed?: number;
  /** Places in the outbox that could not be read; their files are kept as `.damaged`. */
  readonly outboxDamaged?: number;
  /** What the disk of the outbox last failed to do. */
  readonly outboxError?: string;
}

/**
 * Something that events are published to. All publishers keep one contract, checked by one suite of tests:
 *
 * - `publish` resolves when the broker has the event, or rejects: with `details.outcome` `not-sent` or `unknown`. Never neither,
 *   and at its own deadline at the latest. What is wrong with the event itself is rejected too, never thrown.
 * - Events of one key arrive in the order in which they were published. One that arrives twice has the same id.
 * - Nothing grows beyond the limits of the buffer.
 * - `close` delivers what was accepted, ends the connection, and is over at its deadline; who calls it twice gets one report.
 *   A publisher that was closed is closed for good.
 */
export interface Publisher extends AsyncDisposable {
  readonly name: string;
  readonly isClosed: boolean;
  /** Connects ahead of the first event; rejects with WT_PUBLISH_CONNECT_* when that fails. */
  connect(): Promise<void>;
  publish(event: EventInput, options?: PublishOptions): Promise<PublishOutcome>;
  /** Resolves when all that was accepted is settled. @throws WatertightError WT_PUBLISH_FLUSH_TIMEOUT */
  flush(options?: FlushOptions): Promise<void>;
  close(options?: CloseOptions): Promise<PublisherCloseReport>;
  stats(): PublisherStats;
}

/** A failure that nobody waited for. */
export interface PublishFailure {
  readonly error: Error;
  readonly eventId: string;
  readonly publisher: string;
  /** The event as it was encoded, for whoever keeps what the broker does not take. */
  readonly body: Buffer;
}

/** What publishers to brokers have in common. */
export interface PublisherOptions {
  /** For messages, metrics and the owner's report. Default: kind and place. */
  readonly name?: string;
  /** Closes the publisher when it closes. */
  readonly scope?: Owner;
  /** `json` (UTF-8) or `msgpack`. Default `json`. */
  readonly encoding?: 'json' | 'msgpack';
  /** Largest encoded event, in bytes. Default 1,000,000, below what Kafka and NATS take (1 MiB). */
  readonly maxEventBytes?: number;
  /**
   * When `publish` resolves: `broker`: when the broker has confirmed it; `memory`: when it is in our buffer, and then a
   * SIGKILL loses it; `outbox`: when it is on our disk, and then it is kept until the broker has it. Default `broker`.
   */
  readonly delivery?: 'broker' | 'memory' | 'outbox';
  /** For `delivery: 'outbox'`. */
  readonly outbox?: OutboxOptions;
  /** Most events between `publish` and confirmation. Default 10,000. */
  readonly maxBufferedEvents?: number;
  /** Most bytes of them. Default 16 MiB. */
  readonly maxBufferedBytes?: number;
  /** When the buffer is full: wait, drop the oldest, drop the new one, or refuse it. Default `block`. */
  readonly overflow?: 'block' | 'drop-oldest' | 'drop-newest' | 'reject';
  /** Most publishers that wait for room (`block`); who comes then is refused. Default 10,000. */
  readonly maxWaiting?: number;
  /** Default 120,000, as Kafka's `delivery.timeout.ms`. With an outbox: for the way to the disk; what is there has no deadline. */
  readonly publishTimeoutMs?: number;
  /** Longest wait for the answer to one batch; then the connection is made anew. Default: the kind's. */
  readonly requestTimeoutMs?: number;
  /** Default: the kind's. */
  readonly connectTimeoutMs?: number;
  /** Pauses between attempts. Default 100 ms, doubling, at most 3,000, with jitter. */
  readonly retry?: { readonly initialMs?: number; readonly maxMs?: number };
  /** Most events sent at once. Default 500. */
  readonly maxBatchEvents?: number;
  /** Most bytes sent at once. Default: the kind's. */
  readonly maxBatchBytes?: number;
  /** How long a batch waits for more, in ms. Default 0: what is published in one turn of the event loop. */
  readonly lingerMs?: number;
  /** Batches on their way at once, each of other keys. Default 4. */
  readonly maxInFlightBatches?: number;
  /** Told of each event that failed and that nobody waited for (`delivery: 'memory'`, or refused by the broker out of an outbox). */
  readonly onFailure?: (failure: PublishFailure) => void;
}
