import { errorText, kindOf, monotonicMs, type Owned, registerGauge, settleBy } from '../core/index.js';
import { Delivery, type PublishOutcome } from './delivery.js';
import { encode } from './encoding.js';
import { type EventInput, EventStamp } from './event.js';
import { wholeNumber } from './option-checks.js';
import { Outbox } from './outbox.js';
import { closedError, flushTimeoutError, invalidEventError, tooLargeError } from './publish-errors.js';
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
/** What a scope gives its releases; our own report is to come before. */
const SCOPE_CLOSE_MS = 9_000;

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
      this.#owned = options.scope?.defer(this.name, () => this.close({ timeoutMs: SCOPE_CLOSE_MS }));
    } catch (error) {
      this.#outbox?.release();
      throw error;
    }
    this.#outbox?.start(this.#delivery);
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
      const { maxEventBytes, encoding, delivery, isAwaited } = this.#settings;
      const completed = this.#stamp.complete(event);
      const body = encode(completed, encoding);
      const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
      if (bytes > maxEventBytes) throw tooLargeError(bytes, maxEventBytes);
      const key = options?.key === undefined ? completed.runId : checkedKey(options.key);
      const timeoutMs =
        options?.timeoutMs === undefined
          ? delivery.publishTimeoutMs
          : wholeNumber(`${this.#where}.publish()`, 'timeoutMs', options.timeoutMs, 1, MOST_MS);
      if (this.#outbox) return this.#outbox.put(completed.id, key, body, bytes, timeoutMs);
      return this.#delivery.publish(completed.id, key, body, bytes, timeoutMs, isAwaited);
    } catch (error) {
      const promise = Promise.reject(error);
      promise.catch(() => {});
      return promise;
    }
  }

  async flush({ timeoutMs = FLUSH_TIMEOUT_MS }: FlushOptions = {}): Promise<void> {
    wholeNumber(`${this.#where}.flush()`, 'timeoutMs', timeoutMs, 0, MOST_MS);
    const end = await settleBy((this.#outbox ?? this.#delivery).drained(), monotonicMs() + timeoutMs);
    if (end === 'deadline') {
      const left = this.#outbox?.counts().outboxEvents ?? this.#delivery.counts().buffered;
      throw flushTimeoutError(this.name, timeoutMs, left);
    }
  }

  close({ timeoutMs = CLOSE_TIMEOUT_MS }: CloseOptions = {}): Promise<PublisherCloseReport> {
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
    const lastError = heldBack ?? this.#delivery.link.lastError;
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
