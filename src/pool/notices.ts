import { channel } from 'node:diagnostics_channel';
import { errorText, plainText } from '../core/index.js';
import type { LeaseNotice, PoolFailure } from './options.js';
import { namesOf } from './refusals.js';

const leases = channel('watertight:pool-lease');
const failures = channel('watertight:pool-failed');

/** Brings what a pool has to say to its listeners, to the diagnostics channels, or, when nobody listens, into warnings. */
export class Notices {
  readonly #onLease: ((notice: LeaseNotice) => void) | undefined;
  readonly #onFailure: ((failure: PoolFailure) => void) | undefined;
  #hasWarned = false;

  constructor(
    onLease: ((notice: LeaseNotice) => void) | undefined,
    onFailure: ((failure: PoolFailure) => void) | undefined,
  ) {
    this.#onLease = onLease;
    this.#onFailure = onFailure;
  }

  tellLease(notice: LeaseNotice): void {
    if (leases.hasSubscribers) leases.publish(notice);
    if (this.#onLease) notify(this.#onLease, notice);
    else if (!leases.hasSubscribers) {
      const what = notice.kind === 'overdue' ? 'is overdue' : 'came back after all';
      warn('WT_POOL_OVERDUE', `A loan of ${plainText(notice.pool, 80)} ${what}: held by ${namesOf([notice])}`);
    }
  }

  tellFailure(failure: PoolFailure): void {
    if (failures.hasSubscribers) failures.publish(failure);
    if (this.#onFailure) notify(this.#onFailure, failure);
    else if (!failures.hasSubscribers && !this.#hasWarned) {
      this.#hasWarned = true;
      const what = `${failure.phase} of ${plainText(failure.pool, 80)} failed: ${errorText(failure.error)}`;
      warn('WT_POOL_FAILED', `${what}. Later failures are not told; give onFailure to hear of each`);
    }
  }
}

function notify<N extends { readonly pool: string }>(listener: (notice: N) => void, notice: N): void {
  try {
    listener(notice);
  } catch (error) {
    warn('WT_POOL_FAILED', `A listener of ${plainText(notice.pool, 80)} threw: ${errorText(error)}`);
  }
}

function warn(code: 'WT_POOL_OVERDUE' | 'WT_POOL_FAILED', message: string): void {
  process.emitWarning(message, { type: 'WatertightWarning', code });
}
