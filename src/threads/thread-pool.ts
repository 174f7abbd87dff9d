import { channel } from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';
import { DeadlineClock, type Owned, settleBy, WatertightError } from '../core/index.js';
import { ownedBy } from './owned-by.js';
import {
  type PoolSettings,
  positive,
  type RunOptions,
  settlePoolOptions,
  type ThreadPoolOptions,
} from './pool-options.js';
import type { PoolCloseReport, PoolThreadInfo, StuckThread, ThreadPoolStatistics } from './pool-report.js';
import { PoolTask } from './pool-task.js';
import { PoolThread, type PoolThreadEvents, type PoolThreadOptions } from './pool-thread.js';
import { TaskQueue } from './task-queue.js';
import type { TaskAnswer } from './thread-protocol.js';
import type { ThreadRegistry } from './thread-registry.js';
import { moduleUrl, threadScript } from './thread-script.js';
import { rebuildThrown } from './thrown.js';

const GRACE_MS = 5_000;
const CLOSE_TIMEOUT_MS = 10_000;
/** Shares of a close's time kept for aborting and terminating, whatever the grace, and of what is left then for aborting. */
const STOP_SHARE = 0.3;
const ABORT_SHARE = 0.5;
/** Pause after a thread that did not start, doubled each time, while others work. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** Task numbers stay inside an Int32; 0 is nobody's. */
const LAST_TASK_NUMBER = 2 ** 31 - 1;

const unresponsiveChannel = channel('watertight:thread-unresponsive');

/**
 * Runs functions in worker threads, one task a thread at a time; the others wait in order. Stands on `workerpool`, with
 * one pool of it for each thread.
 *
 * A task that has to stop climbs a ladder: it is told (`context.signal`, `context.isAborted`); after `abortMs` its thread
 * is terminated; a thread that is still there after `terminateMs` runs native code, is reported as unresponsive, and
 * another takes its place. The promise of the task is settled at the first step, and no promise of a pool stays pending.
 *
 * Owned by `scope`, or by whoever made it; ends with `close()`. An idle pool does not keep the process alive.
 *
 * Cost: ≈ 20 µs a round trip; ≈ 25 ms and 8 MB a thread.
 *
 * @example
 * const pool = new ThreadPool({ fn: (n: number) => n * 2, size: 2, name: 'doubler' });
 * console.log(await pool.run(21)); // 42
 * await pool.close();
 */
