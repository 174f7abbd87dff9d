import { checkCallback, checkOptionNames, checkOwner, kindOf, type Owner } from '../core/index.js';
import type { FailureListener } from './failure-reporter.js';

/** What happens to a spawn when `queueLimit` tasks wait already. */
export type Overflow = 'block' | 'reject' | 'drop-oldest' | 'drop-newest';

const OVERFLOWS: readonly Overflow[] = ['block', 'reject', 'drop-oldest', 'drop-newest'];

/** 3 MB of waiting tasks, at some 300 bytes each. */
const QUEUE_LIMIT = 10_000;

export interface BackgroundTasksOptions {
  /** For reports. Default `tasks`. */
  name?: string;
  /** Closes the manager when it closes itself; a `Scope` also lets it drain first, together with everything else. */
  scope?: Owner;
  /** Tasks that run at once, from 1. Default Infinity: each starts within `spawn`. */
  concurrency?: number;
  /** Tasks that wait for a place, from 0. Default 10,000. */
  queueLimit?: number;
  /**
   * What happens to a spawn over `queueLimit`. `reject` (default): its promise rejects with WT_TASKS_FULL. `drop-oldest`:
   * the longest waiting task is dropped for it. `drop-newest`: it is dropped itself. `block`: it waits for a place in the
   * queue, and is refused when the manager closes before; for spawners that await.
   */
  overflow?: Overflow;
  /** Which spawns remember their own line: `always` (10 µs each); by default it is known by name; `off`: never. */
  sites?: 'off' | 'sampled' | 'always';
  /** Called for each task that fails, runs over its limit, or is not taken. What it throws becomes a process warning. */
  onFailure?: FailureListener;
  /** Called for each supervised task that is given up. */
  onAbandoned?: FailureListener;
}

const NAMES: readonly (keyof BackgroundTasksOptions)[] = [
  'name',
  'scope',
  'concurrency',
  'queueLimit',
  'overflow',
  'sites',
  'onFailure',
  'onAbandoned',
];

/** The options as used, all there and checked. */
export interface TaskLimits {
  readonly name: string;
  readonly concurrency: number;
  readonly queueLimit: number;
  readonly overflow: Overflow;
  readonly sites: 'off' | 'sampled' | 'always';
}

/** @throws TypeError or RangeError for a wrong option. */
export function checkedLimits(options: BackgroundTasksOptions): TaskLimits {
  checkOptionNames('BackgroundTasks', options, NAMES);
  checkOwner('BackgroundTasks', options.scope);
  checkCallback('BackgroundTasks', 'onFailure', options.onFailure);
  checkCallback('BackgroundTasks', 'onAbandoned', options.onAbandoned);
  const { name = 'tasks', concurrency = Number.POSITIVE_INFINITY, queueLimit = QUEUE_LIMIT } = options;
  const { overflow = 'reject', sites = 'sampled' } = options;
  checkText('BackgroundTasks', name);
  checkWhole('BackgroundTasks', 'concurrency', concurrency, 1);
  checkWhole('BackgroundTasks', 'queueLimit', queueLimit, 0);
  checkOneOf('overflow', overflow, OVERFLOWS);
  checkOneOf('sites', sites, ['off', 'sampled', 'always']);
  return { name, concurrency, queueLimit, overflow, sites };
}

/** A name. @throws TypeError */
export function checkText(where: string, name: unknown): void {
  if (typeof name === 'string' && name !== '') return;
  throw new TypeError(`${where}: name must be a text that is not empty, got ${kindOf(name)}`);
}

/** What a task runs. @throws TypeError */
export function checkRun(where: string, run: unknown): void {
  if (typeof run === 'function') return;
  throw new TypeError(`${where}: run must be a function, got ${kindOf(run)}`);
}

function checkWhole(where: string, parameter: string, value: number, least: number): void {
  if (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= least)) return;
  throw new RangeError(`${where}: ${parameter} must be a whole number from ${least}, got ${kindOf(value)}`);
}

function checkOneOf(parameter: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new RangeError(`BackgroundTasks: ${parameter} must be one of ${allowed.join(', ')}, got ${kindOf(value)}`);
}

/** @throws RangeError unless `value` is a number of ms from 0. */
export function checkMs(where: string, parameter: string, value: number): void {
  if (typeof value === 'number' && value >= 0) return;
  throw new RangeError(`${where}: ${parameter} must be a number of ms from 0, got ${kindOf(value)}`);
}
