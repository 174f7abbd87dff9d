import { AsyncLocalStorage } from 'node:async_hooks';
import inspector from 'node:inspector';
import { isMainThread, Worker } from 'node:worker_threads';
import { monotonicMs } from '../core/index.js';
import { CELLS, WATCHDOG_THREAD, type WatchdogData } from './watchdog-thread.js';

/** Frames that the report of a blocked step shows. */
const STACK_DEPTH = 50;
/** The thread needs some 3 MB; a big program sends it the list of its scripts when a debugger is looked for. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64 };

/** Whether somebody watches over the event loop, and why not. */
export type WatchdogState = 'on' | 'off' | 'not in a worker thread' | 'its thread did not start';

/** Options of the watchdog. */
export interface WatchdogOptions {
  /** How long a step may block the event loop beyond its limit, in ms, from 50; 300 by default. */
  readonly graceMs?: number;
  /** The code with which a blocked process ends, 1 to 255; 70 by default. */
  readonly exitCode?: number;
}

/** 70 is EX_SOFTWARE of sysexits.h; unlike 124 (`timeout`), 137 (SIGKILL) and 1 to 13 nobody else around Node.js uses it. */
export const BLOCKED_EXIT_CODE = 70;
/** With 550 ms for the thread to ask (350), to let listeners of `exit` run (150) and to make sure (50), and 150 ms for a busy
 * machine, a blocked process ends within a second after the step's limit. */
const GRACE_MS = 300;

let watchdogs = 0;

/**
 * Watches over the event loop while a start-up runs: a thread of its own that ends the process when a step blocks the loop
 * beyond its limit, as no promise and no timer can. Owned by its start-up; ends with `close()`, never holds the process.
 *
 * Cost: 0.5 ms of the calling thread; a thread that takes 15 to 45 ms of CPU to start beside it, and 3 to 9 MB until it is
 * closed. While it watches, an `await` takes 0.1 µs more (Node 20 and 22).
 */
export class Watchdog {
  readonly #cells: Int32Array;
  readonly #epochMs: number;
  readonly #step = new AsyncLocalStorage<number>();
  readonly #hook: symbol;
  #thread: Worker | null = null;
  #state: WatchdogState;

  /** @param names of the steps, as the report says them (`step phase/name`); a step is known by its index */
  constructor(names: readonly string[], options: WatchdogOptions) {
    this.#cells = new Int32Array(
      new SharedArrayBuffer((CELLS.deadlines + names.length) * Int32Array.BYTES_PER_ELEMENT),
    );
    const hookKey = `watertight.startup.${performance.timeOrigin}.${++watchdogs}`;
    this.#hook = Symbol.for(hookKey);
    const epochNs = process.hrtime.bigint();
    this.#epochMs = monotonicMs();
    const { graceMs = GRACE_MS, exitCode = BLOCKED_EXIT_CODE } = options;
    this.#state = isMainThread ? 'on' : 'not in a worker thread';
    if (isMainThread) {
      this.#start({ cells: this.#cells, epochNs, names, graceMs, exitCode, mayAsk: mayInspect(), hookKey });
    }
  }

  get state(): WatchdogState {
    return this.#state;
  }

  /** Runs what a step does before its first await, and all that follows from it, under the step's index. */
  run<T>(step: number, work: () => T): T {
    if (this.#thread === null) return work();
    const before = this.#cells[CELLS.entered]!;
    this.#cells[CELLS.entered] = step + 1;
    try {
      return this.#step.run(step, work);
    } finally {
      this.#cells[CELLS.entered] = before;
    }
  }

  /** @param deadlineAt `performance.now()` in ms at which the step has to be done */
  begin(step: number, deadlineAt: number): void {
    this.#set(step, Math.max(1, Math.min(Math.ceil(deadlineAt - this.#epochMs), 2 ** 31 - 1)));
  }

  end(step: number): void {
    this.#set(step, 0);
  }

  /** Ends the thread; afterwards nothing of the watchdog is left. */
  async close(): Promise<void> {
    Atomics.store(this.#cells, CELLS.isDone, 1);
    Atomics.add(this.#cells, CELLS.version, 1);
    Atomics.notify(this.#cells, CELLS.version);
    this.#step.disable();
    Reflect.deleteProperty(globalThis, this.#hook);
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
  }

  #start(workerData: WatchdogData): void {
    // An `env` of its own: NODE_OPTIONS would have it load what the program preloads.
    const options = {
      eval: true,
      workerData,
      execArgv: [],
      env: { PATH: process.env.PATH },
      name: 'watertight-watchdog',
    };
    try {
      this.#thread = new Worker(WATCHDOG_THREAD, { ...options, resourceLimits: THREAD_LIMITS });
    } catch {
      // Not permitted, or no thread to be had.
      this.#state = 'its thread did not start';
      return;
    }
    this.#thread.once('error', () => {
      this.#state = 'its thread did not start';
    });
    this.#thread.unref();
    Object.defineProperty(globalThis, this.#hook, {
      configurable: true,
      value: (what: 'where' | 'end') => (what === 'where' ? this.#where() : this.#end(workerData.exitCode)),
    });
  }

  #set(step: number, deadlineMs: number): void {
    if (this.#thread === null) return;
    this.#cells[CELLS.deadlines + step] = deadlineMs;
    Atomics.add(this.#cells, CELLS.version, 1);
    Atomics.notify(this.#cells, CELLS.version);
  }

  /** Called from the other thread, in the middle of whatever blocks this one. */
  #where(): object {
    const isInspected = inspector.url() !== undefined;
    return { step: this.#step.getStore() ?? -1, stack: stackBelow(), isInspected };
  }

  /** The listeners of `exit` have their chance; then this thread stands still until the other one has ended the process. */
  #end(exitCode: number): void {
    process.exitCode = exitCode;
    try {
      process.emit('exit', exitCode);
    } finally {
      Atomics.store(this.#cells, CELLS.parked, 1);
      Atomics.notify(this.#cells, CELLS.parked);
      Atomics.wait(this.#cells, CELLS.parked, 1);
    }
  }
}

function mayInspect(): boolean {
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  try {
    return permission === undefined || permission.has('inspector');
  } catch {
    // A version whose permissions do not know the word: it has the inspector switched off.
    return false;
  }
}

/** Node's own, run for every promise while an AsyncLocalStorage is in use. */
const PROMISE_HOOK = /\(node:internal\/async_hooks:/;

/** The frames of the program, without those of the question itself. */
function stackBelow(): string[] {
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = STACK_DEPTH;
    const lines = String(new Error('blocked').stack).split('\n');
    const question = lines.findIndex((line) => /^\s*at <anonymous>:1:\d+$/.test(line));
    const own = lines.findIndex((line) => /^\s*at Watchdog\.run /.test(line));
    // Below a step's first frame stand the function that calls it, AsyncLocalStorage.run, and we.
    const below = lines.slice(question + 1, own < 0 ? lines.length : own - 2).map((line) => line.trim());
    const frames = below.filter((line) => !PROMISE_HOOK.test(line));
    return frames.length > 0 ? frames : ['between two callbacks of promises, which follow each other without end'];
  } catch {
    // `Error` is frozen, or the program's own formatter of stacks failed.
    return ['its stack cannot be read'];
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}