export class ThreadPool<Input = unknown, Output = unknown> {
  readonly name: string;
  readonly #settings: PoolSettings;
  readonly #threadOptions: Omit<PoolThreadOptions, 'name'>;
  readonly #registry: ThreadRegistry | undefined;
  readonly #onUnresponsive: ((thread: StuckThread) => void) | undefined;
  readonly #owned: Owned | undefined;
  readonly #clock = new DeadlineClock({ keepsAlive: false });
  readonly #threads = new Set<PoolThread>();
  /** The one that rested last is on top: the others grow old enough to leave. */
  readonly #idle: PoolThread[] = [];
  readonly #queue = new TaskQueue();
  readonly #counts = {
    accepted: 0,
    running: 0,
    completed: 0,
    failed: 0,
    timedOut: 0,
    cancelled: 0,
    refused: 0,
    started: 0,
    recycled: 0,
    crashed: 0,
    terminated: 0,
    failedStarts: 0,
  };
  readonly #events: PoolThreadEvents = {
    started: (thread, worker) => this.#onStarted(thread, worker),
    ready: (thread) => this.#onReady(thread),
    finished: (thread, task, answer) => this.#onFinished(thread, task, answer),
    unsent: (thread, task, what, error) => this.#onUnsent(thread, task, what, error),
    restedLong: (thread) => this.#onRestedLong(thread),
    terminating: (thread) => this.#onTerminating(thread),
    unresponsive: (thread) => this.#onStuck(thread),
    exited: (thread, error) => this.#onExited(thread, error),
  };
  readonly #warming = new Set<() => void>();
  #state: 'open' | 'draining' | 'closing' = 'open';
  #closing: Promise<PoolCloseReport> | null = null;
  #lastNumber = 0;
  #lastThread = 0;
  #isWarm = false;
  #startError: WatertightError | null = null;
  #failedInRow = 0;
  #startNotBefore = 0;
  #onDrained: () => void = () => {};
  readonly #drained = new Promise<void>((resolve) => {
    this.#onDrained = resolve;
  });

  /** @throws TypeError, RangeError naming the option, its rule and what came */
  constructor(options: ThreadPoolOptions<Input, Output>) {
    const settings = settlePoolOptions(options);
    const { startTimeoutMs, idleMs, abortMs, leaveMs, terminateMs } = settings;
    const file = options.file === undefined ? undefined : moduleUrl(options.file);
    this.name = settings.name;
    this.#settings = settings;
    this.#registry = options.registry;
    this.#onUnresponsive = options.onUnresponsive;
    this.#threadOptions = {
      script: threadScript(file),
      file,
      source: options.fn === undefined ? undefined : String(options.fn),
      data: options.data,
      watchesHeap: Number.isFinite(settings.recycleHeapBytes),
      resourceLimits: options.resourceLimits,
      startTimeoutMs,
      idleMs,
      abortMs,
      leaveMs,
      terminateMs,
    };
    this.#owned = ownedBy(options.scope, `thread pool ${this.name}`, {
      drain: (timeoutMs) => this.#drain(performance.now() + timeoutMs),
      release: (timeoutMs) => this.#closeForOwner(timeoutMs),
    });
  }

  get isClosed(): boolean {
    return this.#state !== 'open';
  }

  get statistics(): ThreadPoolStatistics {
    const states = [...this.#threads].map((thread) => thread.state);
    return {
      ...this.#counts,
      waiting: this.#queue.size,
      threads: this.#threads.size,
      idle: states.filter((state) => state === 'idle').length,
      unresponsive: states.filter((state) => state === 'unresponsive').length,
    };
  }

  /** Its threads, oldest first. */
  list(): PoolThreadInfo[] {
    const now = performance.now();
    return [...this.#threads].map((thread) => ({
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
   */
  run(input?: Input, options: RunOptions = {}): Promise<Awaited<Output>> {
    const { task: name = 'default', timeoutMs = this.#settings.taskTimeoutMs, signal, transfer = [] } = options;
    positive('timeoutMs', timeoutMs);
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

  /** Starts `min` threads and settles when they are ready. Rejects with WT_THREADS_CANNOT_START, WT_THREADS_CLOSED. */
  async warm(): Promise<void> {
    this.#isWarm = true;
    this.#startError = null;
    while (this.#ready < this.#settings.min) {
      if (this.#state !== 'open') throw this.#closedError('warm the pool');
      if (this.#startError) throw this.#startError;
      this.#fill();
      await new Promise<void>((resolve) => this.#warming.add(resolve));
    }
  }

  /**
   * Lets accepted tasks finish for `graceMs` (5 000 ms if not given), then tells the others to stop, then terminates, and
   * returns by `timeoutMs` (10 000 ms if not given) with what is still there. No task is taken meanwhile. Every call gives
   * the report of the one run.
   */
  close(options: { graceMs?: number; timeoutMs?: number } = {}): Promise<PoolCloseReport> {
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

  async #closeForOwner(timeoutMs: number): Promise<void> {
    const { stuck } = await this.close({ timeoutMs });
    if (stuck.length > 0) throw this.#unresponsiveError(`close pool ${this.name}`, stuck);
  }

  async #close(graceMs: number, timeoutMs: number): Promise<PoolCloseReport> {
    const startedAt = performance.now();
    const deadlineAt = startedAt + timeoutMs;
    const before = { ...this.#counts };
    const initial = this.#queue.size + before.running;
    await this.#drain(Math.min(startedAt + graceMs, deadlineAt - timeoutMs * STOP_SHARE));
    this.#state = 'closing';
    this.#stopRest((deadlineAt - performance.now()) * ABORT_SHARE);
    await this.#exits(
      deadlineAt - Math.min(this.#settings.terminateMs, (deadlineAt - performance.now()) * ABORT_SHARE),
    );
    for (const thread of this.#threads) thread.terminate();
    await this.#exits(deadlineAt);
    this.#owned?.detach();
    const stuck = [...this.#threads].map((thread) => stuckThread(thread));
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
    this.#wakeWarming();
    this.#settleDrained();
    await settleBy(this.#drained, until);
  }

  #stopRest(abortMs: number): void {
    for (let task = this.#queue.shift(); task; task = this.#queue.shift()) {
      this.#reject(task, this.#closedError(`run task ${task.name}`), 'cancelled');
    }
    for (const thread of this.#threads) {
      if (thread.task === null) thread.leave();
      else thread.abort('the pool is closing', abortMs);
    }
  }

  /** All exits of the threads that are here now. */
  #exits(deadlineAt: number): Promise<unknown> {
    return settleBy(Promise.all([...this.#threads].map((thread) => thread.exited)), deadlineAt);
  }

  #refusal(name: string): WatertightError | null {
    if (this.#state !== 'open') return this.#closedError(`run task ${name}`);
    const { size } = this.#queue;
    const mayStartNow = this.#idle.length > 0 || this.#capacity < this.#settings.size;
    if (mayStartNow || size < this.#settings.queueLimit) return null;
    const message = `Cannot queue task ${name} as ${size} of ${this.#settings.queueLimit} are waiting for pool ${this.name}`;
    return new WatertightError('WT_THREADS_QUEUE_FULL', message, {
      hint: 'wait for a task to end before the next is added, or raise size or queueLimit',
      details: { waiting: size, queueLimit: this.#settings.queueLimit },
    });
  }

  /** Threads that work or will: those of `size`. */
  get #capacity(): number {
    let count = 0;
    for (const { state, isRetired, replaces } of this.#threads) {
      const works = state === 'starting' || state === 'idle' || state === 'busy' || state === 'aborting';
      if (works && !isRetired && replaces === null) count++;
    }
    return count;
  }

  get #ready(): number {
    let count = 0;
    for (const { state, isRetired } of this.#threads) {
      if ((state === 'idle' || state === 'busy') && !isRetired) count++;
    }
    return count;
  }

  /** Gives waiting tasks to idle threads, and starts threads for the rest. */
  #pump(): void {
    while (this.#queue.size > 0) {
      const thread = this.#idle.pop();
      if (thread === undefined) break;
      this.#assign(thread, this.#queue.shift()!);
    }
    if (this.#queue.size === 0) return;
    const starting = [...this.#threads].filter((thread) => thread.state === 'starting').length;
    const wanted = Math.min(this.#queue.size - starting, this.#settings.size - this.#capacity);
    for (let n = 0; n < wanted && this.#mayStart(); n++) this.#start(null);
    if (this.#capacity === 0) this.#failQueue();
  }

  /** A thread that did not start is tried again after a pause, or at once when nobody else could do the work. */
  #mayStart(): boolean {
    if (this.#stuckCount >= this.#settings.size) return false;
    return this.#failedInRow === 0 || this.#capacity === 0 || performance.now() >= this.#startNotBefore;
  }

  get #stuckCount(): number {
    return [...this.#threads].filter((thread) => thread.state === 'unresponsive').length;
  }

  /** Every place is taken by a thread that cannot be stopped: who waits would wait for ever. */
  #failQueue(): void {
    const stuck = [...this.#threads].filter((thread) => thread.state === 'unresponsive').map(stuckThread);
    for (let task = this.#queue.shift(); task; task = this.#queue.shift()) {
      this.#reject(task, this.#unresponsiveError(`run task ${task.name}`, stuck), 'failed');
    }
  }

  #assign(thread: PoolThread, task: PoolTask): void {
    this.#counts.running++;
    if (Number.isFinite(task.timeoutMs)) {
      const now = performance.now();
      task.deadlineAt = now + task.timeoutMs;
      this.#clock.add(task, now);
    }
    thread.run(task);
  }

  #start(replaces: PoolThread | null): void {
    this.#counts.started++;
    const name = `${this.name}#${++this.#lastThread}`;
    const thread = new PoolThread({ ...this.#threadOptions, name }, this.#clock, this.#events);
    thread.replaces = replaces;
    this.#threads.add(thread);
  }

  /** Up to `min` threads, once somebody asked for them to be warm. */
  #fill(): void {
    if (!this.#isWarm || this.#state !== 'open') return;
    for (let n = this.#capacity; n < this.#settings.min && this.#mayStart(); n++) this.#start(null);
  }

  #onStarted(thread: PoolThread, worker: Worker): void {
    if (this.#registry === undefined || this.#registry.isClosed) return;
    this.#registry.register(worker, {
      name: thread.name,
      owner: `thread pool ${this.name}`,
      idle: () =>
        thread.state === 'idle' && this.#capacity > this.#settings.min ? performance.now() - thread.idleSince : null,
      end: ({ deadlineAt }) => this.#endThread(thread, deadlineAt),
    });
  }

  #onReady(thread: PoolThread): void {
    this.#failedInRow = 0;
    this.#wakeWarming();
    const { replaces } = thread;
    thread.replaces = null;
    if (replaces !== null && !replaces.isEnding) {
      this.#counts.recycled++;
      this.#retire(replaces);
    }
    this.#next(thread);
  }

  /** For the registry: its task may finish, and the thread is terminated shortly before the registry would do it. */
  async #endThread(thread: PoolThread, deadlineAt: number): Promise<void> {
    this.#retire(thread);
    const lateAt = deadlineAt - (deadlineAt - performance.now()) * STOP_SHARE;
    if ((await settleBy(thread.exited, lateAt)) === 'deadline') thread.terminate();
    await thread.exited;
  }

  /** Takes no more tasks, and leaves when it has none. */
  #retire(thread: PoolThread): void {
    thread.isRetired = true;
    if (thread.task === null) this.#leave(thread);
  }

  #leave(thread: PoolThread): void {
    const index = this.#idle.indexOf(thread);
    if (index >= 0) this.#idle.splice(index, 1);
    thread.leave();
  }

  /** What a thread does that has nothing to do. */
  #next(thread: PoolThread): void {
    if (thread.state !== 'idle') return;
    if (thread.isRetired || (this.isClosed && this.#queue.size === 0)) {
      thread.leave();
      return;
    }
    this.#idle.push(thread);
    this.#pump();
    if (!this.isClosed && this.#isDue(thread)) this.#recycle(thread);
  }

  #isDue(thread: PoolThread): boolean {
    const { recycleTasks, recycleAgeMs, recycleHeapBytes } = this.#settings;
    if (thread.tasks === 0) return false;
    return (
      thread.tasks >= recycleTasks ||
      performance.now() - thread.startedAt >= recycleAgeMs ||
      thread.heapBytes >= recycleHeapBytes
    );
  }

  /** One at a time, so that there are never more than `size + 1` threads at work. */
  #recycle(thread: PoolThread): void {
    const isUnderWay = [...this.#threads].some(({ replaces, state }) => replaces !== null && state === 'starting');
    if (isUnderWay || thread.isRetired || !this.#mayStart()) return;
    this.#start(thread);
  }

  #onRestedLong(thread: PoolThread): void {
    if (this.#capacity > this.#settings.min) this.#retire(thread);
  }

  /** By its time limit or by its caller. */
  #stop(task: PoolTask, error: unknown, end: 'timedOut' | 'cancelled'): void {
    const { thread } = task;
    if (thread === null) this.#queue.remove(task);
    this.#reject(task, error, end);
    if (thread?.task === task) thread.abort(end === 'timedOut' ? 'its time is over' : 'its caller has cancelled it');
  }

  #onFinished(thread: PoolThread, task: PoolTask, answer: TaskAnswer): void {
    if ('value' in answer) this.#resolve(task, answer.value);
    else this.#rejectThrown(task, rebuildThrown(answer.thrown));
    this.#next(thread);
  }

  #rejectThrown(task: PoolTask, error: Error): void {
    if (this.#state === 'closing')
      this.#reject(task, this.#closedError(`finish task ${task.name}`, error), 'cancelled');
    else this.#reject(task, error, 'failed');
  }

  #onUnsent(thread: PoolThread, task: PoolTask, what: 'input' | 'result', cause: unknown): void {
    const message = `Cannot pass the ${what} of task ${task.name} as it cannot be cloned`;
    const hint = 'pass plain data: functions, symbols and class instances with private state do not travel';
    this.#reject(task, new WatertightError('WT_THREADS_NOT_CLONEABLE', message, { hint, cause }), 'failed');
    this.#next(thread);
  }

  #onTerminating(thread: PoolThread): void {
    this.#counts.terminated++;
    const { task } = thread;
    if (task) this.#reject(task, this.#closedError(`finish task ${task.name} in ${thread.name}`), 'cancelled');
    // Its place is free: what waits need not wait for its end.
    if (this.#state !== 'closing') this.#pump();
  }

  #onStuck(thread: PoolThread): void {
    const stuck = stuckThread(thread);
    unresponsiveChannel.publish({ pool: this.name, ...stuck });
    try {
      this.#onUnresponsive?.(stuck);
    } catch (error) {
      // As from any event listener: uncaught.
      process.nextTick(() => {
        throw error;
      });
    }
    this.#pump();
  }

  #onExited(thread: PoolThread, error: WatertightError | null): void {
    this.#threads.delete(thread);
    const index = this.#idle.indexOf(thread);
    if (index >= 0) this.#idle.splice(index, 1);
    for (const other of this.#threads) if (other.replaces === thread) other.replaces = null;
    if (thread.task) this.#reject(thread.task, error ?? this.#closedError(`finish task ${thread.task.name}`), 'failed');
    if (error?.code === 'WT_THREADS_CANNOT_START') this.#onFailedStart(error);
    else if (error) this.#counts.crashed++;
    this.#wakeWarming();
    if (this.#startError === null) this.#fill();
    this.#pump();
    this.#settleDrained();
  }

  #onFailedStart(error: WatertightError): void {
    this.#counts.failedStarts++;
    this.#startError = error;
    this.#startNotBefore = performance.now() + Math.min(RETRY_MS * 2 ** this.#failedInRow++, RETRY_MAX_MS);
    if (this.#capacity > 0) return;
    // Nobody is left to do the work, and the next thread would fail alike: a later call tries again.
    for (let task = this.#queue.shift(); task; task = this.#queue.shift()) this.#reject(task, error, 'failed');
  }

  #resolve(task: PoolTask, value: unknown): void {
    if (task.resolve(value)) this.#settled(task, 'completed');
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
    if (this.#state === 'open' || this.#queue.size > 0 || this.#counts.running > 0) return;
    for (const thread of [...this.#threads]) if (thread.task === null) this.#leave(thread);
    this.#onDrained();
  }

  #wakeWarming(): void {
    for (const wake of this.#warming) wake();
    this.#warming.clear();
  }

  #closedError(what: string, cause?: unknown): WatertightError {
    return new WatertightError('WT_THREADS_CLOSED', `Cannot ${what} as pool ${this.name} is closed`, {
      hint: 'give work to a pool before its owner closes, and more graceMs to what must finish',
      cause,
    });
  }

  #unresponsiveError(what: string, stuck: readonly StuckThread[]): WatertightError {
    const names = stuck.map(({ thread, task }) => (task === null ? thread : `${thread} (${task})`)).join(', ');
    return new WatertightError('WT_THREADS_UNRESPONSIVE', `Cannot ${what} as threads cannot be stopped: ${names}`, {
      hint: 'native code ignores terminate(): run what blocks for long in a child process',
      details: { stuck },
    });
  }
}

function stuckThread(thread: PoolThread): StuckThread {
  const { lastTask } = thread;
  return {
    thread: thread.name,
    threadId: thread.threadId,
    state: thread.state,
    task: lastTask?.name ?? null,
    ageMs: performance.now() - (lastTask?.startedAt ?? thread.startedAt),
  };
}
