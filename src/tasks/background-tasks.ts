import { CallPlace, checkOptionNames, monotonicMs, type Owned, type Owner } from '../core/index.js';
import { Scope } from '../scope/index.js';
import { FailureReporter, type TaskFailure } from './failure-reporter.js';
import { IdleWaits } from './idle-waits.js';
import {
  type BackgroundTasksOptions,
  checkedLimits,
  checkMs,
  checkRun,
  checkText,
  type TaskLimits,
} from './options.js';
import { cancelledError, closedError, droppedError, fullError, stuckError, timeoutError } from './refusals.js';
import { describeTask, type TaskInfo, type TasksCloseReport, type TasksStats } from './report.js';
import { type RetryOptions, RetryPolicy } from './retry-policy.js';
import { SpawnPlaces } from './spawn-places.js';
import { supervise } from './supervise.js';
import type { Task } from './task.js';
import type { TaskExtras } from './task-extras.js';
import { TaskList } from './task-list.js';
import { TaskRecord } from './task-record.js';

export interface SpawnOptions {
  /**
   * Longest run from the moment it starts, in ms, from 0. At its end the task is told to stop and its promise rejects
   * with WT_TASKS_TIMEOUT, whether it stops or not. Default: none.
   */
  timeoutMs?: number;
  /** Anything that tells this task from others of its name; shown by `list()`. */
  context?: unknown;
}

export interface TasksCloseOptions {
  /** How long running and waiting tasks may go on before they are told to stop, in ms. Default: three quarters of `timeoutMs`. */
  graceMs?: number;
  /** When waiting ends, in ms from the call. Default 10,000, or `graceMs` + 5,000. */
  timeoutMs?: number;
}

/** The close of a scope takes as long by default. */
const CLOSE_TIMEOUT_MS = 10_000;
/** What is left of it for tasks that were told to stop. */
const GRACE_SHARE = 0.75;
/** The same with a grace of the caller's own: a scope gives each release as long. */
const STOP_MS = 5_000;
/** In a report; more would say nothing new, and each may hold much. */
const FAILURES_KEPT = 100;

/** Part of the owner's time that is left unused, and the most of it: its own deadline must not come before our report. */
const MARGIN_SHARE = 0.2;
const MARGIN_MS = 250;

const places = new SpawnPlaces();

/** A rejection of ours never counts as unhandled: the failure is reported in other ways. */
const ignore = () => {};

/**
 * Work that nobody waits for, with an owner: each task has a name, may have a limit, is counted and listed while it runs,
 * and is drained, cancelled or named when the manager closes. Owned by its scope or by whoever made it; ends with
 * `close()`. A task that ended leaves no timer, listener or record.
 *
 * **Failures.** The promise of `spawn` rejects for whoever awaits it, and its rejection never counts as unhandled. Each
 * failure is counted, and goes to `onFailure` and to the diagnostics channel `watertight:task-failed`; without either, the
 * first one of a manager is a process warning.
 *
 * @throws TypeError or RangeError for wrong options. WatertightError WT_SCOPE_CLOSED when `scope` has closed.
 *
 * Cost: `spawn` until settled some 0.15 µs; a task that is queued or has a limit some 0.5 µs.
 *
 * @example
 * const tasks = new BackgroundTasks({ name: 'mail', scope, concurrency: 8 });
 * tasks.spawn('welcome', ({ signal }) => fetch('http://127.0.0.1:8025/send', { signal }), { timeoutMs: 5_000 });
 * await tasks.close({ graceMs: 5_000 });
 */
export class BackgroundTasks implements AsyncDisposable {
  readonly #limits: TaskLimits;
  readonly #concurrency: number;
  readonly #failures: FailureReporter;
  readonly #running = new TaskList();
  readonly #queued = new TaskList();
  readonly #blocked = new TaskList();
  readonly #idle = new IdleWaits();
  readonly #owned: Owned | null;
  /** Of the running ones: supervised tasks between two tries. */
  #waiting = 0;
  #isStarting = false;
  #isDraining = false;
  #closing: Promise<TasksCloseReport> | null = null;
  #failuresWhileClosing: TaskFailure[] = [];
  #completed = 0;
  #failed = 0;
  #cancelled = 0;
  #timedOut = 0;
  #refused = 0;
  /** What was counted before closing began. */
  #before = { size: 0, completed: 0, failed: 0, cancelled: 0 };

