import { errorText, plainText, WatertightError } from '../core/index.js';
import type { Holder } from './options.js';

/** Names come from the program. */
const shown = (name: string) => plainText(name, 80);
/** Holders that a message names; `details.holders` has all. */
const NAMED = 3;

/** `GET /orders for 31.2 s (api.ts:41), …`, oldest first. */
export function namesOf(holders: readonly Holder[]): string {
  const named = holders.slice(0, NAMED).map(({ borrower, acquiredAt, ageMs }) => {
    const place = acquiredAt === undefined ? '' : ` (${shown(acquiredAt)})`;
    return `${borrower === undefined ? 'somebody' : shown(borrower)} for ${(ageMs / 1000).toFixed(1)} s${place}`;
  });
  return named.join(', ') + (holders.length > NAMED ? `, and ${holders.length - NAMED} more` : '');
}

export function closedError(pool: string): WatertightError {
  return new WatertightError('WT_POOL_CLOSED', `Cannot take a resource of ${shown(pool)} as it is closed`, {
    hint: 'acquire before the owner closes, or close the pool after those who use it',
    details: { pool },
  });
}

export function fullError(pool: string, waitLimit: number): WatertightError {
  const message = `Cannot wait for a resource of ${shown(pool)} as ${waitLimit} wait already`;
  return new WatertightError('WT_POOL_FULL', message, {
    hint: 'take less at once, or raise max or waitLimit',
    details: { pool, waitLimit },
  });
}

export function timeoutError(
  pool: string,
  timeoutMs: number,
  max: number,
  holders: readonly Holder[],
): WatertightError {
  const who = holders.length === 0 ? 'none is lent' : `${holders.length} of ${max} are lent: ${namesOf(holders)}`;
  const message = `Cannot take a resource of ${shown(pool)} within ${timeoutMs} ms as ${who}`;
  return new WatertightError('WT_POOL_TIMEOUT', message, {
    hint: 'see who holds them in details.holders; set leaseTimeoutMs to hear of loans that last too long',
    details: { pool, timeoutMs, max, holders },
  });
}

export function createError(pool: string, cause: unknown): WatertightError {
  const message = `Cannot make a resource of ${shown(pool)} as create failed: ${errorText(cause)}`;
  return new WatertightError('WT_POOL_CREATE_FAILED', message, {
    hint: 'see the cause; the next acquire tries again',
    details: { pool },
    cause,
  });
}

export function stepTimeoutError(
  pool: string,
  phase: 'create' | 'validate' | 'destroy',
  timeoutMs: number,
): WatertightError {
  const message = `Cannot ${phase} a resource of ${shown(pool)} within ${timeoutMs} ms`;
  return new WatertightError('WT_POOL_STEP_TIMEOUT', message, {
    hint: 'raise stepTimeoutMs, or see why it hangs; its place in the pool is free again',
    details: { pool, phase, timeoutMs },
  });
}

export function releasedError(
  pool: string,
  verb: 'use' | 'release' | 'discard',
  borrower: string | undefined,
): WatertightError {
  const whose = borrower === undefined ? '' : ` of ${shown(borrower)}`;
  const message = `Cannot ${verb} a loan${whose} from ${shown(pool)} as it was given back before`;
  return new WatertightError('WT_POOL_RELEASED', message, {
    hint: 'give back in one place, best by pool.use(), or in a finally block',
    details: { pool, borrower },
  });
}

export function foreignError(pool: string): WatertightError {
  return new WatertightError('WT_POOL_FOREIGN', `Cannot release it in ${shown(pool)} as it is no loan of this pool`, {
    hint: 'release the loan that acquire() gave, in the pool that gave it',
    details: { pool },
  });
}

/** For the report of the owner: its release of the pool came back with resources still open. */
export function stuckError(pool: string, remaining: number, holders: readonly Holder[]): WatertightError {
  const who = holders.length === 0 ? 'their destroy or create hangs' : `held by ${namesOf(holders)}`;
  const message = `Cannot close ${remaining} of the resources of ${shown(pool)} in time: ${who}`;
  return new WatertightError('WT_POOL_STUCK', message, {
    hint: 'release loans when the work that took them ends; details.holders has all',
    details: { pool, remaining, holders },
  });
}
