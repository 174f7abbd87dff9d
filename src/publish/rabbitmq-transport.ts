import type { ConfirmChannel, Options } from 'amqplib';
import type { ConnectionPool, Connector, SharedConnection } from './connection-pool.js';
import type { Encoding } from './encoding.js';
import { connectError, noDestinationError, refusedError, tooLargeError } from './publish-errors.js';
import { type RabbitMQConnection, type RabbitMQPlace, rabbitMQConnector } from './rabbitmq-connector.js';
import { ACCESS_REFUSED, channelErrorOf, heldBackError, PRECONDITION_FAILED, replyCodeOf } from './rabbitmq-errors.js';
import type { ConnectOptions, Outgoing, SendFailure, Transport } from './transport.js';

export interface RabbitMQTarget extends RabbitMQPlace {
  readonly exchange: string;
  readonly exchangeType: string;
  readonly routingKey: string;
  /** Whether the exchange is made when it is not there; else it has to be. */
  readonly declare: boolean;
  readonly durable: boolean;
  /** Whether an event that no queue takes has failed; else it is counted. */
  readonly mandatory: boolean;
  readonly encoding: Encoding;
}

/** IANA's names of the two. */
const CONTENT_TYPE = { json: 'application/json', msgpack: 'application/vnd.msgpack' };
/** For the orderly end of a connection whose channel the broker has closed; then it is ended anyway. */
const LEAVE_MS = 5_000;

/** One batch, until each of its events has its answer. */
interface Sending {
  readonly batch: readonly Outgoing[];
  readonly isAnswered: boolean[];
  left: number;
  failures: (SendFailure | undefined)[] | undefined;
  readonly resolve: (failures: readonly (SendFailure | undefined)[] | undefined) => void;
}

/** Publishes on one confirm channel, in order, without waiting in between. */
export class RabbitMQTransport implements Transport {
  readonly kind = 'rabbitmq';
  readonly target: string;
  /** Events that no queue has taken, when that is no failure. */
  unheard = 0;
  readonly #to: RabbitMQTarget;
  readonly #pool: ConnectionPool;
  readonly #connector: Connector<RabbitMQConnection>;
  #shared: SharedConnection<RabbitMQConnection> | undefined;
  #channel: ConfirmChannel | undefined;
  /** Why the broker has closed the channel. */
  #channelError: unknown;
  /** Whether this channel has ever confirmed anything. */
  #hasConfirmed = false;
  /** Ids of what no queue has taken, how often each: it is confirmed right after. */
  readonly #returned = new Map<string, number>();
  readonly #sendings = new Set<Sending>();
  #isLeaving = false;
  #attempt = 0;
  #opening: AbortController | undefined;

  constructor(to: RabbitMQTarget, pool: ConnectionPool) {
    this.#to = to;
    this.#pool = pool;
    this.#connector = rabbitMQConnector(to);
    this.target = `${this.#connector.target} ${to.exchange}`;
  }

  /** Why the broker takes nothing for now. */
  get heldBack(): Error | undefined {
    const reason = this.#shared?.client.heldBack;
    return reason === undefined ? undefined : heldBackError(this.target, reason);
  }

