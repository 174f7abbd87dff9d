/*
 * Values of a thread. Every thread has its own instance of this module, so the list below is the thread's own. What is
 * held is told to the registry by a BroadcastChannel: a message posted before a thread is terminated still arrives.
 */
import { BroadcastChannel, threadId } from 'node:worker_threads';
import { checkCallback, checkOptionNames, describeThrown, kindOf, WatertightError } from '../core/index.js';
import { CallChain } from './call-chain.js';

export const LOCALS_CHANNEL = 'watertight:thread-locals';

/** One value was created (`held`) or disposed of (`gone`) in a thread, or its disposer threw (`failed`). */
export interface LocalMessage {
  readonly threadId: number;
  readonly id: number;
  readonly state: 'held' | 'gone' | 'failed';
  readonly name: string;
  /** What `describe` said of the value; undefined when it lives in the thread's memory alone. When it failed, how. */
  readonly description: unknown;
}

export const LOCAL_OPTION_NAMES = ['name', 'describe'] as const;

/** What `disposeThreadLocals` did. */
export interface LocalsReport {
  readonly disposed: number;
  /** In the order of the disposals: newest value first. */
  readonly failures: readonly { readonly name: string; readonly error: unknown }[];
}

interface Held {
  readonly id: number;
  readonly name: string;
  /** Takes the value out; called once. */
  readonly take: () => unknown;
}

const held: Held[] = [];
const disposers = new CallChain<Held>();
let lastId = 0;
let channel: BroadcastChannel | null = null;
let disposal: Promise<LocalsReport> | null = null;
let hasExitHook = false;

/**
 * One value in each thread, created when it is first read there, disposed of when the thread ends: newest first, once.
 *
 * A thread of a `ThreadPool` that leaves, and any thread that has nothing left to do, waits for what its disposers
 * return. One that calls `process.exit()` or has an uncaught error runs them in its exit hook, which cannot wait.
 * Nothing runs in a thread that is terminated: for a value with a life outside the thread (a temporary folder, a lock, a lease) give
 * `describe`, and release what it describes in the main thread by `ThreadRegistry.onLeftBehind`.
 *
 * The value belongs to the thread. `create` and `dispose` run in it.
 *
 * Cost: a read ≈ 3 ns; creating a value and disposing of it send one message each.
 *
 * @example
 * const database = new ThreadLocal(() => openDatabase('cache.db'), (db) => db.close());
 * export default (key: string) => database.value.get(key);
 */
export class ThreadLocal<T> {
  readonly name: string;
  readonly #create: () => T;
  readonly #dispose: (value: T) => unknown;
  readonly #describe: ((value: T) => unknown) | undefined;
  #held: (Held & { value: T }) | null = null;

  /**
   * @param dispose what it returns is awaited where that is possible
   * @param options.name for reports, and the key of `ThreadRegistry.onLeftBehind`
   * @param options.describe plain data (structured clone) from which the main thread can release what is outside
   * @throws TypeError naming what is wrong
   */
  constructor(
    create: () => T,
    dispose: (value: T) => unknown = () => {},
    options: { name?: string; describe?: (value: T) => unknown } = {},
  ) {
    if (typeof create !== 'function') throw new TypeError(`create must be a function, not ${typeof create}`);
    if (typeof dispose !== 'function') throw new TypeError(`dispose must be a function, not ${typeof dispose}`);
    checkOptionNames('new ThreadLocal(create, dispose, options)', options, LOCAL_OPTION_NAMES);
    const { name = 'thread local', describe } = options;
    if (typeof name !== 'string') throw new TypeError(`new ThreadLocal(): name must be a text, not ${kindOf(name)}`);
    checkCallback('new ThreadLocal()', 'describe', describe);
    this.name = name;
    this.#create = create;
    this.#dispose = dispose;
    this.#describe = describe;
  }

  get hasValue(): boolean {
    return this.#held !== null;
  }

