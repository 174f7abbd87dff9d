import { checkOptionNames } from '../core/index.js';
import type { RecoveryLimits } from './recovery.js';

/** What happens to a message for a client that does not read fast enough. */
export type Overflow = 'wait' | 'drop' | 'close';

export interface ConnectionLimits {
  /** Connections in all, from 1. Default 10,000. */
  readonly limit?: number;
  /** Connections of one user, from 1. Default 8: tabs and devices of one person. */
  readonly perUser?: number;
  /** Each connection is pinged once in this time, in ms; 0 pings nobody. Default 30,000, below the idle limit of proxies. */
  readonly heartbeatMs?: number;
  /** A ping that is not answered within this time ends the connection, in ms, 1 to `heartbeatMs`. Default 10,000. */
  readonly heartbeatTimeoutMs?: number;
  /** A handler may take this long with one message, in ms; then its connection is closed with 1011. Default 30,000. */
  readonly handlerTimeoutMs?: number;
  /** Longest wait for the other side's close frame, in ms; then the socket is destroyed. Default 2,000. */
  readonly closeTimeoutMs?: number;
  /** Largest message, in bytes, either way. Default 1 MiB. */
  readonly maxMessageBytes?: number;
  /** A connection with more than this unsent is slow: `overflow` says what happens then. Default 1 MiB. */
  readonly maxBufferedBytes?: number;
  /**
   * For a slow connection. `wait`: its messages wait, as many as `recovery.perUser`, then the oldest is dropped. `drop`:
   * the new message is. `close`: it is closed with 1013, and what it missed is kept for when its user comes back. Default
   * `wait`.
   */
  readonly overflow?: Overflow;
  /** What is kept for users who are away. */
  readonly recovery?: Partial<RecoveryLimits> & {
    /** Longest time for all that was kept, when its user comes back, in ms. Default 5,000. */
    readonly replayMs?: number;
    /** Longest time for one message of it, in ms. Default 3,000. */
    readonly replayMessageMs?: number;
  };
}

/** All names, held against the type by the compiler. */
export const LIMIT_NAMES: readonly string[] = Object.keys({
  limit: 0,
  perUser: 0,
  heartbeatMs: 0,
  heartbeatTimeoutMs: 0,
  handlerTimeoutMs: 0,
  closeTimeoutMs: 0,
  maxMessageBytes: 0,
  maxBufferedBytes: 0,
  overflow: 0,
  recovery: 0,
} satisfies Record<keyof ConnectionLimits, 0>);
export const RECOVERY_NAMES: readonly string[] = Object.keys({
  perUser: 0,
  users: 0,
  totalBytes: 0,
  ttlMs: 0,
  replayMs: 0,
  replayMessageMs: 0,
} satisfies Record<keyof NonNullable<ConnectionLimits['recovery']>, 0>);

export interface Settings extends RecoveryLimits {
  readonly limit: number;
  readonly connectionsPerUser: number;
  readonly heartbeatMs: number;
  readonly heartbeatTimeoutMs: number;
  readonly handlerTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly maxBufferedBytes: number;
  readonly overflow: Overflow;
  readonly replayMs: number;
  readonly replayMessageMs: number;
}

const MIB = 2 ** 20;
const LONGEST_MS = 2 ** 31 - 1;
const OVERFLOWS: readonly unknown[] = ['wait', 'drop', 'close'];

/** @throws TypeError, RangeError naming the option, its rule and what it got */
export function settingsOf(options: ConnectionLimits): Settings {
  const { recovery = {}, overflow = 'wait' } = options;
  checkOptionNames('new ConnectionRegistry({ recovery })', recovery, RECOVERY_NAMES);
  if (!OVERFLOWS.includes(overflow)) {
    throw new RangeError(`overflow must be 'wait', 'drop' or 'close', not ${String(overflow)}`);
  }
  const heartbeatMs = whole('heartbeatMs', options.heartbeatMs ?? 30_000, 0, LONGEST_MS);
  const longestAnswer = heartbeatMs === 0 ? LONGEST_MS : heartbeatMs;
  return {
    limit: whole('limit', options.limit ?? 10_000, 1),
    connectionsPerUser: whole('perUser', options.perUser ?? 8, 1),
    heartbeatMs,
    heartbeatTimeoutMs: whole(
      'heartbeatTimeoutMs',
      options.heartbeatTimeoutMs ?? Math.min(10_000, longestAnswer),
      1,
      longestAnswer,
    ),
    handlerTimeoutMs: whole('handlerTimeoutMs', options.handlerTimeoutMs ?? 30_000, 1, LONGEST_MS),
    closeTimeoutMs: whole('closeTimeoutMs', options.closeTimeoutMs ?? 2_000, 1, LONGEST_MS),
    maxMessageBytes: whole('maxMessageBytes', options.maxMessageBytes ?? MIB, 1),
    maxBufferedBytes: whole('maxBufferedBytes', options.maxBufferedBytes ?? MIB, 0),
    overflow,
    // 50 messages, 5 s and 3 s are those of the system that this one replaces.
    perUser: whole('recovery.perUser', recovery.perUser ?? 50, 0),
    users: whole('recovery.users', recovery.users ?? 10_000, 1),
    totalBytes: whole('recovery.totalBytes', recovery.totalBytes ?? 16 * MIB, 0),
    ttlMs: whole('recovery.ttlMs', recovery.ttlMs ?? 300_000, 1, LONGEST_MS),
    replayMs: whole('recovery.replayMs', recovery.replayMs ?? 5_000, 1, LONGEST_MS),
    replayMessageMs: whole('recovery.replayMessageMs', recovery.replayMessageMs ?? 3_000, 1, LONGEST_MS),
  };
}

/** @throws RangeError */
export function whole(name: string, value: unknown, least: number, most = Number.MAX_SAFE_INTEGER): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
  throw new RangeError(`${name} must be a whole number ${range}, not ${String(value)}`);
}

/** Long enough for any account's name, short enough to be a key a million times. */
const USER_ID_CHARS = 256;

/** @throws TypeError: an id that is missing, or an object that would read as `[object Object]`, must not join two users */
export function checkUserId(userId: unknown): string {
  if (typeof userId === 'string' && userId.length > 0 && userId.length <= USER_ID_CHARS) return userId;
  const got = typeof userId === 'string' ? `a string of ${userId.length}` : typeof userId;
  throw new TypeError(`userId must be a string of 1 to ${USER_ID_CHARS} characters, not ${got}`);
}
