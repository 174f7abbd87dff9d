import {
  checkOptionNames,
  DeadlineClock,
  type Owned,
  rebuildThrown,
  settleBy,
  type WatertightError,
} from '../core/index.js';
import { fnSource } from './fn-source.js';
import { ownedBy } from './owned-by.js';
import { PoolErrors } from './pool-errors.js';
import {
  checkRunOptions,
  type PoolSettings,
  type RunOptions,
  settlePoolOptions,
  type ThreadPoolOptions,
} from './pool-options.js';
import type { PoolCloseReport, PoolThreadInfo, ThreadPoolStatistics } from './pool-report.js';
import { PoolTask } from './pool-task.js';
import { TaskQueue } from './task-queue.js';
import { stuckThread, ThreadFleet } from './thread-fleet.js';
import type { TaskAnswer } from './thread-protocol.js';
import { moduleUrl, threadScript } from './thread-script.js';

const GRACE_MS = 5_000;
const CLOSE_TIMEOUT_MS = 10_000;
/** Shares of a close's time kept for aborting and terminating, whatever the grace, and of what is left then for aborting. */
const STOP_SHARE = 0.3;
const ABORT_SHARE = 0.5;
/** Task numbers stay inside an Int32; 0 is nobody's. */
const LAST_TASK_NUMBER = 2 ** 31 - 1;

/**
 * Runs functions in worker threads, one task a thread at a time; the others wait in order. Stands on `workerpool`, with
 * one pool of it for each thread.
 *
 * A task that has to stop climbs a ladder: it is told (`context.signal`, `context.isAborted`); after `abortMs` its thread
 * is terminated; a thread that is still there after `terminateMs` runs native code, is reported as unresponsive, and
 * another takes its place. A task that is over its time or cancelled is settled at the first step, one that the closing of
 * the pool stops when it stops, and no promise of a pool stays pending.
 *
 * Owned by `scope`, or by whoever made it; ends with `close()`. An idle pool does not keep the process alive.
 *
 * Cost: 1.1 to 1.2 × a call of `workerpool`, 70 µs where a bare message and its answer take 30; 25 to 80 ms and 8 MB a thread.
 *
 * @example
 * const pool = new ThreadPool({ fn: (n: number) => n * 2, size: 2, name: 'doubler' });
 * console.log(await pool.run(21)); // 42
 * await pool.close();
 */
