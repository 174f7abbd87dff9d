import { channel } from 'node:diagnostics_channel';
import type { Worker } from 'node:worker_threads';
import { type DeadlineClock, settleBy, type WatertightError } from '../core/index.js';
import type { PoolErrors } from './pool-errors.js';
import type { PoolSettings } from './pool-options.js';
import type { StuckThread } from './pool-report.js';
import type { PoolTask } from './pool-task.js';
import { PoolThread, type PoolThreadEvents, type PoolThreadOptions } from './pool-thread.js';
import type { TaskAnswer } from './thread-protocol.js';
import type { ThreadRegistry } from './thread-registry.js';

/** Pause after a thread that did not start, doubled each time, while others work. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** Of the time that a registry gives a thread to end: kept for terminating it. */
const TERMINATE_SHARE = 0.3;

const unresponsiveChannel = channel('watertight:thread-unresponsive');

/** What the threads of a pool tell it. */
export interface FleetEvents {
  /** A thread is free, or a place is: what waits may go on. */
  free(): void;
  /** Nothing more will come for a free thread. */
  isDone(): boolean;
  finished(task: PoolTask, answer: TaskAnswer): void;
  unsent(task: PoolTask, what: 'input' | 'result', error: unknown): void;
  /** Its thread is gone or going; `error` is why, unless somebody stopped it. */
  lost(task: PoolTask, error: WatertightError | null): void;
  /** No thread is left, and a new one does not start. */
  cannotStart(error: WatertightError): void;
  /** Some thread has ended. */
  ended(): void;
}

export interface FleetOptions {
  readonly settings: PoolSettings;
  readonly thread: Omit<PoolThreadOptions, 'name'>;
  readonly clock: DeadlineClock;
  readonly errors: PoolErrors;
  readonly registry: ThreadRegistry | undefined;
  readonly onUnresponsive: ((thread: StuckThread) => void) | undefined;
}

/** The threads of a pool: how many there are, which is free, which is replaced, which will not end. */
export class ThreadFleet {
  /** Alive, oldest first. */
  readonly threads = new Set<PoolThread>();
  readonly counts = { started: 0, recycled: 0, crashed: 0, terminated: 0, failedStarts: 0 };
  readonly #options: FleetOptions;
  readonly #settings: PoolSettings;
  readonly #events: FleetEvents;
  /** The one that rested last is on top: the others grow old enough to leave. */
  readonly #idle: PoolThread[] = [];
  readonly #warming = new Set<() => void>();
  #isClosed = false;
  #isWarm = false;
  #lastThread = 0;
  #startError: WatertightError | null = null;
  #failedInRow = 0;
  #startNotBefore = 0;
  readonly #threadEvents: PoolThreadEvents = {
    started: (thread, worker) => this.#onStarted(thread, worker),
    ready: (thread) => this.#onReady(thread),
    finished: (thread, task, answer) => {
      this.#events.finished(task, answer);
      this.#rest(thread);
    },
    unsent: (thread, task, what, error) => {
      this.#events.unsent(task, what, error);
      this.#rest(thread);
    },
    restedLong: (thread) => {
      if (this.capacity > this.#settings.min) this.#retire(thread);
    },
    terminating: (thread) => this.#onTerminating(thread),
    unresponsive: (thread) => this.#onUnresponsive(thread),
    exited: (thread, error) => this.#onExited(thread, error),
  };

  constructor(options: FleetOptions, events: FleetEvents) {
    this.#options = options;
    this.#settings = options.settings;
    this.#events = events;
  }

