import { Worker } from 'node:worker_threads';
import {
  checkCallback,
  checkOptionNames,
  checkOwner,
  kindOf,
  type Owned,
  type Owner,
  rebuildThrown,
  settleBy,
  type ThrownShape,
  WatertightError,
} from '../core/index.js';
import { LocalsListener } from './locals-listener.js';
import { ownedBy } from './owned-by.js';
import type { LocalMessage } from './thread-local.js';
import {
  checkRegistration,
  cleanups,
  type ThreadFailure,
  type ThreadInfo,
  ThreadRecord,
  type ThreadRegistration,
} from './thread-record.js';

const IDLE_MS = 30 * 60_000;
const SWEEP_EVERY_MS = 60_000;
/** A thread leaves in some ms; the limit is for those that do not. */
const END_TIMEOUT_MS = 10_000;

export interface ThreadRegistryOptions {
  /** Closes the registry when it closes. */
  readonly scope?: Owner;
  /** Time between two background sweeps in ms, 60 000 if not given; 0: none. */
  readonly sweepEveryMs?: number;
  /** A registered thread that was idle for longer is swept; ms, 30 minutes if not given. */
  readonly idleMs?: number;
  /** Called with the report of every background sweep that ended a thread or failed. */
  readonly onSweep?: (report: CleanupReport) => void;
}

/** All names, held against the type by the compiler. */
export const REGISTRY_OPTION_NAMES: readonly string[] = Object.keys({
  scope: 0,
  sweepEveryMs: 0,
  idleMs: 0,
  onSweep: 0,
} satisfies Record<keyof ThreadRegistryOptions, 0>);

/** What ending threads did. */
export interface CleanupReport {
  /** `timeout`: some thread was still there at the deadline. */
  readonly status: 'completed' | 'failed' | 'timeout';
  /** Threads that had to end. */
  readonly initial: number;
  readonly ended: number;
  readonly remaining: number;
  /** Of `remaining`: other calls are ending these, and this one was made from inside a cleanup, so it did not wait. */
  readonly endingElsewhere: number;
  readonly durationMs: number;
  readonly failures: readonly ThreadFailure[];
  /** Those still there: `unresponsive` ones run native code, which nothing in the process can stop. */
  readonly stuck: readonly ThreadInfo[];
}

export interface ThreadStatistics {
  /** Seen since the registry was made. `created - ended = active`, always. */
  readonly created: number;
  readonly ended: number;
  readonly active: number;
  /** Records that the registry holds: equal to `active`, as the record of a thread goes with it. */
  readonly tracked: number;
  readonly registered: number;
  /** Ended threads that left nothing behind, or whose every remainder was released. */
  readonly cleanedUp: number;
  /** Callbacks, disposers and releases that failed, of ended threads. */
  readonly cleanupFailures: number;
  /** Values of `ThreadLocal` that threads hold now, the main thread's included. */
  readonly cachedLocals: number;
}

/** The main thread, which starts no `Worker`. */
const MAIN_THREAD_ID = 0;

/**
 * Sees every worker that this thread starts, whoever starts it: name, age, owner, pulse, state, thread-local values. Ends
 * those that were registered: the idle ones by `sweep`, all by `closeAll`; others are only watched, for they are not ours.
 *
 * Make it before the first worker: one that was started earlier is not seen, nor are workers of workers (make a registry
 * in those). `close()`, or the owner, ends it and every registered thread.
 *
 * Every call returns by its deadline; a callback or a release runs once, however many calls are made and wherever from.
 *
 * Cost: a record a thread, one timer for background sweeps, ≈ 0.3 µs a thread for a look.
 *
 * @example
 * const registry = new ThreadRegistry({ scope });
 * const worker = new Worker('./index-pages.js');
 * registry.register(worker, { name: 'indexer', idle: 'event-loop' });
 * console.table(registry.list());
 */