export class ThreadPool<Input = unknown, Output = unknown> {
  readonly name: string;
  readonly #settings: PoolSettings;
  readonly #errors: PoolErrors;
  readonly #fleet: ThreadFleet;
  readonly #owned: Owned | undefined;
  readonly #clock = new DeadlineClock({ keepsAlive: false });
  readonly #queue = new TaskQueue();
  readonly #counts = { accepted: 0, running: 0, completed: 0, failed: 0, timedOut: 0, cancelled: 0, refused: 0 };
  #state: 'open' | 'draining' | 'closing' = 'open';
  #closing: Promise<PoolCloseReport> | null = null;
  #lastNumber = 0;
  #onDrained: () => void = () => {};
  readonly #drained = new Promise<void>((resolve) => {
    this.#onDrained = resolve;
  });

  /** @throws TypeError, RangeError naming the option, its rule and what came */
  constructor(options: ThreadPoolOptions<Input, Output>) {
    const settings = settlePoolOptions(options);
    this.name = settings.name;
    this.#settings = settings;
    this.#errors = new PoolErrors(settings.name);
    this.#fleet = this.#makeFleet(options);
    this.#owned = ownedBy(options.scope, `thread pool ${this.name}`, {
      drain: (timeoutMs) => this.#drain(performance.now() + timeoutMs),
      release: (timeoutMs) => this.#closeForOwner(timeoutMs),
    });
  }

  /** True from the moment closing begins. */
  get isClosed(): boolean {
    return this.#state !== 'open';
  }

  get statistics(): ThreadPoolStatistics {
    return {
      ...this.#counts,
      ...this.#fleet.counts,
      waiting: this.#queue.size,
      threads: this.#fleet.threads.size,
      idle: this.#fleet.idle,
      unresponsive: this.#fleet.stuck.length,
    };
  }

  /** Its threads, oldest first. */
  list(): PoolThreadInfo[] {
    const now = performance.now();
    return [...this.#fleet.threads].map((thread) => ({
      name: thread.name,
      threadId: thread.threadId,
      state: thread.state,
      task: thread.task?.name ?? null,
      tasks: thread.tasks,
      ageMs: now - thread.startedAt,
      heapBytes: thread.heapBytes,
    }));
  }

  /**
   * Runs one task: at once when a thread is free or may be started, else after those that wait.
   * @param input plain data (structured clone)
   * @returns what the function returned; rejects with what it threw, and with
   * WT_THREADS_TASK_TIMEOUT, WT_THREADS_CRASHED, WT_THREADS_CANNOT_START, WT_THREADS_NOT_CLONEABLE,
   * WT_THREADS_UNRESPONSIVE (every place is taken by a thread that cannot be stopped), WT_THREADS_QUEUE_FULL,
   * WT_THREADS_CLOSED, or the reason of `options.signal`
   * @throws TypeError, RangeError for wrong options, at once and before the task is counted
   */
  run(input?: Input, options: RunOptions = {}): Promise<Awaited<Output>> {
    checkRunOptions(options);
    const { task: name = 'default', timeoutMs = this.#settings.taskTimeoutMs, signal, transfer = [] } = options;
    return new Promise<unknown>((resolve, reject) => {
      const refusal = signal?.aborted ? signal.reason : this.#refusal(name);
      if (refusal !== null) {
        this.#counts.refused++;
        reject(refusal);
        return;
      }
      this.#counts.accepted++;
      this.#lastNumber = (this.#lastNumber % LAST_TASK_NUMBER) + 1;
      const call = { number: this.#lastNumber, name, input, transfer, timeoutMs };
      const stop = (task: PoolTask, error: unknown, end: 'timedOut' | 'cancelled') => this.#stop(task, error, end);
      this.#queue.push(new PoolTask(call, signal, { resolve, reject }, stop));
      this.#pump();
    }) as Promise<Awaited<Output>>;
  }

  /**
   * Starts `min` threads and settles when they are ready; from then on they are replaced when they are lost. Rejects with
   * WT_THREADS_CANNOT_START, WT_THREADS_CLOSED, WT_THREADS_UNRESPONSIVE.
   */
  warm(): Promise<void> {
    return this.#fleet.warm();
  }

  /**
   * Lets accepted tasks finish for `graceMs` (5 000 ms if not given), then tells the others to stop, then terminates, and
   * returns by `timeoutMs` (10 000 ms if not given) with what is still there. No task is taken meanwhile. Every call gives
   * the report of the one run.
   * @throws TypeError for an option that there is not; RangeError when a time is negative or no number
   */
  close(options: { graceMs?: number; timeoutMs?: number } = {}): Promise<PoolCloseReport> {
    checkOptionNames('pool.close(options)', options, ['graceMs', 'timeoutMs']);
    if (this.#closing) return this.#closing.then((report) => ({ ...report, status: 'already-closed' }));
    const { timeoutMs = CLOSE_TIMEOUT_MS, graceMs = Math.min(GRACE_MS, timeoutMs) } = options;
    if (!(timeoutMs >= 0)) throw new RangeError(`timeoutMs must be 0 or more ms, not ${timeoutMs}`);
    if (!(graceMs >= 0)) throw new RangeError(`graceMs must be 0 or more ms, not ${graceMs}`);
    this.#closing = this.#close(graceMs, timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #makeFleet(options: ThreadPoolOptions<Input, Output>): ThreadFleet {
    const settings = this.#settings;
    const file = options.file === undefined ? undefined : moduleUrl(options.file);
    const thread = {
      ...settings,
      script: threadScript(file),
      file,
      source: options.fn === undefined ? undefined : fnSource(options.fn),
      data: options.data,
      watchesHeap: Number.isFinite(settings.recycleHeapBytes),
      resourceLimits: options.resourceLimits,
    };
    const { registry, onUnresponsive } = options;
    return new ThreadFleet(
      { settings, thread, clock: this.#clock, errors: this.#errors, registry, onUnresponsive },
      {
        free: () => this.#pump(),
        isDone: () => this.isClosed && this.#queue.size === 0,
        finished: (task, answer) => this.#onFinished(task, answer),
        unsent: (task, what, error) => this.#reject(task, this.#errors.notCloneable(task.name, what, error), 'failed'),
        lost: (task, error) => this.#onLost(task, error),
        cannotStart: (error) => this.#failQueue(() => error, 'failed'),
        ended: () => this.#settleDrained(),
      },
    );
  }

  async #closeForOwner(timeoutMs: number): Promise<void> {
    const { stuck } = await this.close({ timeoutMs });
    if (stuck.length > 0) throw this.#errors.unresponsive(`close pool ${this.name}`, stuck);
  }

  async #close(graceMs: number, timeoutMs: number): Promise<PoolCloseReport> {
    const startedAt = performance.now();
    const deadlineAt = startedAt + timeoutMs;
    const before = { ...this.#counts };
    const initial = this.#queue.size + before.running;
    await this.#drain(Math.min(startedAt + graceMs, deadlineAt - timeoutMs * STOP_SHARE));
    this.#state = 'closing';
    this.#stopRest((deadlineAt - performance.now()) * ABORT_SHARE);
    const reserveMs = Math.min(this.#settings.terminateMs, (deadlineAt - performance.now()) * ABORT_SHARE);
    await this.#fleet.exits(deadlineAt - reserveMs);
    this.#fleet.terminate();
    await this.#fleet.exits(deadlineAt);
    this.#owned?.detach();
    const stuck = [...this.#fleet.threads].map(stuckThread);
    return {
      status: stuck.length > 0 ? 'timeout' : 'completed',
      initial,
      completed: this.#counts.completed - before.completed,
      failed: this.#counts.failed + this.#counts.timedOut - before.failed - before.timedOut,
      cancelled: this.#counts.cancelled - before.cancelled,
      remaining: stuck.length,
      durationMs: performance.now() - startedAt,
      stuck,
    };
  }

  /** Takes no task any more, and waits for those that were taken. */
  async #drain(until: number): Promise<void> {
    if (this.#state === 'open') this.#state = 'draining';
    this.#fleet.close();
    this.#settleDrained();
    await settleBy(this.#drained, until);
  }

  #stopRest(abortMs: number): void {
    this.#failQueue((task) => this.#errors.closed(`run task ${task}`), 'cancelled');
    this.#fleet.leave();
    for (const thread of this.#fleet.threads) thread.abort('the pool is closing', abortMs);
  }

  #refusal(name: string): WatertightError | null {
    if (this.isClosed) return this.#errors.closed(`run task ${name}`);
    if (this.#fleet.idle > 0 || this.#fleet.hasRoom) return null;
    // Those for which a thread is being started do not wait for others.
    const waiting = this.#queue.size - this.#fleet.starting;
    if (waiting < this.#settings.queueLimit) return null;
    return this.#errors.queueFull(name, waiting, this.#settings.queueLimit);
  }

  /** Gives waiting tasks to idle threads, and starts threads for the rest. */
  #pump(): void {
    while (this.#queue.size > 0) {
      const thread = this.#fleet.takeIdle();
      if (thread === undefined) break;
      const task = this.#queue.shift()!;
      this.#counts.running++;
      this.#startClock(task);
      thread.run(task);
    }
    if (this.#queue.size === 0) return;
    this.#fleet.grow(this.#queue.size - this.#fleet.starting);
    if (this.#fleet.capacity > 0) return;
    // Every place is taken by a thread that cannot be stopped: who waits would wait for ever.
    this.#failQueue((task) => this.#errors.unresponsive(`run task ${task}`, this.#fleet.stuck), 'failed');
  }

  #startClock(task: PoolTask): void {
    if (!Number.isFinite(task.timeoutMs)) return;
    const now = performance.now();
    task.deadlineAt = now + task.timeoutMs;
    this.#clock.add(task, now);
  }

  #failQueue(errorOf: (task: string) => WatertightError, end: 'failed' | 'cancelled'): void {
    for (let task = this.#queue.shift(); task; task = this.#queue.shift()) this.#reject(task, errorOf(task.name), end);
  }

  /** By its time limit or by its caller. */
  #stop(task: PoolTask, error: unknown, end: 'timedOut' | 'cancelled'): void {
    const { thread } = task;
    if (thread === null) this.#queue.remove(task);
    this.#reject(task, error, end);
    if (thread?.task === task) thread.abort(end === 'timedOut' ? 'its time is over' : 'its caller has cancelled it');
  }

  #onFinished(task: PoolTask, answer: TaskAnswer): void {
    if ('value' in answer) {
      if (task.resolve(answer.value)) this.#settled(task, 'completed');
      return;
    }
    const error = rebuildThrown(answer.thrown);
    if (this.#state !== 'closing') this.#reject(task, error, 'failed');
    else this.#reject(task, this.#errors.closed(`finish task ${task.name}`, error), 'cancelled');
  }

  #onLost(task: PoolTask, error: WatertightError | null): void {
    if (error) this.#reject(task, error, 'failed');
    else this.#reject(task, this.#errors.closed(`finish task ${task.name} in ${task.thread?.name}`), 'cancelled');
  }

  #reject(task: PoolTask, error: unknown, end: 'failed' | 'timedOut' | 'cancelled'): void {
    if (task.reject(error)) this.#settled(task, end);
  }

  #settled(task: PoolTask, end: 'completed' | 'failed' | 'timedOut' | 'cancelled'): void {
    this.#counts[end]++;
    if (task.thread !== null) this.#counts.running--;
    this.#clock.remove(task);
    this.#settleDrained();
  }

  #settleDrained(): void {
    if (!this.isClosed || this.#queue.size > 0 || this.#counts.running > 0) return;
    this.#fleet.leave();
    this.#onDrained();
  }
}
