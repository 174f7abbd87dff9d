import type { ResourceLimits } from 'node:worker_threads';
import { checkCallback, checkOptionNames, checkOwner, checkSignal, kindOf, type Owner } from '../core/index.js';
import type { StuckThread } from './pool-report.js';
import type { TaskContext } from './task-context.js';
import type { ThreadRegistry } from './thread-registry.js';

/** Long enough to import a large program, short enough to see that it hangs. */
const START_TIMEOUT_MS = 30_000;
/** Time for a task that was told to stop. */
const ABORT_MS = 1_000;
/** Time to dispose of the thread-local values. */
const LEAVE_MS = 2_000;
/** `terminate()` takes some 3 ms from JavaScript and from `Atomics.wait`; after this only native code is left. */
const TERMINATE_MS = 500;
const IDLE_MS = 30 * 60_000;
/** A queue of small inputs stays below some MB, and a caller learns of overload before memory does. */
const QUEUE_LIMIT = 10_000;

/** A function that runs in a thread. */
export type ThreadTask<Input, Output> = (input: Input, context: TaskContext) => Output;

/** Where the tasks come from: one of the two. */
type TaskSource<Input, Output> =
  | {
      /** Module whose exported functions are the tasks: a path from the working folder, or a URL. May be TypeScript. */
      readonly file: string | URL;
      readonly fn?: undefined;
    }
  | {
      readonly file?: undefined;
      /**
       * Instead of `file`, one function. Only its text reaches the thread: it sees nothing of what is around it, and has
       * to be an arrow function or a function expression.
       */
      readonly fn: ThreadTask<Input, Output>;
    };

/** What a pool is made with. */
export type ThreadPoolOptions<Input = unknown, Output = unknown> = TaskSource<Input, Output> & PoolOptions;

interface PoolOptions {
  /** Of the pool, in reports; its threads are `name#1`, `name#2` … */
  readonly name?: string;
  /** Most threads that work at a time, from 1. */
  readonly size: number;
  /** Threads that are kept when there is nothing to do, 0 to `size`; `warm()` starts them before they are needed. 1 if not given. */
  readonly min?: number;
  /** Closes the pool when it closes. */
  readonly scope?: Owner;
  /** Sees the threads of the pool with their names. */
  readonly registry?: ThreadRegistry;
  /** Plain data for `context.data` in every thread. */
  readonly data?: unknown;
  /** Limit of a task's run in ms, without the wait in the queue; none if not given. */
  readonly taskTimeoutMs?: number;
  /** Most tasks that may wait, 10 000 if not given. */
  readonly queueLimit?: number;
  /** A thread that has come to one of these is replaced by a fresh one, which is ready before the old one leaves. */
  readonly recycleAfter?: {
    /** Tasks run. */
    readonly tasks?: number;
    readonly ageMs?: number;
    /** Heap in use at the end of a task, garbage included: set it well above what the work needs. */
    readonly heapBytes?: number;
  };
  /** A thread above `min` that was idle for so long leaves; 30 minutes if not given. */
  readonly idleMs?: number;
  /** Limit for the start of a thread, 30 000 ms if not given. */
  readonly startTimeoutMs?: number;
  /** From abort to terminate, 1 000 ms if not given. */
  readonly abortMs?: number;
  /** For disposing of thread-local values, 2 000 ms if not given. */
  readonly leaveMs?: number;
  /** From terminate to `unresponsive`, 500 ms if not given. */
  readonly terminateMs?: number;
  /** Memory limits of V8 for each thread. */
  readonly resourceLimits?: ResourceLimits;
  /** Called when a thread is still there after it was terminated. Also published on `watertight:thread-unresponsive`. */
  readonly onUnresponsive?: (thread: StuckThread) => void;
}

export interface RunOptions {
  /** Exported function to run, `default` if not given. */
  readonly task?: string;
  /** In place of the pool's `taskTimeoutMs`. */
  readonly timeoutMs?: number;
  /** Aborting rejects with its reason at once; a task that runs is told to stop. */
  readonly signal?: AbortSignal;
  /** Objects that move to the thread instead of being copied. */
  readonly transfer?: readonly unknown[];
}

/** The options with their defaults, checked. */
export interface PoolSettings {
  readonly name: string;
  readonly size: number;
  readonly min: number;
  readonly taskTimeoutMs: number;
  readonly queueLimit: number;
  readonly recycleTasks: number;
  readonly recycleAgeMs: number;
  readonly recycleHeapBytes: number;
  readonly idleMs: number;
  readonly startTimeoutMs: number;
  readonly abortMs: number;
  readonly leaveMs: number;
  readonly terminateMs: number;
}

const WHERE = 'new ThreadPool(options)';