  constructor(options: BackgroundTasksOptions = {}) {
    this.#limits = checkedLimits(options);
    this.#concurrency = this.#limits.concurrency;
    this.#failures = new FailureReporter(options.onFailure, options.onAbandoned);
    this.#owned = options.scope ? this.#ownBy(options.scope) : null;
  }

  get name(): string {
    return this.#limits.name;
  }

  /** Tasks that run or wait in the queue; those that were told to stop count until they have. */
  get size(): number {
    return this.#running.size + this.#queued.size;
  }

  /** True from the moment in which closing begins. */
  get isClosed(): boolean {
    return this.#isDraining;
  }

  /**
   * Calls `run` now, or when a place is free. Never throws for what `run` does.
   *
   * @param name what the task is, for reports; the same for all tasks of a kind
   * @param run gets the task: `({ signal }) => …`. The task lasts until the promise that it returns is settled.
   * @returns what `run` gives. Rejects as `run` does; with WT_TASKS_CANCELLED, WT_TASKS_TIMEOUT, WT_TASKS_DROPPED; at once with
   *   WT_TASKS_CLOSED, WT_TASKS_FULL. A running task without `timeoutMs` settles when its function does, no sooner.
   * @throws TypeError or RangeError for a wrong argument.
   */
  spawn<T>(name: string, run: (task: Task) => T | PromiseLike<T>, options?: SpawnOptions): Promise<T> {
    checkText('spawn()', name);
    checkRun('spawn()', run);
    const timeoutMs = options?.timeoutMs;
    if (timeoutMs !== undefined) checkMs('spawn()', 'timeoutMs', timeoutMs);
    const task = new TaskRecord(name, options?.context);
    return this.#admit(task, run, timeoutMs);
  }

  /**
   * Keeps a task running that should never fail: tries again after a failure, gives up after too many in a row. It
   * is told to stop as soon as closing begins, and has the whole grace for it.
   *
   * @returns what `run` gives once it succeeds. Rejects with WT_TASKS_ABANDONED when it is given up (`onAbandoned` and the
   *   channel `watertight:task-failed` are told too), else as `spawn`.
   * @throws TypeError or RangeError for a wrong argument.
   */
  supervise<T>(
    name: string,
    run: (task: Task) => T | PromiseLike<T>,
    options: RetryOptions & { context?: unknown } = {},
  ): Promise<T> {
    checkText('supervise()', name);
    checkRun('supervise()', run);
    const policy = new RetryPolicy(options);
    const task = new TaskRecord(name, options.context);
    task.extend().isEndless = true;
    const onRetry = (error: unknown, retryInMs: number) => this.#report(task, error, retryInMs);
    const onWait = (change: 1 | -1) => {
      this.#waiting += change;
    };
    return this.#admit(task, () => supervise(task, run, policy, onRetry, onWait), undefined);
  }

  /** Every task that is there, the running ones first, each in the order of their spawning. Cost: O(tasks). */
  list(): TaskInfo[] {
    return [this.#running, this.#queued, this.#blocked].flatMap((list) =>
      list.toArray().map((task) => describeTask(task, (name) => places.find(name))),
    );
  }

  stats(): TasksStats {
    return {
      running: this.#running.size - this.#waiting,
      waiting: this.#waiting,
      queued: this.#queued.size,
      blocked: this.#blocked.size,
      completed: this.#completed,
      failed: this.#failed,
      cancelled: this.#cancelled,
      timedOut: this.#timedOut,
      refused: this.#refused,
    };
  }

  /**
   * Tells every task to stop: `reason` becomes the reason of its signal. One that waits never starts; one that runs stays
   * in `list()` until its function has ended, and does not count as completed whatever it gives then.
   * @returns how many were told now.
   */
  cancelAll(reason?: unknown): number {
    return this.#cancelWhere(() => true, reason);
  }

  /** As `cancelAll`, for the tasks of that name. Cost: O(tasks). */
  cancel(name: string, reason?: unknown): number {
    return this.#cancelWhere((task) => task.name === name, reason);
  }

