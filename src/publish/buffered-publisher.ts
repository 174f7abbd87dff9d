import {
  checkOptionNames,
  errorText,
  kindOf,
  monotonicMs,
  type Owned,
  registerGauge,
  settleBy,
  WatertightError,
} from '../core/index.js';
import { closeWithScope } from './close-with-scope.js';
import { Delivery, type PublishOutcome } from './delivery.js';
import { encode } from './encoding.js';
import { type EventInput, EventStamp, type PublishedEvent } from './event.js';
import { wholeNumber } from './option-checks.js';
import { Outbox } from './outbox.js';
import {
  closedError,
  flushTimeoutError,
  invalidEventError,
  notEncodableError,
  tooLargeError,
} from './publish-errors.js';
import type {
  CloseOptions,
  FlushOptions,
  Publisher,
  PublisherCloseReport,
  PublisherOptions,
  PublisherStats,
  PublishOptions,
} from './publisher.js';
import type { PublisherSettings } from './publisher-options.js';
import { tell } from './tell.js';
import type { Transport } from './transport.js';

const FLUSH_TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 10_000;
const MOST_MS = 2 ** 31 - 1;
const MOST_KEY_BYTES = 255;
/** A publisher that stands on a transport: the brokers' publishers are this one with options of their own. */
export abstract class BufferedPublisher implements Publisher {
  readonly name: string;
  readonly #where: string;
  readonly #transport: Transport;
  readonly #delivery: Delivery;
  readonly #outbox: Outbox | undefined;
  readonly #settings: PublisherSettings;
  readonly #stamp = new EventStamp();
  readonly #stopGauge: () => void;
  readonly #owned: Owned | undefined;
  #closing: Promise<PublisherCloseReport> | undefined;