/** All names, held against the type by the compiler. */
export const POOL_OPTION_NAMES: readonly string[] = Object.keys({
  file: 0,
  fn: 0,
  name: 0,
  size: 0,
  min: 0,
  scope: 0,
  registry: 0,
  data: 0,
  taskTimeoutMs: 0,
  queueLimit: 0,
  recycleAfter: 0,
  idleMs: 0,
  startTimeoutMs: 0,
  abortMs: 0,
  leaveMs: 0,
  terminateMs: 0,
  resourceLimits: 0,
  onUnresponsive: 0,
} satisfies Record<keyof ThreadPoolOptions, 0>);
export const RECYCLE_OPTION_NAMES = ['tasks', 'ageMs', 'heapBytes'] as const;
export const RUN_OPTION_NAMES = ['task', 'timeoutMs', 'signal', 'transfer'] as const;

/** @throws TypeError, RangeError naming the option, its rule and what came */
export function settlePoolOptions<I, O>(options: ThreadPoolOptions<I, O>): PoolSettings {
  checkKinds(options);
  const { size, min = Math.min(1, size), recycleAfter = {} } = options;
  whole('size', size, 1);
  whole('min', min, 0);
  if (min > size) throw new RangeError(`min must be at most size (${size}), not ${min}`);
  return {
    name: options.name ?? 'threads',
    size,
    min,
    taskTimeoutMs: positive('taskTimeoutMs', options.taskTimeoutMs ?? Number.POSITIVE_INFINITY),
    queueLimit: whole('queueLimit', options.queueLimit ?? QUEUE_LIMIT, 0),
    recycleTasks: positive('recycleAfter.tasks', recycleAfter.tasks ?? Number.POSITIVE_INFINITY),
    recycleAgeMs: positive('recycleAfter.ageMs', recycleAfter.ageMs ?? Number.POSITIVE_INFINITY),
    recycleHeapBytes: positive('recycleAfter.heapBytes', recycleAfter.heapBytes ?? Number.POSITIVE_INFINITY),
    idleMs: positive('idleMs', options.idleMs ?? IDLE_MS),
    startTimeoutMs: positive('startTimeoutMs', options.startTimeoutMs ?? START_TIMEOUT_MS),
    abortMs: positive('abortMs', options.abortMs ?? ABORT_MS),
    leaveMs: positive('leaveMs', options.leaveMs ?? LEAVE_MS),
    terminateMs: positive('terminateMs', options.terminateMs ?? TERMINATE_MS),
  };
}

function checkKinds(options: ThreadPoolOptions<never, unknown>): void {
  checkOptionNames(WHERE, options, POOL_OPTION_NAMES);
  const { file, fn, name, scope, registry, recycleAfter, resourceLimits } = options;
  if ((file === undefined) === (fn === undefined)) throw new TypeError('options must have file or fn, one of them');
  if (file !== undefined && typeof file !== 'string' && !(file instanceof URL))
    throw wrong('file', 'a path or a URL', file);
  checkCallback(WHERE, 'fn', fn);
  if (name !== undefined && typeof name !== 'string') throw wrong('name', 'a text', name);
  checkOwner(WHERE, scope);
  if (registry !== undefined && typeof registry?.register !== 'function')
    throw wrong('registry', 'a ThreadRegistry', registry);
  if (recycleAfter !== undefined) checkOptionNames(`${WHERE}: recycleAfter`, recycleAfter, RECYCLE_OPTION_NAMES);
  if (resourceLimits !== undefined && (typeof resourceLimits !== 'object' || resourceLimits === null))
    throw wrong('resourceLimits', 'an object', resourceLimits);
  checkCallback(WHERE, 'onUnresponsive', options.onUnresponsive);
}

function wrong(name: string, rule: string, value: unknown): TypeError {
  return new TypeError(`${WHERE}: ${name} must be ${rule}, not ${kindOf(value)}`);
}

/** @throws TypeError, RangeError, before anything is counted or registered */
export function checkRunOptions(options: RunOptions): void {
  checkOptionNames('pool.run(input, options)', options, RUN_OPTION_NAMES);
  const { task, timeoutMs, signal, transfer } = options;
  if (task !== undefined && typeof task !== 'string')
    throw new TypeError(`pool.run(input, options): task must be the name of an export, not ${kindOf(task)}`);
  if (timeoutMs !== undefined) positive('timeoutMs', timeoutMs);
  checkSignal('pool.run(input, options)', signal);
  if (transfer !== undefined && !Array.isArray(transfer))
    throw new TypeError(`pool.run(input, options): transfer must be an array, not ${kindOf(transfer)}`);
}

export function positive(name: string, value: number): number {
  if (typeof value !== 'number' || !(value > 0)) throw new RangeError(`${name} must be a number above 0, not ${value}`);
  return value;
}

function whole(name: string, value: number, from: number): number {
  if (!Number.isInteger(value) || value < from)
    throw new RangeError(`${name} must be a whole number from ${from}, not ${value}`);
  return value;
}