  /** Waits until no task runs or waits, at most `timeoutMs` (default: for ever). Takes no task's failure. */
  async settled({ timeoutMs = Number.POSITIVE_INFINITY }: { timeoutMs?: number } = {}): Promise<{
    status: 'completed' | 'timeout';
    remaining: number;
  }> {
    checkMs('settled()', 'timeoutMs', timeoutMs);
    if (this.size > 0) await this.#idle.until(monotonicMs() + timeoutMs);
    return { status: this.size === 0 ? 'completed' : 'timeout', remaining: this.size };
  }

  /**
   * Ends the manager: takes no more tasks, lets those that are there end (`graceMs`), tells the rest to stop, and returns when
   * they have, or at `timeoutMs` + 50 ms at the latest, naming what still runs. Every call waits for the one run.
   * Called by one of its own tasks and awaited there, it waits for that task until `timeoutMs`.
   * @throws TypeError or RangeError for a wrong option. Never rejects.
   */
  close(options: TasksCloseOptions = {}): Promise<TasksCloseReport> {
    checkOptionNames('close()', options, ['graceMs', 'timeoutMs']);
    const { graceMs } = options;
    if (graceMs !== undefined) checkMs('close()', 'graceMs', graceMs);
    const timeoutMs = options.timeoutMs ?? (graceMs === undefined ? CLOSE_TIMEOUT_MS : graceMs + STOP_MS);
    checkMs('close()', 'timeoutMs', timeoutMs);
    if (this.#closing) return this.#closing.then((report) => ({ ...report, status: 'already-closed' }));
    this.#closing = this.#close(Math.min(graceMs ?? timeoutMs * GRACE_SHARE, timeoutMs), timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #admit<T>(task: TaskRecord, run: (task: Task) => T | PromiseLike<T>, timeoutMs: number | undefined): Promise<T> {
    const { sites } = this.#limits;
    if (sites === 'sampled') places.note(task.name, this.spawn);
    else if (sites === 'always') task.extend().place = new CallPlace(this.spawn);
    if (this.#isDraining) return this.#refuse(task, closedError(task.name, this.name));
    if (this.#running.size < this.#concurrency && timeoutMs === undefined) {
      this.#running.append(task);
      return this.#call(task, run);
    }
    return this.#admitWithPromise(task, run, timeoutMs);
  }

  /** A task that waits, or has a limit, may settle before its function does: it gets a promise of its own. */
  #admitWithPromise<T>(
    task: TaskRecord,
    run: (task: Task) => T | PromiseLike<T>,
    timeoutMs: number | undefined,
  ): Promise<T> {
    const extras = task.extend();
    extras.timeoutMs = timeoutMs;
    extras.run = run;
    const promise = extras.makePromise() as Promise<T>;
    if (this.#running.size < this.#concurrency) this.#start(task, extras);
    else this.#enqueue(task);
    return promise;
  }

  #enqueue(task: TaskRecord): void {
    const { queueLimit, overflow } = this.#limits;
    if (this.#queued.size < queueLimit) {
      task.state = 'queued';
      this.#queued.append(task);
    } else if (overflow === 'block') {
      task.state = 'blocked';
      this.#blocked.append(task);
    } else if (overflow === 'drop-oldest' && this.#queued.first) {
      const oldest = this.#queued.first;
      this.#queued.remove(oldest);
      task.state = 'queued';
      this.#queued.append(task);
      this.#refuse(oldest, droppedError(oldest.name, this.name, queueLimit));
    } else {
      const makeError = overflow === 'reject' ? fullError : droppedError;
      this.#refuse(task, makeError(task.name, this.name, queueLimit));
    }
  }

  /** Not taken after all: counted and reported, as its spawner may not look at the promise. */
  #refuse(task: TaskRecord, error: unknown): Promise<never> {
    this.#refused++;
    task.extras?.reject(error);
    this.#report(task, error);
    return rejected(error);
  }

  #call<T>(task: TaskRecord, run: (task: Task) => T | PromiseLike<T>): Promise<T> {
    let result: T | PromiseLike<T>;
    let promise: Promise<T> | null;
    try {
      result = run(task);
      promise = asPromise(result);
    } catch (error) {
      return rejected(this.#onRejected(task, error));
    }
    if (promise) return this.#follow(task, promise);
    const refusal = this.#onFulfilled(task);
    return refusal === null ? Promise.resolve(result) : rejected(refusal);
  }