export class ThreadRegistry {
  readonly #idleMs: number;
  readonly #records = new Map<number, ThreadRecord>();
  readonly #mainLocals = new Set<number>();
  readonly #releases = new Map<string, (description: unknown, thread: { threadId: number; name: string }) => unknown>();
  readonly #listener: LocalsListener;
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #owned: Owned | undefined;
  readonly #onSweep: ((report: CleanupReport) => void) | undefined;
  readonly #onWorker = (worker: Worker) => void this.#track(worker);
  readonly #onProcessExit = () => this.#releaseAllLeftBehind();
  /** Releases under way of what ended threads left behind. */
  readonly #releasing = new Map<ThreadRecord, Promise<void>>();
  #created = 0;
  #ended = 0;
  #cleanedUp = 0;
  #cleanupFailures = 0;
  #closing: Promise<CleanupReport> | null = null;
  #isOver = false;

  /** @throws TypeError, RangeError naming the option, its rule and what came */
  constructor(options: ThreadRegistryOptions = {}) {
    checkOptionNames('new ThreadRegistry(options)', options, REGISTRY_OPTION_NAMES);
    const { scope, sweepEveryMs = SWEEP_EVERY_MS, idleMs = IDLE_MS, onSweep } = options;
    checkOwner('new ThreadRegistry(options)', scope);
    checkCallback('new ThreadRegistry(options)', 'onSweep', onSweep);
    checkMs('sweepEveryMs', sweepEveryMs);
    checkMs('idleMs', idleMs);
    this.#idleMs = idleMs;
    this.#onSweep = onSweep;
    this.#listener = new LocalsListener((message) => this.#note(message));
    process.on('worker', this.#onWorker);
    process.on('exit', this.#onProcessExit);
    if (sweepEveryMs > 0) this.#timer = setInterval(() => void this.#backgroundSweep(), sweepEveryMs).unref();
    this.#owned = ownedBy(scope, 'thread registry', {
      release: (timeoutMs) => this.#closeForOwner(timeoutMs),
    });
  }

  /** True from the moment closing begins. */
  get isClosed(): boolean {
    return this.#closing !== null;
  }