  async connect({ timeoutMs, onLost }: ConnectOptions): Promise<void> {
    const attempt = ++this.#attempt;
    const opening = new AbortController();
    this.#opening = opening;
    let lost: unknown;
    const shared = await this.#pool.share(
      this.#connector,
      timeoutMs,
      (error) => {
        lost = error;
        onLost(error);
      },
      opening.signal,
    );
    if (attempt !== this.#attempt) return leave(shared);
    // Before the channel: what hangs from here on is ended by destroy().
    this.#shared = shared;
    try {
      const channel = await this.#open(shared, onLost);
      // Its end may have come with the last answer.
      lost ??= this.#channelError;
      if (lost !== undefined) throw lost;
      if (attempt === this.#attempt) this.#channel = channel;
    } catch (error) {
      if (this.#shared === shared) this.#shared = undefined;
      if (attempt === this.#attempt) leave(shared);
      throw this.#channelErrorOf(lost ?? error);
    }
  }

  async #open(shared: SharedConnection<RabbitMQConnection>, onLost: (error: unknown) => void): Promise<ConfirmChannel> {
    const { client } = shared;
    // A broker that holds a connection back does not read the request for a channel either.
    if (client.heldBack !== undefined) throw heldBackError(this.target, client.heldBack);
    const channel = await client.model.createConfirmChannel();
    this.#channelError = undefined;
    this.#hasConfirmed = false;
    this.#returned.clear();
    channel.on('error', (error) => {
      this.#channelError = error;
    });
    channel.on('return', ({ properties }) => {
      const id = String(properties.messageId);
      this.#returned.set(id, (this.#returned.get(id) ?? 0) + 1);
    });
    channel.on('close', () => {
      // Without an error of its own it ends with its connection, or by us.
      if (this.#channel !== channel || this.#channelError === undefined) return;
      this.#channel = undefined;
      this.#shared = undefined;
      // The connection is in order, and others may use it.
      leave(shared);
      onLost(this.#channelError);
    });
    const { exchange, exchangeType, durable, declare } = this.#to;
    if (declare) await channel.assertExchange(exchange, exchangeType, { durable });
    else await channel.checkExchange(exchange);
    return channel;
  }

  send(batch: readonly Outgoing[]): Promise<readonly (SendFailure | undefined)[] | undefined> {
    return new Promise((resolve) => {
      const sending: Sending = { batch, isAnswered: [], left: batch.length, failures: undefined, resolve };
      this.#sendings.add(sending);
      for (let index = 0; index < batch.length; index++) {
        try {
          this.#publish(batch[index] as Outgoing, (error) => this.#onAnswer(sending, index, error));
        } catch (error) {
          this.#settle(sending, index, { error, outcome: 'not-sent', canRetry: true });
        }
      }
    });
  }

  #publish(event: Outgoing, onAnswer: (error: unknown) => void): void {
    const { exchange, routingKey, encoding } = this.#to;
    if (!this.#channel)
      throw connectError('WT_PUBLISH_CONNECT_REFUSED', this.target, 'there is no channel', 'connect first');
    const options: Options.Publish = {
      messageId: event.id,
      contentType: CONTENT_TYPE[encoding],
      persistent: true,
      // Always: without it the broker confirms what it throws away, and tells nobody.
      mandatory: true,
      ...(event.isRedelivery ? { headers: { redelivered: '1' } } : {}),
    };
    this.#channel.publish(exchange, routingKey, event.body, options, onAnswer);
  }

  /** @param error null when the broker has it */
  #onAnswer(sending: Sending, index: number, error: unknown): void {
    if (error !== null) this.#settle(sending, index, this.#failureOf(error, sending.batch[index] as Outgoing));
    else {
      this.#hasConfirmed = true;
      this.#settle(sending, index, this.#unroutedFailure(sending.batch[index] as Outgoing));
    }
  }

  #settle(sending: Sending, index: number, failure: SendFailure | undefined): void {
    if (sending.isAnswered[index]) return;
    sending.isAnswered[index] = true;
    if (failure) {
      sending.failures ??= new Array(sending.batch.length);
      sending.failures[index] = failure;
    }
    if (--sending.left > 0) return;
    this.#sendings.delete(sending);
    sending.resolve(sending.failures);
  }

  /** What no queue takes comes back first, and is confirmed then. */
  #unroutedFailure({ id }: Outgoing): SendFailure | undefined {
    const count = this.#returned.size > 0 ? this.#returned.get(id) : undefined;
    if (count === undefined) return undefined;
    if (count === 1) this.#returned.delete(id);
    else this.#returned.set(id, count - 1);
    const { mandatory, routingKey } = this.#to;
    if (!mandatory) {
      this.unheard++;
      return undefined;
    }
    const error = noDestinationError(this.target, 'queue bound for the routing key', routingKey);
    return { error, outcome: 'not-sent', canRetry: false };
  }

  #failureOf(error: unknown, { body }: Outgoing): SendFailure {
    const cause = this.#channelError ?? this.#shared?.client.lastError;
    if (cause === undefined && /nacked/.test(String(error))) {
      return { error: refusedError(this.target, 'basic.nack', error), outcome: 'not-sent', canRetry: true };
    }
    const code = replyCodeOf(this.#channelError);
    // The channel closes at the first publish that may not be: nothing before it came through, if nothing was confirmed.
    if (code === ACCESS_REFUSED && !this.#hasConfirmed) {
      return { error: this.#channelErrorOf(cause), outcome: 'not-sent', canRetry: false };
    }
    if (code === PRECONDITION_FAILED) {
      const [, bytes, limit] = /message size (\d+) is larger than configured max size (\d+)/.exec(String(cause)) ?? [];
      if (Number(bytes) === body.length) {
        return { error: tooLargeError(body.length, Number(limit)), outcome: 'not-sent', canRetry: false };
      }
    }
    return { error: cause ?? error, outcome: 'unknown', canRetry: true };
  }

  #channelErrorOf(error: unknown): Error {
    const { durable, exchangeType, exchange, declare } = this.#to;
    const kind = declare ? `${durable ? 'durable' : 'transient'} ${exchangeType} exchange` : 'exchange';
    return channelErrorOf(this.target, error, kind, exchange);
  }

  async disconnect(): Promise<void> {
    this.#isLeaving = true;
    const channel = this.#channel;
    this.#channel = undefined;
    await channel?.close();
    await this.#shared?.release();
    this.#shared = undefined;
  }

  destroy(): void {
    this.#attempt++;
    this.#opening?.abort();
    const shared = this.#shared;
    const cause = shared?.client.lastError ?? new Error('the connection was given up');
    this.#shared = undefined;
    this.#channel = undefined;
    // Who only leaves ends the connection when no other has it.
    if (this.#isLeaving) shared?.release().catch(() => {});
    shared?.discard();
    for (const sending of this.#sendings) {
      for (let index = 0; index < sending.batch.length; index++) {
        this.#settle(sending, index, { error: cause, outcome: 'unknown', canRetry: true });
      }
    }
  }
}

/** Gives a connection back that is in order; ends it when that does not end. */
function leave(shared: SharedConnection<RabbitMQConnection>): void {
  const late = setTimeout(() => shared.discard(), LEAVE_MS).unref();
  shared
    .release()
    .catch(() => {})
    .finally(() => clearTimeout(late));
}
