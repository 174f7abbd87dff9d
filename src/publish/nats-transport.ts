import { monotonicMs } from '../core/index.js';
import { connectErrorOf } from './broker-url.js';
import type { ConnectionPool, Connector, SharedConnection } from './connection-pool.js';
import { type NatsClient, type NatsPlace, natsConnector } from './nats-connector.js';
import { NatsSession } from './nats-session.js';
import { type NatsStreamWish, requireStream } from './nats-stream.js';
import { noClientError } from './publish-errors.js';
import type { ConnectOptions, Outgoing, SendFailure, Transport } from './transport.js';

export interface NatsTarget extends NatsPlace, NatsStreamWish {
  readonly mode: 'jetstream' | 'core';
  readonly requestTimeoutMs: number;
}

export class NatsTransport implements Transport {
  readonly kind: string;
  readonly target: string;
  readonly #to: NatsTarget;
  readonly #pool: ConnectionPool;
  readonly #connector: Connector<NatsClient>;
  #shared: SharedConnection<NatsClient> | undefined;
  #session: NatsSession | undefined;
  #attempt = 0;
  #opening: AbortController | undefined;

  constructor(to: NatsTarget, pool: ConnectionPool) {
    this.#to = to;
    this.#pool = pool;
    this.#connector = natsConnector(to);
    this.kind = `nats-${to.mode}`;
    this.target = `${this.#connector.target} ${to.subject}`;
  }

  async connect({ timeoutMs, onLost }: ConnectOptions): Promise<void> {
    const attempt = ++this.#attempt;
    const opening = new AbortController();
    this.#opening = opening;
    const endAt = monotonicMs() + timeoutMs;
    const tools = await import('@nats-io/transport-node').catch((error) => {
      throw noClientError('@nats-io/transport-node', error);
    });
    const shared = await this.#pool.share(
      this.#connector,
      timeoutMs,
      (error) => {
        this.#session?.fail(error);
        onLost(error);
      },
      opening.signal,
    );
    if (attempt !== this.#attempt) return shared.release();
    // From here on `destroy()` ends it, also while the server is asked for its streams.
    this.#shared = shared;
    try {
      if (this.#asksForStream) await this.#requireStream(Math.max(1, endAt - monotonicMs()));
    } catch (error) {
      if (attempt === this.#attempt) await this.disconnect();
      throw connectErrorOf(this.target, error);
    }
    if (attempt !== this.#attempt) return;
    this.#session = new NatsSession(shared.client, tools, this.#to.mode, this.#to.subject, this.target);
  }

  async send(batch: readonly Outgoing[]): Promise<readonly (SendFailure | undefined)[] | undefined> {
    if (!this.#session) throw new Error('there is no connection');
    const failures = await this.#session.send(batch);
    if (!failures || !this.#asksForStream || !failures.some(isNoDestination)) return failures;
    // It was there when we connected: removed since, or without a leader for now.
    const isMissing = await this.#requireStream(this.#to.requestTimeoutMs).then(() => false, hasNoDestination);
    return failures.map((failure) => (isNoDestination(failure) ? { ...failure, canRetry: !isMissing } : failure));
  }

  async disconnect(): Promise<void> {
    this.#session?.end();
    await this.#shared?.release();
    this.#session = undefined;
    this.#shared = undefined;
  }

  destroy(): void {
    this.#attempt++;
    this.#opening?.abort();
    this.#session?.fail(new Error('the connection was given up'));
    this.#shared?.discard();
    this.#session = undefined;
    this.#shared = undefined;
  }

  /** Who may only publish cannot ask for streams: with `declare: false` and no name it is not done. */
  get #asksForStream(): boolean {
    const { mode, stream, declare } = this.#to;
    return mode === 'jetstream' && (declare || stream !== undefined);
  }

  async #requireStream(timeoutMs: number): Promise<void> {
    const { client } = this.#shared as SharedConnection<NatsClient>;
    await requireStream(client.nc, this.target, this.#to, timeoutMs);
  }
}

function isNoDestination(failure: SendFailure | undefined): failure is SendFailure {
  return failure !== undefined && hasNoDestination(failure.error);
}

function hasNoDestination(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'WT_PUBLISH_NO_DESTINATION';
}
