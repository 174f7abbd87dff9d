import { checkOptionNames, kindOf } from '../core/index.js';
import { oneOf, optionalText, wholeNumber } from './option-checks.js';

/** When what is accepted is on the disk. */
export type OutboxSync = 'each' | 'group' | 'os';

/** A folder in which events wait until the broker has them. */
export interface OutboxOptions {
  /** Of this publisher alone; made with mode 0700 if it is not there. On a local disk. */
  readonly folder: string;
  /** Most bytes of events on the disk. Default 256 MiB: an hour of 240 events of 300 bytes a second. */
  readonly maxBytes?: number;
  /** A file is ended at this size, and removed when all of it is delivered. Default 8 MiB, at most an eighth of `maxBytes`. */
  readonly segmentBytes?: number;
  /**
   * `each`: every event is written and synced (fdatasync) by itself; `group`: what came in one turn of the event loop, or
   * while the last write ran, goes together; `os`: written and not synced: a SIGKILL loses nothing, a power cut what the
   * system had not written yet (30 s by Linux' default). Default `group`.
   */
  readonly sync?: OutboxSync;
}

export interface OutboxSettings {
  readonly folder: string;
  readonly maxBytes: number;
  readonly segmentBytes: number;
  readonly sync: OutboxSync;
}

const MIB = 2 ** 20;
/** Smaller files would be made and removed more often than written. */
const LEAST_SEGMENT_BYTES = 4096;

/** @throws TypeError, RangeError naming the option */
export function outboxSettingsOf(where: string, options: OutboxOptions | undefined): OutboxSettings {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`${where}: delivery: 'outbox' needs outbox: { folder }, not ${kindOf(options)}`);
  }
  checkOptionNames(`${where}, outbox`, options, ['folder', 'maxBytes', 'segmentBytes', 'sync']);
  if (options.folder === undefined) throw new TypeError(`${where}: outbox.folder must be a text that is not empty`);
  optionalText(where, 'outbox.folder', options.folder);
  const maxBytes = wholeNumber(where, 'outbox.maxBytes', options.maxBytes ?? 256 * MIB, LEAST_SEGMENT_BYTES, 2 ** 40);
  const normal = Math.max(LEAST_SEGMENT_BYTES, Math.min(8 * MIB, Math.floor(maxBytes / 8)));
  return {
    folder: options.folder,
    maxBytes,
    // An offset has 32 bits.
    segmentBytes: wholeNumber(
      where,
      'outbox.segmentBytes',
      options.segmentBytes ?? normal,
      LEAST_SEGMENT_BYTES,
      2 ** 30,
    ),
    sync: oneOf(where, 'outbox.sync', options.sync ?? 'group', ['each', 'group', 'os']),
  };
}
