import { kindOf } from '../core/index.js';
import { brokerUrl } from './broker-url.js';
import { BufferedPublisher } from './buffered-publisher.js';
import { type ConnectionPool, sharedPool } from './connection-pool.js';
import { NatsTransport } from './nats-transport.js';
import { oneOf, optionalFlag, optionalText, wholeNumber } from './option-checks.js';
import type { PublisherOptions } from './publisher.js';
import { settingsOf } from './publisher-options.js';

export interface NatsPublisherOptions extends PublisherOptions {
  /** `nats://[user:password@]host[:port]`, `nats://token@host`, or `tls://` for TLS always. Port 4222 when none is given. */
  readonly url: string;
  /** `jetstream`: a stream keeps events; `core`: to who listens at that moment. Default `jetstream`. */
  readonly mode?: 'jetstream' | 'core';
  /** Default `watertight.events`. */
  readonly subject?: string;
  /** The stream that has to take the subject. Default: whichever does; one that is made is named as the subject, with `_` for dots. */
  readonly stream?: string;
  /** Whether a stream, with files, is made when none takes the subject. Default true. */
  readonly declare?: boolean;
  /** How often the client asks whether the server lives; after the second time without an answer the connection is made anew. Default 120,000, the client's own. */
  readonly pingIntervalMs?: number;
  /** Options of Node's TLS: `ca`, `cert`, `key` … */
  readonly tls?: import('node:tls').ConnectionOptions;
  /** Where connections come from. Default: one pool for all. */
  readonly pool?: ConnectionPool;
}

const SUBJECT = 'watertight.events';
// The clients' 5 s for an acknowledgement (js.publish) and for a connection.
const KIND = { requestTimeoutMs: 5_000, connectTimeoutMs: 5_000, maxBatchBytes: 2 ** 20 };
const PING_MS = 120_000;
/** JetStream's own window, and the least that we make. */
const LEAST_WINDOW_MS = 120_000;
const MOST_MS = 2 ** 31 - 1;

/**
 * Events to NATS: by JetStream to a stream, which keeps them, or without it to who listens.
 * By JetStream, the header `Nats-Msg-Id` is the event's id: within its window (2 minutes, or the `publishTimeoutMs` of who made the stream)
 * a stream stores an event that is sent again once. What is sent again has the header `redelivered`,
 * in both modes.
 *
 * `stored` means, by JetStream, that the stream has acknowledged it: a SIGKILL of the server loses nothing, and a power cut
 * what the system had not written yet. In `core` mode it means that the server has read it, and no more: nobody may listen.
 * An event that the server refuses for now (it is busy, or has no leader) may be overtaken by a later one.
 *
 * @throws TypeError, RangeError naming the option; WatertightError WT_PUBLISH_CONNECT_URL, WT_SCOPE_CLOSED
 *
 * @example
 * const publisher = new NatsPublisher({ url: 'nats://127.0.0.1:4222', subject: 'orders.events', stream: 'ORDERS' });
 * await publisher.publish({ event: 'graph_execution', eventType: 'start', runId: 'run-1' });
 * await publisher.close();
 */
export class NatsPublisher extends BufferedPublisher {
  constructor(options: NatsPublisherOptions) {
    const where = 'NatsPublisher';
    const own = ['url', 'mode', 'subject', 'stream', 'declare', 'pingIntervalMs', 'tls', 'pool'];
    const settings = settingsOf(where, options, own, KIND);
    const mode = oneOf(where, 'mode', options.mode ?? 'jetstream', ['jetstream', 'core']);
    optionalFlag(where, 'declare', options.declare);
    const { subject = SUBJECT, stream, declare = true, pingIntervalMs = PING_MS, tls, pool = sharedPool } = options;
    // https://docs.nats.io/nats-concepts/subjects: words between dots; wildcards and `$` are for others.
    named(where, 'subject', subject, /^(?!\$)[^\s.*>]+(\.[^\s.*>]+)*$/u, 'words with dots between them');
    if (stream !== undefined) named(where, 'stream', stream, /^[^\s.*>/\\]+$/u, 'a name without space . * > / \\');
    if (mode === 'core' && (stream !== undefined || options.declare !== undefined)) {
      throw new TypeError(`${where}: stream and declare are for mode jetstream, not core`);
    }
    const { requestTimeoutMs, publishTimeoutMs } = settings.delivery;
    const transport = new NatsTransport(
      {
        url: brokerUrl(options.url, ['nats:', 'tls:']),
        mode,
        subject,
        stream,
        declare,
        duplicateWindowMs: Math.max(LEAST_WINDOW_MS, publishTimeoutMs),
        pingIntervalMs: wholeNumber(where, 'pingIntervalMs', pingIntervalMs, 1, MOST_MS),
        requestTimeoutMs,
        tls,
      },
      pool,
    );
    super(where, options, settings, transport);
  }
}

function named(where: string, name: string, value: unknown, rule: RegExp, told: string): void {
  optionalText(where, name, value);
  if (!rule.test(value as string)) throw new RangeError(`${where}: ${name} must be ${told}, not ${kindOf(value)}`);
}
