import { checkCallback, checkOptionNames, checkOwner, kindOf, type Owner } from '../core/index.js';

/** What `create` gets. */
export interface Creation {
  /** `performance.now()` in ms by which the resource has to be there; later it is destroyed when it arrives. */
  readonly deadlineAt: number;
  /** Aborted when nobody wants the resource any more. Made when first read. */
  readonly signal: AbortSignal;
}

export interface PoolOptions<T> {
  /** For reports. Default `pool`. */
  name?: string;
  /** Closes the pool when it closes itself. */
  scope?: Owner;
  /** Makes one resource, now or later. */
  create: (creation: Creation) => T | PromiseLike<T>;
  /** Ends one resource, now or later. Called once for each. */
  destroy: (value: T) => unknown;
  /** Whether an idle resource still works, asked before each loan; a resource that does not is destroyed. Default: not asked. */
  validate?: (value: T) => boolean | PromiseLike<boolean>;
  /** Resources kept however idle, from 0 to `max`. Default 0. `warmUp()` makes them. */
  min?: number;
  /** Resources at once, in whatever state, from 1. Default 10, as HikariCP's and node-postgres' pools. */
  max?: number;
  /** Acquirers that wait for a loan to come back, from 0. Default 10,000. */
  waitLimit?: number;
  /** Longest wait of `acquire`, in ms. Default 30,000, as HikariCP's connectionTimeout. */
  acquireTimeoutMs?: number;
  /** A loan that lasts longer is reported with its borrower, in ms. Default: none. */
  leaseTimeoutMs?: number;
  /** A resource above `min` that was not lent for this long is destroyed, up to a quarter later, in ms. Default 600,000. */
  idleTimeoutMs?: number;
  /** Longest time for one `create`, `validate` or `destroy`, in ms. Default 5,000, what a scope gives a release. */
  stepTimeoutMs?: number;
  /**
   * Which loans remember the line that took them: `always` (10 µs each), `off`, or `sampled` (default): the first 128, one
   * in 1,024 after these, and the next 1,024 after a loan was overdue or an acquirer waited in vain.
   */
  sites?: 'off' | 'sampled' | 'always';
  /** Told when a loan is overdue, and again when it comes back after all. Without it, a process warning. */
  onLease?: (notice: LeaseNotice) => void;
  /** Told of each `create`, `validate` and `destroy` that failed or took too long, unless an acquirer is told. */
  onFailure?: (failure: PoolFailure) => void;
}

/** Who has a resource on loan. */
export interface Holder {
  /** As given to `acquire`. */
  readonly borrower: string | undefined;
  /** `file:line` of the program that took it; undefined where it was not recorded. */
  readonly acquiredAt: string | undefined;
  /** Since it was lent, in ms. */
  readonly ageMs: number;
}

export interface LeaseNotice extends Holder {
  readonly kind: 'overdue' | 'returned';
  readonly pool: string;
  readonly leaseTimeoutMs: number;
}

export interface PoolFailure {
  readonly pool: string;
  readonly phase: 'create' | 'validate' | 'destroy';
  readonly error: unknown;
}

/** The options as used, all there and checked. */
export type PoolSettings<T> = Required<Omit<PoolOptions<T>, 'scope' | 'validate' | 'onLease' | 'onFailure'>> &
  Pick<PoolOptions<T>, 'validate' | 'onLease' | 'onFailure'>;

const WAIT_LIMIT = 10_000;
const ACQUIRE_TIMEOUT_MS = 30_000;
const IDLE_TIMEOUT_MS = 600_000;
const STEP_TIMEOUT_MS = 5_000;
const MAX = 10;

const NAMES: readonly (keyof PoolOptions<unknown>)[] = [
  'name',
  'scope',
  'create',
  'destroy',
  'validate',
  'min',
  'max',
  'waitLimit',
  'acquireTimeoutMs',
  'leaseTimeoutMs',
  'idleTimeoutMs',
  'stepTimeoutMs',
  'sites',
  'onLease',
  'onFailure',
];

/** @throws TypeError or RangeError for a wrong option. */
export function checkedSettings<T>(options: PoolOptions<T>): PoolSettings<T> {
  checkOptionNames('Pool', options, NAMES);
  checkOwner('Pool', options.scope);
  const settings: PoolSettings<T> = {
    name: options.name ?? 'pool',
    create: options.create,
    destroy: options.destroy,
    validate: options.validate,
    min: options.min ?? 0,
    max: options.max ?? MAX,
    waitLimit: options.waitLimit ?? WAIT_LIMIT,
    acquireTimeoutMs: options.acquireTimeoutMs ?? ACQUIRE_TIMEOUT_MS,
    leaseTimeoutMs: options.leaseTimeoutMs ?? Number.POSITIVE_INFINITY,
    idleTimeoutMs: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
    stepTimeoutMs: options.stepTimeoutMs ?? STEP_TIMEOUT_MS,
    sites: options.sites ?? 'sampled',
    onLease: options.onLease,
    onFailure: options.onFailure,
  };
  if (typeof settings.name !== 'string' || settings.name === '') {
    throw new TypeError(`Pool: name must be a text that is not empty, got ${kindOf(settings.name)}`);
  }
  for (const key of ['create', 'destroy'] as const) checkFunction('Pool', key, settings[key]);
  for (const key of ['validate', 'onLease', 'onFailure'] as const) checkCallback('Pool', key, settings[key]);
  checkWhole('max', settings.max, 1, Number.MAX_SAFE_INTEGER);
  checkWhole('min', settings.min, 0, settings.max);
  checkWhole('waitLimit', settings.waitLimit, 0, Number.POSITIVE_INFINITY);
  for (const key of ['acquireTimeoutMs', 'leaseTimeoutMs', 'idleTimeoutMs', 'stepTimeoutMs'] as const) {
    checkMs('Pool', key, settings[key]);
  }
  if (!['off', 'sampled', 'always'].includes(settings.sites)) {
    throw new RangeError(`Pool: sites must be one of off, sampled, always, got ${kindOf(settings.sites)}`);
  }
  return settings;
}

/** One that must be there. @throws TypeError */
export function checkFunction(where: string, parameter: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw new TypeError(`${where}: ${parameter} must be a function, got ${kindOf(value)}`);
}

function checkWhole(parameter: string, value: number, least: number, most: number): void {
  const isWhole = Number.isInteger(value) || value === Number.POSITIVE_INFINITY;
  if (isWhole && value >= least && value <= most) return;
  throw new RangeError(`Pool: ${parameter} must be a whole number from ${least} to ${most}, got ${kindOf(value)}`);
}

/** @throws RangeError unless `value` is a number of ms from 0. */
export function checkMs(where: string, parameter: string, value: number): void {
  if (typeof value === 'number' && value >= 0) return;
  throw new RangeError(`${where}: ${parameter} must be a number of ms from 0, got ${kindOf(value)}`);
}
