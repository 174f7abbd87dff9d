import { checkCallback, checkOptionNames, kindOf } from '../core/index.js';

const NAMES = ['failures', 'firstDelayMs', 'maxDelayMs', 'jitter', 'healthyMs', 'random', 'context'];

/** When a supervised task is tried again. */
export interface RetryOptions {
  /** Failures in a row after which the task is given up, from 1. Default 5: the fifth comes after 15 s of pauses. */
  failures?: number;
  /** Pause after the first failure, in ms, from 0; doubled after each further one. Default 1,000. */
  firstDelayMs?: number;
  /** Longest pause before jitter, in ms. Default 120,000. */
  maxDelayMs?: number;
  /** Part of a pause by which it is made longer or shorter at random, 0 to 1, so that many do not return together. Default 0.05. */
  jitter?: number;
  /** A run of at least this length begins the count anew, in ms. Default `maxDelayMs`: it outlived the longest pause. */
  healthyMs?: number;
  /** Numbers in [0, 1). Default `Math.random`. */
  random?: () => number;
}

/** Exponential backoff with jitter: `firstDelayMs` · 2^(n − 1) ≤ `maxDelayMs`, ± `jitter`. */
export class RetryPolicy {
  readonly failures: number;
  readonly healthyMs: number;
  readonly #firstDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #jitter: number;
  readonly #random: () => number;

  constructor(options: RetryOptions) {
    checkOptionNames('supervise()', options, NAMES);
    checkCallback('supervise()', 'random', options.random);
    this.failures = options.failures ?? 5;
    this.#firstDelayMs = options.firstDelayMs ?? 1_000;
    this.#maxDelayMs = options.maxDelayMs ?? 120_000;
    this.#jitter = options.jitter ?? 0.05;
    this.healthyMs = options.healthyMs ?? this.#maxDelayMs;
    this.#random = options.random ?? Math.random;
    if (!Number.isInteger(this.failures) || this.failures < 1) {
      throw new RangeError(`supervise(): failures must be a whole number from 1, got ${kindOf(this.failures)}`);
    }
    check('firstDelayMs', this.#firstDelayMs, Number.MAX_VALUE);
    check('maxDelayMs', this.#maxDelayMs, Number.MAX_VALUE);
    check('healthyMs', this.healthyMs, Number.POSITIVE_INFINITY);
    check('jitter', this.#jitter, 1);
  }

  /** Pause after the n-th failure in a row, in ms; n from 1. */
  delayMs(n: number): number {
    const plainMs = Math.min(this.#firstDelayMs * 2 ** (n - 1), this.#maxDelayMs);
    return plainMs * (1 + this.#jitter * (2 * this.#random() - 1));
  }
}

function check(parameter: string, value: number, most: number): void {
  if (typeof value === 'number' && value >= 0 && value <= most) return;
  const upTo = most === 1 ? ' to 1' : '';
  throw new RangeError(`supervise(): ${parameter} must be a number from 0${upTo}, got ${kindOf(value)}`);
}
