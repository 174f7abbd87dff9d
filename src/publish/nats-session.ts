import type { Msg, NatsConnection, PublishOptions, Subscription } from '@nats-io/transport-node';
import type { NatsClient } from './nats-connector.js';
import { noDestinationError, refusedError, tooLargeError } from './publish-errors.js';
import type { Outgoing, SendFailure } from './transport.js';

type Failures = (SendFailure | undefined)[];

/** What the packages of the client offer that a session needs; they are loaded when there is something to publish. */
export type NatsTools = Pick<typeof import('@nats-io/transport-node'), 'createInbox' | 'headers'>;

interface Batch {
  /** Answers that are still to come. */
  awaited: number;
  readonly isAnswered: Uint8Array;
  failures: Failures | undefined;
  readonly resolve: (failures: Failures | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** JetStream's answer to one publish. */
interface PubAck {
  readonly error?: { readonly code: number; readonly description?: string };
}

/**
 * What one publisher has of a connection. One subscription takes the acknowledgements of all its events, told apart by the
 * last words of their subjects, `<inbox>.<batch>.<index>`: `js.publish` makes a request with a timer, a promise and a stack
 * trace for each event, which is seven times the work.
 */
export class NatsSession {
  readonly #client: NatsClient;
  readonly #nc: NatsConnection;
  readonly #tools: NatsTools;
  readonly #subject: string;
  readonly #target: string;
  readonly #batches = new Map<number, Batch>();
  readonly #inbox: string;
  readonly #acks: Subscription | undefined;
  #lastBatch = 0;

  /** @param mode `core` asks for no acknowledgements */
  constructor(client: NatsClient, tools: NatsTools, mode: 'jetstream' | 'core', subject: string, target: string) {
    this.#client = client;
    this.#nc = client.nc;
    this.#tools = tools;
    this.#subject = subject;
    this.#target = target;
    this.#inbox = tools.createInbox();
    const callback = (_: Error | null, ack: Msg) => this.#acknowledged(ack);
    this.#acks = mode === 'core' ? undefined : client.nc.subscribe(`${this.#inbox}.*.*`, { callback });
    client.onForbidden.add(this.#forbidden);
  }

  /** All are written at once. Resolves when the server has answered to each, or, in `core`, has read them. */
  send(events: readonly Outgoing[]): Promise<Failures | undefined> {
    return new Promise((resolve, reject) => {
      const number = ++this.#lastBatch;
      const isAnswered = new Uint8Array(events.length);
      const batch: Batch = { awaited: 0, isAnswered, failures: undefined, resolve, reject };
      this.#batches.set(number, batch);
      batch.awaited = events.length;
      for (let index = 0; index < events.length; index++) {
        const failure = this.#write(events[index] as Outgoing, number, index);
        if (failure) this.#answer(number, index, failure);
      }
      if (!this.#acks) void this.#awaitRead(number);
    });
  }

  /** The connection is gone: nothing is known of what waits. */
  fail(error: unknown): void {
    this.#client.onForbidden.delete(this.#forbidden);
    for (const { reject } of this.#batches.values()) reject(error);
    this.#batches.clear();
  }

  /** Others may go on with the connection. */
  end(): void {
    this.fail(new Error('the publisher was closed'));
    if (!this.#nc.isClosed()) this.#acks?.unsubscribe();
  }

  #write(event: Outgoing, batch: number, index: number): SendFailure | undefined {
    let options: PublishOptions | undefined;
    if (this.#acks || event.isRedelivery) {
      const headers = this.#tools.headers();
      headers.set('Nats-Msg-Id', event.id);
      if (event.isRedelivery) headers.set('redelivered', '1');
      options = this.#acks ? { headers, reply: `${this.#inbox}.${batch}.${index}` } : { headers };
    }
    try {
      this.#nc.publish(this.#subject, event.body, options);
      return undefined;
    } catch (error) {
      // Of its own accord the client refuses only what is larger than the server takes.
      const limit = this.#nc.info?.max_payload;
      if (this.#nc.isClosed() || limit === undefined) return { error, outcome: 'not-sent', canRetry: true };
      return { error: tooLargeError(event.body.length, limit), outcome: 'not-sent', canRetry: false };
    }
  }

  async #awaitRead(number: number): Promise<void> {
    const fail = (error: unknown) => this.#batches.get(number)?.reject(error);
    await this.#nc.flush().catch(fail);
    // What the server forbids it says before it answers; the client tells of it some turns later.
    await new Promise(setImmediate);
    const { length } = this.#batches.get(number)?.isAnswered ?? [];
    for (let index = 0; index < (length ?? 0); index++) this.#answer(number, index, undefined);
  }

  #acknowledged(ack: Msg): void {
    const { subject } = ack;
    const split = subject.lastIndexOf('.');
    const number = Number(subject.slice(subject.lastIndexOf('.', split - 1) + 1, split));
    this.#answer(number, Number(subject.slice(split + 1)), this.#failureOf(ack));
  }

  #failureOf(ack: Msg): SendFailure | undefined {
    // The status of no responders: no stream takes the subject.
    if (ack.headers?.code === 503) return noStreamFailure(this.#target, this.#subject);
    const error = errorIn(ack);
    if (!error) return undefined;
    const { code, description = `error ${code}` } = error;
    // 4xx: the event or the stream is not for it. A stream that is full and keeps the old says so with 503, as a server that
    // is busy does, and only that one may do better later.
    const canRetry = code >= 500 && !/maximum/i.test(description);
    return { error: refusedError(this.#target, description), outcome: 'not-sent', canRetry };
  }

  #answer(number: number, index: number, failure: SendFailure | undefined): void {
    const batch = this.#batches.get(number);
    if (batch?.isAnswered[index] !== 0) return;
    batch.isAnswered[index] = 1;
    if (failure) {
      batch.failures ??= new Array(batch.isAnswered.length);
      batch.failures[index] = failure;
    }
    if (--batch.awaited > 0) return;
    this.#batches.delete(number);
    batch.resolve(batch.failures);
  }

  readonly #forbidden = (cause: Error, subject: string) => {
    if (subject !== this.#subject) return;
    const error = refusedError(this.#target, cause.message, cause);
    for (const [number, { isAnswered }] of this.#batches) {
      for (let index = 0; index < isAnswered.length; index++) {
        this.#answer(number, index, { error, outcome: 'not-sent', canRetry: false });
      }
    }
  };
}

export function noStreamFailure(target: string, subject: string): SendFailure {
  return { error: noDestinationError(target, 'stream for', subject), outcome: 'not-sent', canRetry: false };
}

function errorIn(ack: Msg): PubAck['error'] {
  try {
    return ack.json<PubAck>().error;
  } catch {
    return { code: 400, description: 'it answers something else than an acknowledgement' };
  }
}
