import { CallPlace, checkCallback } from '../core/index.js';

/** How often something that costs is done: never; for the first 1,024 of a thread and one in so many from then on; each time. */
export type Sampling = 'off' | 'sampled' | 'always';

/** Enough for what a program acquires when it starts, which is what stays longest; 10 ms of stacks in all. */
const FIRST = 1024;
/** A power of two. A stack costs 10 µs, so 10 ns each. */
const ONE_IN = 1024;

/** What holds for every scope of this thread that does not say otherwise. */
export interface ScopeDefaults {
  /** Whether the line that acquired a resource is kept. Cost: 10 µs and some 60 bytes each. Default `sampled`: one in 1,024. */
  sites: Sampling;
  /** Whether a scope that is collected without having been closed is reported. Cost: 0.4 µs and a stack each. Default `sampled`: one in 1,024. */
  forgotten: Sampling;
}

export const defaults: ScopeDefaults = { sites: 'sampled', forgotten: 'sampled' };

const SAMPLINGS: readonly string[] = ['off', 'sampled', 'always'];

/** @throws RangeError naming the setting and what it got. */
export function checkSampling(name: string, value: unknown): Sampling {
  if (typeof value === 'string' && SAMPLINGS.includes(value)) return value as Sampling;
  throw new RangeError(`${name} must be 'off', 'sampled' or 'always', not ${String(value)}`);
}

/**
 * Sets what every scope of this thread starts from; scopes that are open keep what they have.
 *
 * @example
 * if (process.env.NODE_ENV === 'test') configureScopes({ sites: 'always', forgotten: 'always' });
 */
export function configureScopes(settings: Partial<ScopeDefaults>): void {
  if (settings.sites !== undefined) defaults.sites = checkSampling('sites', settings.sites);
  if (settings.forgotten !== undefined) defaults.forgotten = checkSampling('forgotten', settings.forgotten);
}

let scopesSeen = 0;
let resourcesSeen = 0;

export function isScopeSampled(sampling: Sampling): boolean {
  if (sampling === 'sampled') return ++scopesSeen <= FIRST || (scopesSeen & (ONE_IN - 1)) === 0;
  return sampling === 'always';
}

/** The place of the caller, as often as `sampling` says. */
export function samplePlace(sampling: Sampling): CallPlace | undefined {
  if (sampling === 'sampled') {
    resourcesSeen++;
    if (resourcesSeen > FIRST && (resourcesSeen & (ONE_IN - 1)) !== 0) return undefined;
  } else if (sampling === 'off') return undefined;
  return new CallPlace();
}

/** Options of a resource, looked at before there is one. @throws RangeError as `checkTimeout`; TypeError for what is no function */
export function checkOptions(options: { timeoutMs?: unknown; drain?: unknown; abandon?: unknown } | undefined): void {
  if (options === undefined) return;
  const { timeoutMs, drain, abandon } = options;
  if (timeoutMs !== undefined) checkTimeout('timeoutMs', timeoutMs);
  if (drain !== undefined) checkCallback('scope', 'drain', drain);
  if (abandon !== undefined) checkCallback('scope', 'abandon', abandon);
}

/** A time limit in ms. @throws RangeError naming the setting and what it got. */
export function checkTimeout(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 2 ** 31 - 1) return value;
  throw new RangeError(`${name} must be a number of ms from 0 to ${2 ** 31 - 1}, not ${String(value)}`);
}