  /**
   * The value of this thread. What `create` throws is thrown, and the next read tries again.
   * @throws WatertightError WT_THREADS_LOCALS_DISPOSING while the thread disposes of its values
   */
  get value(): T {
    return this.#held === null ? this.#open() : this.#held.value;
  }

  /** Disposes of this thread's value now, if there is one; the next read creates another. */
  async clear(): Promise<void> {
    const entry = this.#held;
    if (entry === null) return;
    forget(entry);
    await entry.take();
  }

  #open(): T {
    if (disposal !== null) {
      throw new WatertightError('WT_THREADS_LOCALS_DISPOSING', `Cannot create ${this.name} as its thread is ending`, {
        hint: 'a disposer must not read a thread-local value that has been disposed of',
      });
    }
    const value = this.#create();
    const take = () => {
      this.#held = null;
      return this.#dispose(value);
    };
    const entry = { id: ++lastId, name: this.name, value, take };
    this.#held = entry;
    held.push(entry);
    installExitHook();
    announce(entry, 'held', this.#describe?.(value));
    return value;
  }
}

/**
 * A function that gives this thread's own instance: created at the first call in the thread, disposed of with it.
 * Short for a `ThreadLocal` when only its value is wanted.
 *
 * @throws TypeError when `factory` or `dispose` is no function
 *
 * @example
 * const parser = perThread(() => new Parser());
 * export default (text: string) => parser().parse(text);
 */
export function perThread<T>(factory: () => T, dispose?: (value: T) => unknown): () => T {
  if (typeof factory !== 'function')
    throw new TypeError(`perThread(factory): factory must be a function, not ${kindOf(factory)}`);
  const local = new ThreadLocal(factory, dispose, { name: factory.name === '' ? 'per thread' : factory.name });
  return () => local.value;
}

/**
 * Disposes of every value of this thread, newest first, waiting for each. A disposer that fails does not stop the
 * others. Calls meanwhile get the same report; a call from inside a disposer gets an empty one at once, as it would wait
 * for itself. A disposer that never ends has to be bounded by the caller.
 */
export async function disposeThreadLocals(): Promise<LocalsReport> {
  if (disposers.isInside()) return { disposed: 0, failures: [] };
  disposal ??= disposeAll().finally(() => {
    disposal = null;
  });
  return disposal;
}

async function disposeAll(): Promise<LocalsReport> {
  // A disposer must find the disposal begun: `disposal` is set when this function first yields.
  await null;
  let disposed = 0;
  const failures: { name: string; error: unknown }[] = [];
  for (let entry = held.at(-1); entry !== undefined; entry = held.at(-1)) {
    forget(entry);
    disposed++;
    try {
      await disposers.run(entry, entry.take);
    } catch (error) {
      failures.push({ name: entry.name, error });
      announce(entry, 'failed', describeThrown(error));
    }
  }
  return { disposed, failures };
}

function forget(entry: Held): void {
  const index = held.lastIndexOf(entry);
  if (index < 0) return;
  held.splice(index, 1);
  announce(entry, 'gone', undefined);
}

function installExitHook(): void {
  if (hasExitHook) return;
  hasExitHook = true;
  // Nothing is left to do: the last moment at which promises are waited for.
  process.on('beforeExit', () => {
    if (held.length > 0) void disposeThreadLocals();
  });
  process.on('exit', () => {
    for (let entry = held.at(-1); entry !== undefined; entry = held.at(-1)) {
      forget(entry);
      try {
        const result = entry.take();
        // Nobody is left to wait for it; without a handler its failure would be an unhandled rejection.
        if (result instanceof Promise) result.catch(() => {});
      } catch (error) {
        announce(entry, 'failed', describeThrown(error));
      }
    }
  });
}

function announce(entry: Held, state: LocalMessage['state'], description: unknown): void {
  if (channel === null) {
    channel = new BroadcastChannel(LOCALS_CHANNEL);
    channel.unref();
  }
  const message: LocalMessage = { threadId, id: entry.id, state, name: entry.name, description };
  channel.postMessage(message);
}
