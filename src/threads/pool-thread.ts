import { MessageChannel, type MessagePort, type TransferListItem, type Worker } from 'node:worker_threads';
import { type Pool as LibraryPool, pool as libraryPool, TerminateError } from 'workerpool';
import { Deadline, type DeadlineClock, describeThrown, rebuildThrown, WatertightError } from '../core/index.js';
import type { PoolTask } from './pool-task.js';
import { sightWorker } from './sight-worker.js';
import {
  ABORTED_TASK,
  type AbortMessage,
  HEAP_BYTES,
  RUN_METHOD,
  SHARED_BYTES,
  type TaskAnswer,
  type ThreadStart,
} from './thread-protocol.js';
import type { ThreadScript } from './thread-script.js';

/**
 * `aborting`: its task was told to stop and has some time for it. `leaving`: it disposes of its values and exits.
 * `terminating`: it was stopped from outside. `unresponsive`: it is still there after that: native code.
 */
export type PoolThreadState =
  | 'starting'
  | 'idle'
  | 'busy'
  | 'aborting'
  | 'leaving'
  | 'terminating'
  | 'unresponsive'
  | 'ended';

export interface PoolThreadOptions {
  readonly name: string;
  readonly script: ThreadScript;
  readonly file: string | undefined;
  readonly source: string | undefined;
  readonly data: unknown;
  readonly watchesHeap: boolean;
  readonly resourceLimits: Worker['resourceLimits'] | undefined;
  readonly startTimeoutMs: number;
  readonly idleMs: number;
  readonly abortMs: number;
  readonly leaveMs: number;
  readonly terminateMs: number;
}

/** What a pool wants to know of its threads. */
export interface PoolThreadEvents {
  started(thread: PoolThread, worker: Worker): void;
  ready(thread: PoolThread): void;
  /** The task has come to its end in the thread, which is free again. */
  finished(thread: PoolThread, task: PoolTask, answer: TaskAnswer): void;
  /** It has been idle for `idleMs`. */
  restedLong(thread: PoolThread): void;
  /** It is being ended from outside; its task, if it has one, is lost. */
  terminating(thread: PoolThread): void;
  /** The task could not be sent, or what it returned could not. */
  unsent(thread: PoolThread, task: PoolTask, what: 'input' | 'result', error: unknown): void;
  unresponsive(thread: PoolThread): void;
  /** It is gone. `error` is why, when nobody had asked it to. */
  exited(thread: PoolThread, error: WatertightError | null): void;
}

/** The next step of a thread that does not come to its end. */
class Step extends Deadline {
  due: () => void = () => {};
  onDeadline(): void {
    this.due();
  }
}

/**
 * One thread with one workerpool of its own, so that it can be replaced alone. workerpool carries the calls and drains;
 * what it does not do is done here: it never hears of an input that cannot be cloned (it would stay busy for ever), it is
 * not asked whether the thread is gone (it takes a time limit for an end), and no task waits in it (one behind a worker
 * that exits would wait for ever).
 */
export class PoolThread {
  readonly name: string;
  readonly startedAt = performance.now();
  readonly exited: Promise<void>;
  /** Set while it starts, when it is to take the place of another. */
  replaces: PoolThread | null = null;
  /** It gets no more tasks. */
  isRetired = false;
  tasks = 0;
  idleSince = 0;
  #state: PoolThreadState = 'starting';
  #task: PoolTask | null = null;
  /** Without its input, which may be large. */
  #lastTask: { readonly name: string; readonly startedAt: number } | null = null;
  #worker: Worker | null = null;
  #threadId = 0;
  #failure: unknown;
  #resolveExited: () => void = () => {};
  readonly #options: PoolThreadOptions;
  readonly #events: PoolThreadEvents;
  readonly #clock: DeadlineClock;
  readonly #step = new Step();
  readonly #library: LibraryPool;
  readonly #shared = new SharedArrayBuffer(SHARED_BYTES);
  readonly #aborted = new Int32Array(this.#shared, 0, 1);
  readonly #control: MessagePort;
  readonly #inputs: MessagePort;