  /** Threads that are alive, oldest first. Cost: ≈ 0.3 µs each. */
  list(): ThreadInfo[] {
    return [...this.#records.values()].map((record) => {
      record.look();
      return record.info();
    });
  }

  get statistics(): ThreadStatistics {
    let registered = 0;
    let cachedLocals = this.#mainLocals.size;
    for (const record of this.#records.values()) {
      if (record.registration) registered++;
      cachedLocals += record.locals.size;
    }
    return {
      created: this.#created,
      ended: this.#ended,
      active: this.#created - this.#ended,
      tracked: this.#records.size,
      registered,
      cleanedUp: this.#cleanedUp,
      cleanupFailures: this.#cleanupFailures,
      cachedLocals,
    };
  }

  /**
   * Names a worker and hands its end to this registry. Registering it again changes its registration.
   * @returns `detach()` takes the registration back; the thread stays watched
   * @throws TypeError for what is no `Worker`, or a wrong registration
   * @throws WatertightError WT_THREADS_REGISTRY_CLOSED, WT_THREADS_ENDED when the worker has exited
   */
  register(worker: Worker, registration: ThreadRegistration): Owned {
    if (!(worker instanceof Worker)) {
      throw new TypeError(
        `registry.register(worker): worker must be a Worker of node:worker_threads, not ${kindOf(worker)}`,
      );
    }
    checkRegistration(registration);
    if (this.#closing) {
      throw new WatertightError('WT_THREADS_REGISTRY_CLOSED', 'Cannot register a thread as its registry is closed', {
        hint: 'start threads before their owner closes',
      });
    }
    const record = this.#track(worker);
    if (record === undefined) {
      const name = registration.name ?? 'a thread';
      throw new WatertightError('WT_THREADS_ENDED', `Cannot register ${name} as it has ended`, {
        hint: 'register a worker when it is made',
      });
    }
    record.registration = registration;
    return {
      detach: () => {
        if (record.registration === registration) record.registration = null;
      },
    };
  }

  /**
   * Runs `release` in this thread for each value of the `ThreadLocal`s called `name` whose thread ended without
   * disposing of it: terminated, or out of memory. It gets what `describe` said of the value. At the exit of the
   * process only what it does synchronously counts.
   * @returns `detach()` takes it back
   * @throws TypeError when `name` has one already or is no text, or `release` is no function
   */
  onLeftBehind<D = unknown>(
    name: string,
    release: (description: D, thread: { readonly threadId: number; readonly name: string }) => unknown,
  ): Owned {
    if (typeof name !== 'string')
      throw new TypeError(`registry.onLeftBehind(name, release): name must be a text, not ${kindOf(name)}`);
    if (typeof release !== 'function')
      throw new TypeError(`registry.onLeftBehind(name, release): release must be a function, not ${kindOf(release)}`);
    if (this.#releases.has(name)) throw new TypeError(`name must have no release yet, not ${JSON.stringify(name)}`);
    this.#releases.set(name, release as (description: unknown) => unknown);
    return { detach: () => this.#releases.delete(name) };
  }

  /**
   * Ends every registered thread with an idle notion that has been idle for longer than `idleMs`.
   * @param options.idleMs ms, that of the registry if not given
   * @param options.timeoutMs for the whole call in ms, 10 000 if not given
   */
  sweep(options: { idleMs?: number; timeoutMs?: number } = {}): Promise<CleanupReport> {
    checkOptionNames('registry.sweep(options)', options, ['idleMs', 'timeoutMs']);
    const { idleMs = this.#idleMs, timeoutMs = END_TIMEOUT_MS } = options;
    checkMs('idleMs', idleMs);
    checkMs('timeoutMs', timeoutMs);
    const stale = [...this.#records.values()].filter((record) => {
      record.look();
      const idle = record.idleMs;
      return idle !== null && idle >= idleMs;
    });
    return this.#end(stale, timeoutMs);
  }

  /**
   * Ends every registered thread: asks by its `end`, terminates what is left, and returns by `timeoutMs` (10 000 ms if
   * not given) with what is still there. Threads that nobody registered stay.
   */
  closeAll(options: { timeoutMs?: number } = {}): Promise<CleanupReport> {
    checkOptionNames('registry.closeAll(options)', options, ['timeoutMs']);
    const { timeoutMs = END_TIMEOUT_MS } = options;
    checkMs('timeoutMs', timeoutMs);
    return this.#end(
      [...this.#records.values()].filter((record) => record.registration !== null),
      timeoutMs,
    );
  }

  /** `closeAll`, and stops watching. Every call gives the report of the first. */
  close(options: { timeoutMs?: number } = {}): Promise<CleanupReport> {
    if (this.#closing) return this.#closing;
    // Refuses wrong options, before anything has changed.
    const ended = this.closeAll(options);
    clearInterval(this.#timer);
    this.#closing = ended.finally(() => {
      process.off('worker', this.#onWorker);
      process.off('exit', this.#onProcessExit);
      this.#isOver = true;
      this.#listener.close();
      this.#owned?.detach();
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #closeForOwner(timeoutMs: number): Promise<void> {
    const { stuck, failures } = await this.close({ timeoutMs });
    const errors = failures.map(({ error }) => error);
    if (stuck.length === 0 && errors.length === 0) return;
    if (stuck.length === 0) throw new AggregateError(errors, `${errors.length} cleanups of threads failed`);
    const names = stuck.map(({ name }) => name).join(', ');
    throw new WatertightError('WT_THREADS_UNRESPONSIVE', `Cannot end ${stuck.length} threads in time: ${names}`, {
      hint: 'they run native code, which cannot be stopped from inside the process',
      details: { stuck },
      cause: errors[0],
    });
  }

  #track(worker: Worker): ThreadRecord | undefined {
    const { threadId } = worker;
    // A worker that has exited has the id -1.
    if (threadId < 0) return undefined;
    const known = this.#records.get(threadId);
    if (known) return known;
    const record = new ThreadRecord(worker, (ended) => this.#onExit(ended));
    this.#created++;
    this.#records.set(threadId, record);
    return record;
  }

  #onExit(record: ThreadRecord): void {
    if (!this.#isOver) this.#listener.drain();
    this.#ended++;
    this.#records.delete(record.threadId);
    this.#releasing.set(
      record,
      this.#releaseLeftBehind(record).finally(() => this.#releasing.delete(record)),
    );
  }

  #note({ threadId, id, state, name, description }: LocalMessage): void {
    if (state === 'failed') {
      this.#records.get(threadId)?.fail('local', rebuildThrown(description as ThrownShape));
      return;
    }
    if (threadId === MAIN_THREAD_ID) {
      if (state === 'held') this.#mainLocals.add(id);
      else this.#mainLocals.delete(id);
      return;
    }
    const locals = this.#records.get(threadId)?.locals;
    if (state === 'held') locals?.set(id, { name, description });
    else locals?.delete(id);
  }

  /** Newest first. Called once in the life of a record: at its exit, or at that of the process. */
  #takeLeftBehind(record: ThreadRecord): (() => unknown)[] {
    const thread = { threadId: record.threadId, name: record.name };
    return [...record.locals.values()].reverse().flatMap(({ name, description }) => {
      const release = this.#releases.get(name);
      return release === undefined || description === undefined ? [] : [() => release(description, thread)];
    });
  }

  async #releaseLeftBehind(record: ThreadRecord): Promise<void> {
    for (const release of this.#takeLeftBehind(record)) {
      try {
        await cleanups.run(record, release);
      } catch (error) {
        record.fail('left-behind', error);
      }
    }
    this.#cleanupFailures += record.failures.length;
    if (record.failures.every(({ phase }) => phase === 'end')) this.#cleanedUp++;
  }

  /** The process is exiting and its threads die with it: what they hold outside is released as far as that is synchronous. */
  #releaseAllLeftBehind(): void {
    this.#listener.drain();
    for (const release of [...this.#records.values()].flatMap((record) => this.#takeLeftBehind(record))) {
      try {
        const result = release();
        // Nobody is left to wait for it; without a handler its failure would be an unhandled rejection.
        if (result instanceof Promise) result.catch(() => {});
      } catch {
        // The next release matters more, and nobody is left to tell.
      }
    }
  }

  async #backgroundSweep(): Promise<void> {
    const report = await this.sweep();
    if (report.initial > 0) this.#onSweep?.(report);
  }

  /**
   * A call from inside a cleanup waits only for ends that it began itself. So waits form a tree: no circle of cleanups
   * can wait for itself, and calls from outside see every end through.
   */
  async #end(records: readonly ThreadRecord[], timeoutMs: number): Promise<CleanupReport> {
    const startedAt = performance.now();
    const deadlineAt = startedAt + timeoutMs;
    const isNested = cleanups.isInside();
    const elsewhere = isNested ? records.filter((record) => record.isEnding) : [];
    const mine = records.filter((record) => !elsewhere.includes(record));
    await Promise.all(mine.map((record) => record.end(deadlineAt)));
    if (!isNested) {
      const releasing = mine.flatMap((record) => this.#releasing.get(record) ?? []);
      await settleBy(Promise.all(releasing), deadlineAt);
    }
    const left = records.filter((record) => !record.hasExited);
    const failures = mine.flatMap((record) => record.failures);
    const stuck = left.filter((record) => mine.includes(record)).map((record) => record.info());
    return {
      status: stuck.length > 0 ? 'timeout' : failures.length > 0 ? 'failed' : 'completed',
      initial: records.length,
      ended: records.length - left.length,
      remaining: left.length,
      endingElsewhere: left.length - stuck.length,
      durationMs: performance.now() - startedAt,
      failures,
      stuck,
    };
  }
}

function checkMs(name: string, ms: number): void {
  if (typeof ms !== 'number' || !(ms >= 0)) throw new RangeError(`${name} must be 0 or more ms, not ${ms}`);
}