  protected constructor(where: string, options: PublisherOptions, settings: PublisherSettings, transport: Transport) {
    this.#where = where;
    this.#transport = transport;
    this.#settings = settings;
    this.name = options.name ?? `${transport.kind} ${transport.target}`;
    const { onFailure } = options;
    const { encoding, outbox, delivery } = settings;
    this.#outbox = outbox && new Outbox(outbox, { ...delivery, name: this.name, encoding });
    this.#delivery = new Delivery(transport, {
      ...delivery,
      ...(this.#outbox ? { keeper: this.#outbox } : {}),
      name: this.name,
      onFailure: (error, eventId, body) =>
        tell(this.name, onFailure, { error, eventId, publisher: this.name, body: Buffer.from(body) }),
    });
    this.#stopGauge = registerGauge('publish-buffered', this, (publisher) => publisher.#delivery.counts().buffered);
    try {
      this.#owned = closeWithScope(options.scope, this.name, this, (timeoutMs) => this.#closeForOwner(timeoutMs));
    } catch (error) {
      this.#outbox?.release();
      throw error;
    }
    this.#outbox?.start(this.#delivery);
  }

  /** @throws WatertightError WT_PUBLISH_FLUSH_TIMEOUT when something was not delivered, for the owner's report */
  async #closeForOwner(timeoutMs: number): Promise<void> {
    const { remaining } = await this.close({ timeoutMs });
    if (remaining > 0) throw flushTimeoutError(this.name, timeoutMs, remaining);
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  async connect(): Promise<void> {
    if (this.#closing) throw closedError(this.name);
    await this.#delivery.connect();
  }

  publish(event: EventInput, options?: PublishOptions): Promise<PublishOutcome> {
    try {
      if (this.#closing) throw closedError(this.name);
      const { delivery, isAwaited } = this.#settings;
      if (options !== undefined) checkOptionNames(`${this.#where}.publish()`, options, ['timeoutMs', 'key']);
      const ownKey = options?.key === undefined ? undefined : checkedKey(options.key);
      const timeoutMs =
        options?.timeoutMs === undefined
          ? delivery.publishTimeoutMs
          : wholeNumber(`${this.#where}.publish()`, 'timeoutMs', options.timeoutMs, 1, MOST_MS);
      const { id, runId, body, bytes } = this.#encoded(event);
      const key = ownKey ?? runId;
      if (this.#outbox) return this.#outbox.put(id, key, body, bytes, timeoutMs);
      return this.#delivery.publish(id, key, body, bytes, timeoutMs, isAwaited);
    } catch (error) {
      const promise = Promise.reject(error);
      promise.catch(() => {});
      return promise;
    }
  }

  /** @throws WatertightError WT_PUBLISH_INVALID_EVENT, _NOT_ENCODABLE, _TOO_LARGE */
  #encoded(input: EventInput): { id: string; runId: string; body: string | Buffer; bytes: number } {
    const { maxEventBytes, encoding } = this.#settings;
    let event: PublishedEvent | undefined;
    try {
      event = this.#stamp.complete(input);
      const body = encode(event, encoding);
      const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
      if (bytes > maxEventBytes) throw tooLargeError(bytes, maxEventBytes);
      return { id: event.id, runId: event.runId, body, bytes };
    } catch (error) {
      if (event && input.sequence === undefined) this.#stamp.takeBack(event);
      // A getter, or a proxy, of the program's own.
      throw error instanceof WatertightError
        ? error
        : notEncodableError('a field', `unreadable (${errorText(error)})`, encoding);
    }
  }

  async flush(options: FlushOptions = {}): Promise<void> {
    checkOptionNames(`${this.#where}.flush()`, options, ['timeoutMs']);
    const { timeoutMs = FLUSH_TIMEOUT_MS } = options;
    wholeNumber(`${this.#where}.flush()`, 'timeoutMs', timeoutMs, 0, MOST_MS);
    const end = await settleBy((this.#outbox ?? this.#delivery).drained(), monotonicMs() + timeoutMs);
    if (end === 'deadline') {
      const left = this.#outbox?.counts().outboxEvents ?? this.#delivery.counts().buffered;
      throw flushTimeoutError(this.name, timeoutMs, left);
    }
  }

  close(options: CloseOptions = {}): Promise<PublisherCloseReport> {
    checkOptionNames(`${this.#where}.close()`, options, ['timeoutMs']);
    const { timeoutMs = CLOSE_TIMEOUT_MS } = options;
    wholeNumber(`${this.#where}.close()`, 'timeoutMs', timeoutMs, 0, MOST_MS);
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(() => {});
  }

  stats(): PublisherStats {
    const { state, connects } = this.#delivery.link;
    const { unheard, heldBack } = this.#transport;
    const lastError = heldBack ?? this.#delivery.lastError;
    return {
      name: this.name,
      state,
      connects,
      ...this.#delivery.counts(),
      ...this.#outbox?.counts(),
      ...(this.#outbox?.lastError === undefined ? {} : { outboxError: errorText(this.#outbox.lastError) }),
      ...(lastError === undefined ? {} : { lastError: errorText(lastError) }),
      ...(unheard === undefined ? {} : { unheard }),
    };
  }

  async #close(timeoutMs: number): Promise<PublisherCloseReport> {
    const startedAt = monotonicMs();
    const deadlineAt = startedAt + timeoutMs;
    const { remaining, isHung } = await this.#delivery.close(deadlineAt, this.#outbox?.drained());
    const isKept = (await this.#outbox?.close(deadlineAt)) ?? true;
    this.#stopGauge();
    this.#owned?.detach();
    const { confirmed, dropped, notSent, unknown, ...rest } = this.#delivery.counts();
    const kept = this.#outbox?.counts();
    const left = kept?.outboxEvents ?? remaining;
    const stuck = isHung ? this.#transport.target : isKept ? undefined : this.#settings.outbox?.folder;
    return {
      status: left > 0 || stuck !== undefined || this.#outbox?.isCounted === false ? 'timeout' : 'completed',
      accepted: (kept ?? rest).accepted,
      confirmed,
      dropped,
      failed: notSent + unknown - remaining,
      remaining: left,
      durationMs: monotonicMs() - startedAt,
      ...(kept ? { outboxBytes: kept.outboxBytes, replayed: kept.replayed } : {}),
      ...(stuck === undefined ? {} : { stuck }),
    };
  }
}

function checkedKey(key: unknown): string {
  if (typeof key === 'string' && Buffer.byteLength(key) <= MOST_KEY_BYTES) return key;
  throw invalidEventError('key', `must be a text of at most ${MOST_KEY_BYTES} bytes, not ${kindOf(key)}`);
}