  #follow<T>(task: TaskRecord, result: Promise<T>): Promise<T> {
    const promise: Promise<T> = result.then(
      (value) => {
        const refusal = this.#onFulfilled(task);
        if (refusal === null) return value;
        promise.catch(ignore);
        throw refusal;
      },
      (error) => {
        promise.catch(ignore);
        throw this.#onRejected(task, error);
      },
    );
    return promise;
  }

  #start(task: TaskRecord, extras: TaskExtras): void {
    this.#running.append(task);
    const run = extras.run!;
    extras.run = null;
    if (extras.timeoutMs !== undefined) extras.setLimit(extras.timeoutMs, this.#onLimit);
    let result: unknown;
    let promise: Promise<unknown> | null;
    try {
      result = run(task);
      promise = asPromise(result);
    } catch (error) {
      extras.reject(this.#onRejected(task, error));
      return;
    }
    if (promise === null) this.#settle(task, extras, result);
    else {
      promise.then(
        (value) => this.#settle(task, extras, value),
        (error) => extras.reject(this.#onRejected(task, error)),
      );
    }
  }

  #settle(task: TaskRecord, extras: TaskExtras, value: unknown): void {
    const refusal = this.#onFulfilled(task);
    if (refusal === null) extras.resolve(value);
    else extras.reject(refusal);
  }

  /** @returns null, or why the value does not count. */
  #onFulfilled(task: TaskRecord): unknown {
    const { state } = task;
    if (state === 'running') this.#completed++;
    else if (state === 'cancelled') this.#cancelled++;
    else this.#failed++;
    this.#leave(task);
    return state === 'running' ? null : task.extras!.reason;
  }

  /** @returns what the promise rejects with. */
  #onRejected(task: TaskRecord, error: unknown): unknown {
    const { state, extras } = task;
    const isObeying = state !== 'running' && isAbort(error, extras!.reason);
    if (isObeying && state === 'cancelled') this.#cancelled++;
    else this.#failed++;
    if (!isObeying) this.#report(task, error);
    this.#leave(task);
    return isObeying ? extras!.reason : error;
  }

  readonly #onLimit = (task: TaskRecord): void => {
    const extras = task.extras!;
    if (task.state === 'cancelled') {
      extras.reject(extras.reason);
      return;
    }
    const error = timeoutError(task.name, this.name, extras.timeoutMs!);
    this.#timedOut++;
    task.stop('overdue', error);
    extras.reject(error);
    this.#report(task, error);
  };

  #leave(task: TaskRecord): void {
    this.#running.remove(task);
    task.extras?.dropLimit();
    if (this.#queued.size > 0 || this.#blocked.size > 0) this.#startNext();
    if (this.size === 0) this.#idle.endAll();
  }

  /** Not from within itself: tasks that end at once would nest as deep as the queue is long. */
  #startNext(): void {
    if (this.#isStarting) return;
    this.#isStarting = true;
    while (this.#running.size < this.#concurrency) {
      const list = this.#queued.size > 0 ? this.#queued : this.#blocked;
      const task = list.first;
      if (task === null) break;
      list.remove(task);
      this.#unblock();
      task.state = 'running';
      this.#start(task, task.extras!);
    }
    this.#isStarting = false;
  }

  #unblock(): void {
    while (this.#blocked.first && this.#queued.size < this.#limits.queueLimit) {
      const task = this.#blocked.first;
      this.#blocked.remove(task);
      task.state = 'queued';
      this.#queued.append(task);
    }
  }

  /** The waiting ones first, so that none of them starts in place of one that stops. */
  #cancelWhere(isMeant: (task: TaskRecord) => boolean, reason: unknown): number {
    let told = 0;
    for (const list of [this.#blocked, this.#queued, this.#running]) {
      for (const task of list.toArray()) {
        if (task.isCancelled || !isMeant(task)) continue;
        this.#cancel(task, cancelledError(task.name, this.name, reason));
        told++;
      }
    }
    if (this.size === 0) this.#idle.endAll();
    return told;
  }

  #cancel(task: TaskRecord, error: unknown): void {
    if (task.state === 'running' || task.state === 'waiting') {
      task.stop('cancelled', error);
      return;
    }
    const list = task.state === 'queued' ? this.#queued : this.#blocked;
    list.remove(task);
    task.stop('cancelled', error);
    this.#unblock();
    this.#cancelled++;
    task.extras!.reject(error);
  }

  #ownBy(owner: Owner): Owned {
    if (!(owner instanceof Scope)) return owner.defer(this.name, () => this.#release(CLOSE_TIMEOUT_MS));
    return owner.hold(this.name, this, (_, { deadlineAt }) => this.#release(deadlineAt - monotonicMs()), {
      drain: (_, { deadlineAt }) => {
        this.#drain();
        const now = monotonicMs();
        return this.size > 0 ? this.#idle.until(now + withMargin(deadlineAt - now)) : undefined;
      },
    });
  }

  /** For the owner: it has let the tasks drain already, unless it gives them up early. */
  async #release(timeoutMs: number): Promise<void> {
    const waitMs = withMargin(timeoutMs);
    const report = await this.close({ graceMs: this.#isDraining ? 0 : waitMs * GRACE_SHARE, timeoutMs: waitMs });
    if (report.remaining > 0) throw stuckError(this.name, report.stuck);
  }

  /** Accepted work goes on; spawners that still wait at the door are sent away, and endless tasks told to stop. */
  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#before = { size: this.size, completed: this.#completed, failed: this.#failed, cancelled: this.#cancelled };
    for (const task of this.#blocked.toArray()) {
      this.#blocked.remove(task);
      this.#refuse(task, closedError(task.name, this.name));
    }
    this.#cancelWhere((task) => task.extras?.isEndless === true, CLOSING);
  }

  async #close(graceMs: number, timeoutMs: number): Promise<TasksCloseReport> {
    const startedAt = monotonicMs();
    this.#drain();
    if (this.size > 0 && graceMs > 0) await this.#idle.until(startedAt + graceMs);
    if (this.size > 0) {
      this.#cancelWhere(() => true, CLOSING);
      if (this.size > 0) await this.#idle.until(startedAt + timeoutMs);
    }
    for (const task of this.#running.toArray()) {
      task.extras!.dropLimit();
      task.extras!.reject(task.extras!.reason);
    }
    this.#owned?.detach();
    return this.#closeReport(startedAt);
  }

  #closeReport(startedAt: number): TasksCloseReport {
    const failed = this.#failed - this.#before.failed;
    const stuck = this.list();
    return {
      status: stuck.length > 0 ? 'timeout' : failed > 0 ? 'failed' : 'completed',
      initial: this.#before.size,
      completed: this.#completed - this.#before.completed,
      failed,
      cancelled: this.#cancelled - this.#before.cancelled,
      remaining: stuck.length,
      durationMs: monotonicMs() - startedAt,
      failures: this.#failuresWhileClosing,
      stuck,
    };
  }

  #report(task: TaskRecord, error: unknown, retryInMs?: number): void {
    const { name, context, ageMs } = task;
    const failure: TaskFailure = { tasks: this.name, name, error, context, ageMs, retryInMs };
    if (this.#isDraining && this.#failuresWhileClosing.length < FAILURES_KEPT) {
      this.#failuresWhileClosing.push(failure);
    }
    this.#failures.report(failure);
  }
}

const CLOSING = 'its manager is closing';

function withMargin(ms: number): number {
  return Math.max(ms - Math.min(MARGIN_MS, ms * MARGIN_SHARE), 0);
}

function rejected(error: unknown): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(ignore);
  return promise;
}

/** Null for a value that is there already. A foreign thenable may be of any kind, and throw. */
function asPromise<T>(result: T | PromiseLike<T>): Promise<T> | null {
  if (result instanceof Promise) return result;
  const isThenable = typeof result === 'object' && result !== null && 'then' in result;
  return isThenable && typeof result.then === 'function' ? Promise.resolve(result) : null;
}

/** Whether a function that was told to stop rejects because of that, and not of something else. */
function isAbort(error: unknown, reason: unknown): boolean {
  if (error === reason) return true;
  return error instanceof Error && (error.name === 'AbortError' || error.cause === reason);
}
