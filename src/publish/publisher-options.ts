import { checkCallback, checkOptionNames, checkOwner, kindOf } from '../core/index.js';
import { type DeliverySettings, OVERFLOWS } from './delivery.js';
import { ENCODINGS, type Encoding } from './encoding.js';
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
  readonly encoding: Encoding;
  readonly maxEventBytes: number;
}

const NAMES = [
  'name',
  'scope',
  'encoding',
  'maxEventBytes',
  'delivery',
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
  checkCallback(where, 'onFailure', options.onFailure);
  optionalText(where, 'name', options.name);
  const whole = (name: keyof PublisherOptions, normal: number, least: number, most: number) =>
    wholeNumber(where, name, options[name] ?? normal, least, most);
  const retry = options.retry ?? {};
  checkOptionNames(`${where}, retry`, retry, ['initialMs', 'maxMs']);
  const initialMs = wholeNumber(where, 'retry.initialMs', retry.initialMs ?? 100, 1, MOST_MS);
  return {
    encoding: oneOf(where, 'encoding', options.encoding ?? 'json', ENCODINGS),
    isAwaited: oneOf(where, 'delivery', options.delivery ?? 'broker', ['broker', 'memory']) === 'broker',
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

/** @throws TypeError, RangeError */
export function wholeNumber(where: string, name: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number') throw new TypeError(`${where}: ${name} must be a number, not ${kindOf(value)}`);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${where}: ${name} must be a whole number from ${least} to ${most}, not ${value}`);
}

/** @throws RangeError */
export function oneOf<T extends string>(where: string, name: string, value: unknown, known: readonly T[]): T {
  if (known.includes(value as T)) return value as T;
  throw new RangeError(`${where}: ${name} must be one of ${known.join(', ')}, not ${kindOf(value)}`);
}

/** @throws TypeError */
export function optionalText(where: string, name: string, value: unknown): void {
  if (value === undefined || (typeof value === 'string' && value !== '')) return;
  throw new TypeError(`${where}: ${name} must be a text that is not empty, not ${kindOf(value)}`);
}

/** @throws TypeError, RangeError */
export function shortText(where: string, name: string, value: unknown, mostBytes: number): void {
  optionalText(where, name, value);
  if (value === undefined || Buffer.byteLength(value as string) <= mostBytes) return;
  throw new RangeError(
    `${where}: ${name} must have at most ${mostBytes} bytes, not ${Buffer.byteLength(value as string)}`,
  );
}

/** @throws TypeError */
export function optionalFlag(where: string, name: string, value: unknown): void {
  if (value === undefined || typeof value === 'boolean') return;
  throw new TypeError(`${where}: ${name} must be a boolean, not ${kindOf(value)}`);
}
