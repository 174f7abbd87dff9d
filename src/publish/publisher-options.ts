import { checkCallback, checkOptionNames, checkOwner, kindOf } from '../core/index.js';
import { ConnectionPool } from './connection-pool.js';
import { type DeliverySettings, OVERFLOWS } from './delivery.js';
import { ENCODINGS, type Encoding } from './encoding.js';
import { oneOf, optionalText, wholeNumber } from './option-checks.js';
import { type OutboxSettings, outboxSettingsOf } from './outbox-options.js';
import type { PublisherOptions } from './publisher.js';

/** What differs between kinds. */
export interface KindDefaults {
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly maxBatchBytes: number;
}

export interface PublisherSettings {
  readonly delivery: Omit<DeliverySettings, 'name' | 'onFailure'>;
  readonly isAwaited: boolean;
  readonly outbox?: OutboxSettings;
  readonly encoding: Encoding;
  readonly maxEventBytes: number;
}

const NAMES = [
  'name',
  'scope',
  'encoding',
  'maxEventBytes',
  'delivery',
  'outbox',
  'maxBufferedEvents',
  'maxBufferedBytes',
  'overflow',
  'maxWaiting',
  'publishTimeoutMs',
  'requestTimeoutMs',
  'connectTimeoutMs',
  'retry',
  'maxBatchEvents',
  'maxBatchBytes',
  'lingerMs',
  'maxInFlightBatches',
  'onFailure',
];
/** setTimeout's longest. */
const MOST_MS = 2 ** 31 - 1;

/** @throws TypeError, RangeError naming the option */
export function settingsOf(
  where: string,
  options: PublisherOptions,
  ownNames: readonly string[],
  kind: KindDefaults,
): PublisherSettings {
  checkOptionNames(where, options, [...ownNames, ...NAMES]);
  checkOwner(where, options.scope);
  const { pool } = options as { pool?: unknown };
  if (pool !== undefined && !(pool instanceof ConnectionPool)) {
    throw new TypeError(`${where}: pool must be a ConnectionPool, not ${kindOf(pool)}`);
  }
  checkCallback(where, 'onFailure', options.onFailure);
  optionalText(where, 'name', options.name);
  const whole = (name: keyof PublisherOptions, normal: number, least: number, most: number) =>
    wholeNumber(where, name, options[name] ?? normal, least, most);
  const retry = options.retry ?? {};
  checkOptionNames(`${where}, retry`, retry, ['initialMs', 'maxMs']);
  const initialMs = wholeNumber(where, 'retry.initialMs', retry.initialMs ?? 100, 1, MOST_MS);
  const mode = oneOf(where, 'delivery', options.delivery ?? 'broker', ['broker', 'memory', 'outbox']);
  if (mode !== 'outbox' && options.outbox !== undefined) {
    throw new TypeError(`${where}: outbox needs delivery: 'outbox', not '${mode}'`);
  }
  if (mode === 'outbox' && options.overflow === 'drop-oldest') {
    throw new RangeError(`${where}: overflow must not be drop-oldest with an outbox, which keeps what it has accepted`);
  }
  return {
    ...(mode === 'outbox' ? { outbox: outboxSettingsOf(where, options.outbox) } : {}),
    encoding: oneOf(where, 'encoding', options.encoding ?? 'json', ENCODINGS),
    isAwaited: mode === 'broker',
    maxEventBytes: whole('maxEventBytes', 1_000_000, 1, 2 ** 30),
    delivery: {
      maxBufferedEvents: whole('maxBufferedEvents', 10_000, 1, 10_000_000),
      maxBufferedBytes: whole('maxBufferedBytes', 16 * 2 ** 20, 1, 2 ** 32),
      maxWaiting: whole('maxWaiting', 10_000, 0, 10_000_000),
      overflow: oneOf(where, 'overflow', options.overflow ?? 'block', OVERFLOWS),
      maxBatchEvents: whole('maxBatchEvents', 500, 1, 100_000),
      maxBatchBytes: whole('maxBatchBytes', kind.maxBatchBytes, 1, 2 ** 30),
      lingerMs: whole('lingerMs', 0, 0, MOST_MS),
      lanes: whole('maxInFlightBatches', 4, 1, 256),
      publishTimeoutMs: whole('publishTimeoutMs', 120_000, 1, MOST_MS),
      requestTimeoutMs: whole('requestTimeoutMs', kind.requestTimeoutMs, 1, MOST_MS),
      connectTimeoutMs: whole('connectTimeoutMs', kind.connectTimeoutMs, 1, MOST_MS),
      retry: {
        initialMs,
        maxMs: wholeNumber(where, 'retry.maxMs', retry.maxMs ?? Math.max(3_000, initialMs), initialMs, MOST_MS),
      },
    },
  };
}