  constructor(options: PoolThreadOptions, clock: DeadlineClock, events: PoolThreadEvents) {
    this.name = options.name;
    this.#options = options;
    this.#clock = clock;
    this.#events = events;
    this.exited = new Promise((resolve) => {
      this.#resolveExited = resolve;
    });
    const control = new MessageChannel();
    const inputs = new MessageChannel();
    this.#control = control.port1;
    this.#inputs = inputs.port1;
    this.#control.unref();
    this.#inputs.unref();
    const { name, file, source, data, watchesHeap, script, resourceLimits } = options;
    const start: ThreadStart = {
      watertight: {
        name,
        file,
        source,
        data,
        watchesHeap,
        shared: this.#shared,
        control: control.port2,
        inputs: inputs.port2,
      },
    };
    this.#library = libraryPool(script.script, {
      workerType: 'thread',
      maxWorkers: 1,
      workerTerminateTimeout: options.leaveMs,
      workerThreadOpts: {
        eval: script.eval,
        workerData: start,
        transferList: [control.port2, inputs.port2],
        ...(resourceLimits && { resourceLimits }),
      },
    });
    void this.#start();
  }

  get state(): PoolThreadState {
    return this.#state;
  }

  get task(): PoolTask | null {
    return this.#task;
  }

  /** Also when it has ended meanwhile; null if it never got one. */
  get lastTask(): { readonly name: string; readonly startedAt: number } | null {
    return this.#lastTask;
  }

  /** 0 until it has started. */
  get threadId(): number {
    return this.#threadId;
  }

  /** Heap in use when its last task ended, in bytes, garbage included; 0 when nobody watches. */
  get heapBytes(): number {
    return new Float64Array(this.#shared)[HEAP_BYTES]!;
  }

  async #start(): Promise<void> {
    this.#after(this.#options.startTimeoutMs, () => this.#giveUpStart());
    // workerpool makes its worker at the first call; the call is answered when the module is loaded.
    const call = { methods: null as ReturnType<LibraryPool['exec']> | null };
    let worker: Worker | undefined;
    try {
      worker = await sightWorker(() => {
        call.methods = this.#library.exec('methods');
      });
    } catch (error) {
      this.#failure = error;
    }
    if (worker === undefined) {
      settleQuietly(this.#library.terminate(true));
      this.#failure ??= new Error('Node.js has not shown the worker');
      this.#onExit(undefined);
      return;
    }
    this.#worker = worker;
    this.#threadId = worker.threadId;
    worker.once('error', (error: unknown) => {
      // What a thread throws may be no error, and nothing at all.
      this.#failure ??= error instanceof Error ? error : rebuildThrown(describeThrown(error));
    });
    worker.once('exit', (exitCode) => this.#onExit(exitCode));
    this.#events.started(this, worker);
    // It was ended while there was no worker yet.
    if (this.#state !== 'starting') void worker.terminate();
    call.methods?.then(
      () => this.#onReady(),
      () => {},
    );
  }

  #onReady(): void {
    if (this.#state !== 'starting') return;
    this.#rest();
    this.#events.ready(this);
  }

  #giveUpStart(): void {
    this.#failure = new Error(`its module was not loaded after ${this.#options.startTimeoutMs} ms`);
    this.#worker?.terminate();
    this.#after(this.#options.terminateMs, () => this.#giveUp());
  }

  /** Idle, it does not keep the process alive. */
  #rest(): void {
    this.#state = 'idle';
    this.idleSince = performance.now();
    this.#worker?.unref();
    this.#after(this.#options.idleMs, () => this.#events.restedLong(this));
  }

  run(task: PoolTask): void {
    this.#clock.remove(this.#step);
    this.tasks++;
    this.#task = task;
    this.#state = 'busy';
    this.#worker?.ref();
    task.thread = this;
    task.startedAt = performance.now();
    this.#lastTask = { name: task.name, startedAt: task.startedAt };
    try {
      this.#inputs.postMessage({ input: task.input }, task.transfer as TransferListItem[]);
    } catch (error) {
      this.#unsent(task, 'input', error);
      return;
    }
    this.#library.exec(RUN_METHOD, [task.number, task.name]).then(
      (answer: TaskAnswer) => this.#onAnswer(task, answer),
      (error: unknown) => this.#onRefusal(task, error),
    );
  }

  #onAnswer(task: PoolTask, answer: TaskAnswer): void {
    if (this.#task !== task) return;
    this.#task = null;
    if (this.#state === 'busy' || this.#state === 'aborting') this.#rest();
    this.#events.finished(this, task, answer);
  }

  /** A worker that is gone says so by its exit, where the task is told; else its answer could not be cloned. */
  #onRefusal(task: PoolTask, error: unknown): void {
    if (this.#task !== task || error instanceof TerminateError || this.isEnding) return;
    this.#unsent(task, 'result', error);
  }

  #unsent(task: PoolTask, what: 'input' | 'result', error: unknown): void {
    this.#task = null;
    this.#rest();
    this.#events.unsent(this, task, what, error);
  }

  /** It will be gone: no task comes any more. */
  get isEnding(): boolean {
    return !['starting', 'idle', 'busy', 'aborting'].includes(this.#state);
  }

  /** Tells the task to stop; the thread is terminated when it has not by `abortMs`, or by `limitMs` if that is less. */
  abort(reason: string, limitMs = Number.POSITIVE_INFINITY): void {
    if (this.#task === null || this.#state !== 'busy') return;
    this.#state = 'aborting';
    Atomics.store(this.#aborted, ABORTED_TASK, this.#task.number);
    const message: AbortMessage = { abort: this.#task.number, reason };
    this.#control.postMessage(message);
    this.#after(Math.min(this.#options.abortMs, limitMs), () => this.terminate());
  }

  /** Ends the thread in order: its values are disposed of, its exit hooks run. Only for one without a task. */
  leave(): void {
    if (this.isEnding || this.#task !== null) return;
    if (this.#state === 'starting') {
      this.terminate();
      return;
    }
    this.#state = 'leaving';
    // Until it is gone the process waits: what it disposes of matters.
    this.#worker?.ref();
    settleQuietly(this.#library.terminate());
    // workerpool terminates it at `leaveMs`; this is for the case in which it has not.
    this.#after(this.#options.leaveMs, () => this.terminate());
  }

  terminate(): void {
    if (['terminating', 'unresponsive', 'ended'].includes(this.#state)) return;
    this.#state = 'terminating';
    this.#worker?.ref();
    // First, so that workerpool expects the exit: else it would set a timer of `leaveMs` for a worker that is gone.
    settleQuietly(this.#library.terminate(true));
    void this.#worker?.terminate();
    this.#after(this.#options.terminateMs, () => this.#giveUp());
    this.#events.terminating(this);
  }

  #giveUp(): void {
    this.#state = 'unresponsive';
    // It cannot be stopped; the process need not wait for it.
    this.#worker?.unref();
    this.#events.unresponsive(this);
  }

  #after(ms: number, due: () => void): void {
    this.#clock.remove(this.#step);
    const now = performance.now();
    this.#step.due = due;
    this.#step.deadlineAt = now + ms;
    this.#clock.add(this.#step, now);
  }

  #onExit(exitCode: number | undefined): void {
    const before = this.#state;
    this.#clock.remove(this.#step);
    this.#state = 'ended';
    this.#control.close();
    this.#inputs.close();
    const wasAsked = ['leaving', 'terminating', 'unresponsive'].includes(before);
    this.#events.exited(this, wasAsked ? null : this.#crash(before, exitCode));
    this.#resolveExited();
  }

  #crash(state: PoolThreadState, exitCode: number | undefined): WatertightError {
    const cause = this.#failure;
    const why = cause instanceof Error ? cause.message : `it exited with code ${exitCode}`;
    const details = { thread: this.name, task: this.#task?.name, exitCode };
    if (state === 'starting') {
      return new WatertightError('WT_THREADS_CANNOT_START', `Cannot start thread ${this.name}: ${why}`, {
        hint: 'import the module of the pool in the main thread to see what is wrong with it',
        details,
        cause,
      });
    }
    const what = this.#task === null ? 'keep' : `finish task ${this.#task.name} in`;
    return new WatertightError('WT_THREADS_CRASHED', `Cannot ${what} thread ${this.name} as it has ended: ${why}`, {
      hint: 'an uncaught error, process.exit() or a lack of memory ends a thread; the pool starts another',
      details,
      cause,
    });
  }
}

/** What it tells is told by the exit of the thread. */
function settleQuietly(promise: { then(resolve: () => void, reject: () => void): unknown }): void {
  promise.then(ignore, ignore);
}

function ignore(): void {}
