import type { Writable } from 'node:stream';
import { checkOptionNames, kindOf } from '../core/index.js';
import { BufferedPublisher } from './buffered-publisher.js';
import { ConsoleTransport } from './console-transport.js';
import { oneOf, optionalFlag, wholeNumber } from './option-checks.js';
import type { PublisherOptions } from './publisher.js';
import { settingsOf } from './publisher-options.js';

type Delivery =
  | 'name'
  | 'scope'
  | 'maxEventBytes'
  | 'delivery'
  | 'maxBufferedEvents'
  | 'maxBufferedBytes'
  | 'overflow'
  | 'maxWaiting'
  | 'publishTimeoutMs'
  | 'onFailure';

export interface ConsolePublisherOptions extends Pick<PublisherOptions, Delivery> {
  /** `json`, or `text`: one line an event. Default `json`. */
  readonly format?: 'json' | 'text';
  /** Default true. */
  readonly includeTimestamp?: boolean;
  /** Spaces a level of `json`; 0 is one line an event. Default 2, at most 10. */
  readonly indent?: number;
  /** Default `process.stdout`. It is never closed. */
  readonly stream?: Writable;
}

const OWN = ['format', 'includeTimestamp', 'indent', 'stream'];
const DELIVERY: readonly Delivery[] = [
  'name',
  'scope',
  'maxEventBytes',
  'delivery',
  'maxBufferedEvents',
  'maxBufferedBytes',
  'overflow',
  'maxWaiting',
  'publishTimeoutMs',
  'onFailure',
];
/** What `JSON.stringify` takes. */
const MOST_INDENT = 10;
/** What was written is never written again: a reader that rests has its time by `publishTimeoutMs`. setTimeout's longest. */
const NEVER_MS = 2 ** 31 - 1;
const KIND = { requestTimeoutMs: NEVER_MS, connectTimeoutMs: 5_000, maxBatchBytes: 2 ** 20 };

/**
 * Events to a stream, in the order in which they were published, for people. `stored` means that the stream has called back:
 * the text is with the system. What a terminal would obey is escaped.
 *
 * An event fails as `not-sent` when the stream has ended or fails (EPIPE), which ends no process.
 *
 * @throws TypeError, RangeError naming the option; WatertightError WT_SCOPE_CLOSED
 *
 * @example
 * await using publisher = new ConsolePublisher({ format: 'text' });
 * await publisher.publish({ event: 'node_execution', eventType: 'end', runId: 'run-1', nodeName: 'agent' });
 * // 2026-11-21T23:48:46.000Z node_execution/end run-1#0 node=agent
 */
export class ConsolePublisher extends BufferedPublisher {
  constructor(options: ConsolePublisherOptions = {}) {
    const where = 'ConsolePublisher';
    checkOptionNames(where, options, [...OWN, ...DELIVERY]);
    const format = oneOf(where, 'format', options.format ?? 'json', ['json', 'text']);
    optionalFlag(where, 'includeTimestamp', options.includeTimestamp);
    const { includeTimestamp = true, stream = process.stdout } = options;
    const indent = wholeNumber(where, 'indent', options.indent ?? 2, 0, MOST_INDENT);
    if (typeof (stream as Partial<Writable> | null)?.write !== 'function' || typeof stream.on !== 'function') {
      throw new TypeError(`${where}: stream must be a Writable, not ${kindOf(stream)}`);
    }
    const { stream: _, format: __, includeTimestamp: ___, indent: ____, ...delivery } = options;
    // One lane: the order is that of all events.
    const settings = settingsOf(where, { ...delivery, maxInFlightBatches: 1 }, [], KIND);
    super(
      where,
      delivery,
      settings,
      new ConsoleTransport(stream, placeOf(stream), { format, includeTimestamp, indent }),
    );
  }
}

function placeOf(stream: Writable): string {
  if (stream === process.stdout) return 'stdout';
  return stream === process.stderr ? 'stderr' : 'a stream';
}