  /** Threads that work or will: those of `size`. */
  get capacity(): number {
    return this.#count(
      ({ state, isRetired, replaces }) => (state === 'starting' || isAtWork(state)) && !isRetired && replaces === null,
    );
  }

  get starting(): number {
    return this.#count(({ state, replaces }) => state === 'starting' && replaces === null);
  }

  get idle(): number {
    return this.#idle.length;
  }

  get stuck(): StuckThread[] {
    return [...this.threads].filter(({ state }) => state === 'unresponsive').map(stuckThread);
  }

  /** A place is free and may be filled now. */
  get hasRoom(): boolean {
    return this.capacity < this.#settings.size && this.#mayStart();
  }

  takeIdle(): PoolThread | undefined {
    return this.#idle.pop();
  }

  /** Starts up to `count` threads, as far as there is room. */
  grow(count: number): void {
    for (let n = 0; n < count && this.hasRoom; n++) this.#start(null);
  }

  /** Starts `min` threads and settles when they are ready. */
  async warm(): Promise<void> {
    this.#isWarm = true;
    this.#startError = null;
    const { errors } = this.#options;
    while (this.#count(({ state, isRetired }) => isAtWork(state) && !isRetired) < this.#settings.min) {
      if (this.#isClosed) throw errors.closed('warm the pool');
      if (this.#startError) throw this.#startError;
      this.#fill();
      if (this.#count(({ state }) => state === 'starting') === 0)
        throw errors.unresponsive('warm the pool', this.stuck);
      await new Promise<void>((resolve) => this.#warming.add(resolve));
    }
  }

  /** Nothing is replaced or kept warm any more. */
  close(): void {
    this.#isClosed = true;
    this.#wakeWarming();
  }

  /** Every thread without a task ends in order. */
  leave(): void {
    for (const thread of [...this.threads]) if (thread.task === null) this.#leave(thread);
  }

  terminate(): void {
    for (const thread of this.threads) thread.terminate();
  }

  /** Waits for the exits of all threads that are here now. */
  exits(deadlineAt: number): Promise<unknown> {
    return settleBy(Promise.all([...this.threads].map((thread) => thread.exited)), deadlineAt);
  }

  #count(isCounted: (thread: PoolThread) => boolean): number {
    let count = 0;
    for (const thread of this.threads) if (isCounted(thread)) count++;
    return count;
  }

  /** One that did not start is tried again after a pause, or at once when nobody else could do the work. */
  #mayStart(): boolean {
    if (this.#count(({ state }) => state === 'unresponsive') >= this.#settings.size) return false;
    return this.#failedInRow === 0 || this.capacity === 0 || performance.now() >= this.#startNotBefore;
  }

  #start(replaces: PoolThread | null): void {
    this.counts.started++;
    const options = { ...this.#options.thread, name: `${this.#settings.name}#${++this.#lastThread}` };
    const thread = new PoolThread(options, this.#options.clock, this.#threadEvents);
    thread.replaces = replaces;
    this.threads.add(thread);
  }

  /** Up to `min` threads, once somebody asked for them to be warm. */
  #fill(): void {
    if (this.#isWarm && !this.#isClosed) this.grow(this.#settings.min - this.capacity);
  }

  #onStarted(thread: PoolThread, worker: Worker): void {
    const { registry } = this.#options;
    if (registry === undefined || registry.isClosed) return;
    registry.register(worker, {
      name: thread.name,
      owner: `thread pool ${this.#settings.name}`,
      idle: () => this.#staleMs(thread),
      end: ({ deadlineAt }) => this.#end(thread, deadlineAt),
    });
  }

  /** Those that are kept warm are never stale. */
  #staleMs(thread: PoolThread): number | null {
    const isSpare = thread.state === 'idle' && this.capacity > this.#settings.min;
    return isSpare ? performance.now() - thread.idleSince : null;
  }

  /** For the registry: its task may finish, and the thread is terminated shortly before the registry would do it. */
  async #end(thread: PoolThread, deadlineAt: number): Promise<void> {
    this.#retire(thread);
    const lateAt = deadlineAt - (deadlineAt - performance.now()) * TERMINATE_SHARE;
    if ((await settleBy(thread.exited, lateAt)) === 'deadline') thread.terminate();
    await thread.exited;
  }

  #onReady(thread: PoolThread): void {
    this.#failedInRow = 0;
    this.#wakeWarming();
    const { replaces } = thread;
    thread.replaces = null;
    if (replaces !== null && !replaces.isEnding) {
      this.counts.recycled++;
      this.#retire(replaces);
    }
    this.#rest(thread);
  }

  /** Takes no more tasks, and leaves when it has none. */
  #retire(thread: PoolThread): void {
    thread.isRetired = true;
    if (thread.task === null) this.#leave(thread);
  }

  #leave(thread: PoolThread): void {
    this.#dropIdle(thread);
    thread.leave();
  }

  #dropIdle(thread: PoolThread): void {
    const index = this.#idle.indexOf(thread);
    if (index >= 0) this.#idle.splice(index, 1);
  }

  /** What a thread does that has come to the end of a task. */
  #rest(thread: PoolThread): void {
    if (thread.state !== 'idle') return;
    if (thread.isRetired || this.#events.isDone()) {
      thread.leave();
      return;
    }
    this.#idle.push(thread);
    this.#events.free();
    if (!this.#isClosed && this.#isDue(thread)) this.#recycle(thread);
  }

  #isDue({ tasks, startedAt, heapBytes }: PoolThread): boolean {
    const { recycleTasks, recycleAgeMs, recycleHeapBytes } = this.#settings;
    if (tasks === 0) return false;
    return tasks >= recycleTasks || performance.now() - startedAt >= recycleAgeMs || heapBytes >= recycleHeapBytes;
  }

  /** One at a time, so that there are never more than `size + 1` threads at work. */
  #recycle(thread: PoolThread): void {
    const isUnderWay = this.#count(({ replaces, state }) => replaces !== null && state === 'starting') > 0;
    if (!isUnderWay && !thread.isRetired && this.#mayStart()) this.#start(thread);
  }

  #onTerminating(thread: PoolThread): void {
    this.counts.terminated++;
    if (thread.task) this.#events.lost(thread.task, null);
    // Its place is free: what waits need not wait for its end.
    this.#events.free();
  }

  #onUnresponsive(thread: PoolThread): void {
    const stuck = stuckThread(thread);
    unresponsiveChannel.publish({ pool: this.#settings.name, ...stuck });
    try {
      this.#options.onUnresponsive?.(stuck);
    } catch (error) {
      // As from any event listener: uncaught.
      process.nextTick(() => {
        throw error;
      });
    }
    this.#wakeWarming();
    this.#events.free();
  }

  #onExited(thread: PoolThread, error: WatertightError | null): void {
    this.threads.delete(thread);
    this.#dropIdle(thread);
    for (const other of this.threads) if (other.replaces === thread) other.replaces = null;
    if (thread.task) this.#events.lost(thread.task, error);
    if (error?.code === 'WT_THREADS_CANNOT_START') this.#onFailedStart(error);
    else if (error) this.counts.crashed++;
    if (this.#startError === null) this.#fill();
    this.#wakeWarming();
    this.#events.free();
    this.#events.ended();
  }

  #onFailedStart(error: WatertightError): void {
    this.counts.failedStarts++;
    this.#startError = error;
    this.#startNotBefore = performance.now() + Math.min(RETRY_MS * 2 ** this.#failedInRow++, RETRY_MAX_MS);
    // Nobody is left to do the work, and the next thread would fail alike: a later call tries again.
    if (this.capacity === 0) this.#events.cannotStart(error);
  }

  #wakeWarming(): void {
    for (const wake of this.#warming) wake();
    this.#warming.clear();
  }
}

function isAtWork(state: PoolThread['state']): boolean {
  return state === 'idle' || state === 'busy' || state === 'aborting';
}

export function stuckThread(thread: PoolThread): StuckThread {
  const { lastTask } = thread;
  return {
    thread: thread.name,
    threadId: thread.threadId,
    state: thread.state,
    task: lastTask?.name ?? null,
    ageMs: performance.now() - (lastTask?.startedAt ?? thread.startedAt),
  };
}
