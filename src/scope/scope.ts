import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { EventEmitter } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import type { Server } from 'node:net';
import type { Worker, WorkerOptions } from 'node:worker_threads';
import {
  checkOptionNames,
  checkSignal,
  errorText,
  monotonicMs,
  type Owner,
  settleBy,
  WatertightError,
} from '../core/index.js';
import { type Closable, releaseOf } from './closable.js';
import { CloseReport, type CloseStatus } from './close-report.js';
import { Closing } from './closing.js';
import { type Entry, type Held, type HoldOptions, NO_VALUE, type Release } from './entry.js';
import { openFile, openTempDir } from './files.js';
import { watchScope } from './forgotten.js';
import { isThenable, releaseAtOnce } from './late.js';
import { isReleasing, Ledger } from './ledger.js';
import { type ListenOptions, listen } from './listeners.js';
import { startProcess, startWorker } from './processes.js';
import { holdServer, isServer, type ServerOptions } from './servers.js';
import { checkOptions, checkSampling, checkTimeout, defaults, isScopeSampled, type Sampling } from './settings.js';
import { ScopeTree } from './tree.js';

export interface ScopeOptions {
  /**
   * Longest time for closing the whole scope, in ms. Default 10,000: what is left is abandoned and named. A child's is cut
   * to what its parent has left.
   */
  readonly closeTimeoutMs?: number;
  /** Longest time for one release, in ms. Default 5,000, what Erlang's supervisors give a worker. */
  readonly releaseTimeoutMs?: number;
  /** Whether lines that acquire are kept; see `configureScopes`. */
  readonly sites?: Sampling;
  /** Children close all at once instead of one by one, newest first: for many that do not need each other. */
  readonly together?: boolean;
  /** Closes the scope when it aborts. The listener is gone with the scope. */
  readonly signal?: AbortSignal;
}

export type ScopeState = 'open' | 'draining' | 'closing' | 'closed';

const CLOSE_TIMEOUT_MS = 10_000;
const RELEASE_TIMEOUT_MS = 5_000;
/** Draining may take half of the time: the rest is for releasing. */
const DRAIN_SHARE = 0.5;

const OPEN = 0;
const DRAINING = 1;
/** Its parent is closing and its turn has not come: nothing may be acquired any more. */
const DOOMED = 2;
const CLOSING = 3;
const CLOSED = 4;
const STATES: readonly ScopeState[] = ['open', 'draining', 'closing', 'closing', 'closed'];

interface Settings {
  readonly closeTimeoutMs: number;
  readonly releaseTimeoutMs: number;
  readonly sites: Sampling | undefined;
  readonly together: boolean;
}

const OPTION_NAMES = ['closeTimeoutMs', 'releaseTimeoutMs', 'sites', 'together', 'signal'] as const;

const PLAIN: Settings = {
  closeTimeoutMs: CLOSE_TIMEOUT_MS,
  releaseTimeoutMs: RELEASE_TIMEOUT_MS,
  sites: undefined,
  together: false,
};

/**
 * Owner of everything that is acquired in it: each resource is released once, newest first, children before parents, each
 * within its own time, whatever the others do; and a report says how it went.
 *
 * Owned by whoever made it; ends with `close()`, the end of an `await using` block, or its parent.
 *
 * Cost: one allocation and two reads of the clock a resource, one timer for all that is being closed; about 104 bytes a
 * resource. Figures beside others: `bench/lifecycle/timing.bench.ts`.
 *
 * @example
 * await using scope = new Scope('import');
 * const file = await scope.acquire('orders', () => open('orders.csv'), (file) => file.close());
 * scope.interval('progress', 1000, () => console.log('…'));
 */
export class Scope implements Owner {
  readonly name: string;
  readonly parent: Scope | null;
  readonly #settings: Settings;
  #state = OPEN;
  readonly #ledger: Ledger;
  #initial = 0;
  #hasLeft = false;
  #newestChild: Scope | null = null;
  #newerSibling: Scope | null = null;
  #olderSibling: Scope | null = null;
  #childCount = 0;
  #closing: Promise<CloseReport> | null = null;
  #run: Closing | null = null;
  #controller: AbortController | null = null;
  #unfollow: (() => void) | null = null;
  #followed: AbortSignal | null = null;

  /**
   * @param parent for `child()`, which also tells the parent
   * @throws TypeError for a name that is no text, RangeError for a time that is no number of ms
   */
  constructor(name: string, options?: ScopeOptions, parent: Scope | null = null) {
    if (typeof name !== 'string') throw new TypeError(`new Scope(name): name must be a string, not ${typeof name}`);
    this.name = name;
    this.parent = parent;
    if (options !== undefined) checkOptionNames('new Scope()', options, OPTION_NAMES);
    checkSignal('new Scope()', options?.signal);
    const inherited = parent === null ? PLAIN : parent.#settings;
    this.#settings = options === undefined ? inherited : settingsOf(options, inherited);
    this.#ledger = new Ledger(this, this.#settings.releaseTimeoutMs);
    if (defaults.forgotten !== 'off' && isScopeSampled(defaults.forgotten)) this.#ledger.watch = watchScope(this, name);
    if (options?.signal) this.#follow(options.signal);
  }

  /** Runs `work` with a scope of its own, which is closed on every path; gives what `work` gives. @throws as `closeAfter` */
  static async run<T>(name: string, work: (scope: Scope) => T | Promise<T>, options?: ScopeOptions): Promise<T> {
    const scope = new Scope(name, options);
    return scope.#closeAfter(work, true);
  }

  /** Names from the root down to here: `app/requests`. Cost: O(depth). */
  get path(): string {
    return this.parent === null ? this.name : `${this.parent.path}/${this.name}`;
  }

  /** Resources held here, acquisitions under way included; without those of children. */
  get size(): number {
    return this.#ledger.size;
  }

  get state(): ScopeState {
    return STATES[this.#state]!;
  }

  /** True from the moment that closing begins: nothing can be acquired any more. */
  get isClosed(): boolean {
    return this.#state !== OPEN;
  }

  /** As `AsyncDisposableStack` has it. */
  get disposed(): boolean {
    return this.#state !== OPEN;
  }

  /**
   * Aborted when the release of this scope or of one above it begins, after the draining. Made when first asked for, as a
   * signal costs 2 µs and 774 bytes on Node 20.
   */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#state >= DOOMED) this.#controller.abort(this.closedError('Work'));
    }
    return this.#controller.signal;
  }

  /**
   * A scope within this one: closed before anything of this one is released.
   * @throws WatertightError WT_SCOPE_CLOSED
   */
  child(name: string, options?: ScopeOptions): Scope {
    if (this.#state !== OPEN) throw this.closedError(`Scope ${name}`);
    const child = new Scope(name, options, this);
    this.#ledger.isInUse();
    child.#ledger.isInUse();
    child.#olderSibling = this.#newestChild;
    if (this.#newestChild) this.#newestChild.#newerSibling = child;
    this.#newestChild = child;
    this.#childCount++;
    return child;
  }

  /**
   * Something made of several parts: `make` acquires them in a child scope. When it fails, all that it took is released,
   * newest first, before its error reaches the caller; when it succeeds they stay, under the child's name, until this
   * scope closes.
   * @throws what `make` throws; WT_SCOPE_ROLLBACK_FAILED, with that as its cause, when something of it could not be released
   */
  async build<T>(name: string, make: (part: Scope) => T | Promise<T>, options?: ScopeOptions): Promise<T> {
    return this.child(name, options).#closeAfter(make, false);
  }

  /**
   * Opens a resource and owns it, in one step: no instant is left in which nobody would release it.
   *
   * @param open makes it, now or later; gets this scope, for its `signal`
   * @param release closes it, now or later
   * @returns what `open` returns: the resource, or a promise of it
   * @throws what `open` throws. WatertightError WT_SCOPE_CLOSED when the scope is closed, and when it closes before the
   *   resource is there: that is then released at once.
   * @example
   * const socket = scope.acquire('feed', () => connect(7000), (socket) => socket.destroy());
   */
  acquire<T>(
    name: string,
    open: (scope: Scope) => Promise<T>,
    release: Release<T>,
    options?: HoldOptions<T>,
  ): Promise<T>;
  acquire<T>(name: string, open: (scope: Scope) => T, release: Release<T>, options?: HoldOptions<T>): T;
  acquire<T>(
    name: string,
    open: (scope: Scope) => T | Promise<T>,
    release: Release<T>,
    options?: HoldOptions<T>,
  ): T | Promise<T> {
    if (this.#state !== OPEN) throw this.closedError(`Resource ${name}`);
    if (typeof open !== 'function')
      throw new TypeError(`scope.acquire('${name}', open, release): open must be a function`);
    checkRelease('acquire', name, release);
    // Before it is open: what is refused after that has no owner.
    checkOptions(options);
    const opened = open(this);
    if (isThenable(opened)) {
      return this.#ledger.addLater(
        name,
        opened as Promise<T>,
        release,
        options,
        this.#settings.sites ?? defaults.sites,
      );
    }
    this.hold(name, opened, release, options);
    return opened;
  }

  /**
   * Owns what is open already.
   * @throws WatertightError WT_SCOPE_CLOSED when the scope is closed; the resource is then released at once
   */
  hold<T>(name: string, value: T, release: Release<T>, options?: HoldOptions<T>): Held<T> {
    checkRelease('hold', name, release);
    return this.#own(name, value, release, options);
  }

  /** Runs `release` when the scope closes. @throws WatertightError WT_SCOPE_CLOSED; `release` has then been run */
  defer(name: string, release: () => unknown, options?: HoldOptions<undefined>): Held<undefined>;
  defer(release: () => unknown): Held<undefined>;
  defer(first: string | (() => unknown), second?: () => unknown, options?: HoldOptions<undefined>): Held<undefined> {
    const release = typeof first === 'string' ? second : first;
    const name = typeof first === 'string' ? first : first?.name || 'deferred';
    if (typeof release !== 'function') throw new TypeError(`scope.defer(name, release): release must be a function`);
    return this.#own(name, NO_VALUE as unknown as undefined, release, options);
  }

  /**
   * Owns an object that knows how to close itself: by `Symbol.asyncDispose` or `Symbol.dispose`, or else by the first of
   * `close`, `end`, `quit`, `disconnect`, `destroy`, `terminate`, `stop` that it has. Servers, sockets, streams, workers
   * and child processes are closed as their own adopters do. `null` and `undefined` are let pass (ECMA-262, `use`).
   * @throws TypeError when it has none of these
   */
  use<T extends Closable | null | undefined>(resource: T, options?: HoldOptions<T>): T;
  use<T extends Closable | null | undefined>(name: string, resource: T, options?: HoldOptions<T>): T;
  use(first: unknown, second?: unknown, third?: HoldOptions<never>): unknown {
    const isNamed = typeof first === 'string';
    const resource = isNamed ? second : first;
    const options = (isNamed ? third : second) as HoldOptions<never> | undefined;
    if (resource === null || resource === undefined) {
      if (this.#state !== OPEN) throw this.closedError('Nothing');
      return resource;
    }
    if (isServer(resource)) return holdServer(this, resource, { ...(isNamed ? { name: first } : {}), ...options });
    const { name, release, abandon, drain } = releaseOf(resource as object);
    this.#own(
      isNamed ? first : name,
      resource as never,
      release,
      abandon || drain ? { abandon, drain, ...options } : options,
    );
    return resource;
  }

  /** Owns `value` and gives it back (ECMA-262, `adopt`). @throws as `hold` */
  adopt<T>(value: T, release: Release<T>): T {
    checkRelease('adopt', 'value', release);
    this.#own(release.name || 'adopted', value, release, undefined);
    return value;
  }

  /** Listens on an EventEmitter or EventTarget until the scope closes. */
  on(
    emitter: EventEmitter | EventTarget,
    event: string | symbol,
    // biome-ignore lint/suspicious/noExplicitAny: what an event brings is the emitter's to say.
    listener: (...args: any[]) => unknown,
    options?: ListenOptions,
  ): Held {
    return listen(this, emitter, event, listener, options);
  }

  /** `setInterval`, cleared when the scope closes. */
  interval(name: string, everyMs: number, callback: () => unknown): Held<NodeJS.Timeout> {
    return this.hold(name, setInterval(callback, checkTimeout('everyMs', everyMs)), clearInterval);
  }

  /** `setTimeout`, cleared when the scope closes; out of the ledger once it has fired. */
  timeout(name: string, afterMs: number, callback: () => unknown): Held<NodeJS.Timeout> {
    const timer = setTimeout(
      () => {
        held.detach();
        callback();
      },
      checkTimeout('afterMs', afterMs),
    );
    const held = this.hold(name, timer, clearTimeout);
    return held;
  }

  /**
   * Starts a child process. Closing sends SIGTERM and waits for its end; over its time it gets SIGKILL. One that ends by
   * itself leaves the ledger.
   */
  spawn(
    command: string,
    args: readonly string[] = [],
    options: SpawnOptions & HoldOptions<ChildProcess> = {},
  ): ChildProcess {
    return startProcess(this, command, args, options);
  }

  /** Starts a worker thread. Closing terminates it; one that ends by itself leaves the ledger. */
  worker(file: string | URL, options: WorkerOptions & HoldOptions<Worker> = {}): Worker {
    return startWorker(this, file, options);
  }

  /**
   * Owns a server of `net`, `tls`, `http`, `https` or `http2`, listening or not. Draining stops accepting, closes idle
   * keep-alive connections, answers the others with `Connection: close`, and lets requests in flight end; what is still
   * connected after that is cut, and the report says how many.
   */
  server<T extends Server>(server: T, options?: ServerOptions): T {
    return holdServer(this, server, options);
  }

  /** A new folder below the system's temporary folder; removed with all its content when the scope closes. */
  tempDir(prefix = 'watertight-'): Promise<string> {
    return openTempDir(this, prefix);
  }

  /** `fs.promises.open`, closed when the scope closes. */
  file(path: string, flags: string | number = 'r', mode?: number): Promise<FileHandle> {
    return openFile(this, path, flags, mode);
  }

  /**
   * Releases what was acquired, used or adopted, before the scope closes. Looks from the newest on: O(1) for the newest,
   * O(n) for the oldest; the `Held` of `hold` is O(1) always.
   * @throws WatertightError WT_SCOPE_NOT_HELD when this scope does not hold it, or does no more
   */
  async release(value: unknown): Promise<void> {
    const entry = this.#ledger.find(value);
    if (entry) return entry.release();
    throw new WatertightError('WT_SCOPE_NOT_HELD', `Cannot release it as scope ${this.path} does not hold it`, {
      hint: 'it was released before, or belongs to another scope',
    });
  }

  /** What is held here and below, as plain data that prints as a tree. Cost: O(resources). */
  tree(): ScopeTree {
    const now = monotonicMs();
    const children: ScopeTree[] = [];
    for (let child = this.#newestChild; child; child = child.#olderSibling) children.push(child.tree());
    return new ScopeTree(this.name, this.state, this.#ledger.ageMs(now), this.#ledger.held(), children.reverse(), now);
  }

  /**
   * Closes in three phases over the whole subtree: drain (no new work, work in flight ends, half of the time), abort
   * (signals), release (children before parents, newest first, each within its own time). Always ends by its deadline
   * + 50 ms on a free event loop, and says what is still held.
   *
   * Every caller while it runs gets the one report; callers after its end get its figures as `already-closed`. Called from
   * inside a release of this scope it does not wait for itself: the figures so far.
   *
   * @param options.timeoutMs longest time for the whole, in ms; `closeTimeoutMs` unless told
   */
  close(options?: { readonly timeoutMs?: number }): Promise<CloseReport> {
    const timeoutMs = options?.timeoutMs === undefined ? undefined : checkTimeout('timeoutMs', options.timeoutMs);
    if (this.#state === CLOSED) return this.#closing!.then((report) => report.later());
    const isInside = isReleasing(this);
    if (this.#run === null) this.#start(new Closing(monotonicMs(), timeoutMs ?? this.#settings.closeTimeoutMs));
    if (isInside || this.#closing === null) return Promise.resolve(this.#reportOf(this.#run!, 'already-closed'));
    return this.#closing;
  }

  /** As `[Symbol.asyncDispose]()`. */
  async disposeAsync(): Promise<void> {
    const isFirst = this.#run === null;
    const report = await this.close();
    if (isFirst) throwFailures(report);
  }

  /**
   * `close()` for `await using`: rejects when something failed or is still held. One failure is thrown as it is; several as
   * an AggregateError, in the order in which they happened; what is stuck as WT_SCOPE_STUCK.
   */
  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync();
  }

  /**
   * A new scope that holds all that this one held; this one is closed then, with nothing released (ECMA-262, `move`).
   * @throws WatertightError WT_SCOPE_CLOSED
   */
  move(): Scope {
    if (this.#state !== OPEN) throw this.closedError('Nothing');
    const moved = this.parent ? this.parent.child(this.name, this.#settings) : new Scope(this.name, this.#settings);
    this.#ledger.moveTo(moved.#ledger);
    // Children keep their parent's name in their paths: it is the same.
    for (let child = this.#newestChild; child; child = child.#olderSibling) (child as { parent: Scope }).parent = moved;
    moved.#newestChild = this.#newestChild;
    moved.#childCount = this.#childCount;
    this.#newestChild = null;
    this.#childCount = 0;
    void this.close();
    if (this.#followed) moved.#follow(this.#followed);
    return moved;
  }

  /** For the ledger. */
  closedError(what: string): WatertightError {
    return new WatertightError('WT_SCOPE_CLOSED', `${what} cannot be acquired as scope ${this.path} is ${this.state}`, {
      hint: 'acquire before the scope ends, or await what acquires',
      details: { scope: this.path },
    });
  }

  /** For the ledger: the last one that closing had given up on has ended. */
  onEmpty(): void {
    if (this.#state === CLOSED) this.#leaveParent();
  }

  async #closeAfter<T>(work: (scope: Scope) => T | Promise<T>, isOver: boolean): Promise<T> {
    let value: T;
    try {
      value = await work(this);
    } catch (error) {
      const report = await this.close();
      if (report.failures.length === 0 && report.stuck.length === 0) throw error;
      const message = `Cannot undo all of ${this.path} after it failed: ${errorText(error)}`;
      throw new WatertightError('WT_SCOPE_ROLLBACK_FAILED', message, {
        hint: 'details.report names what could not be released; cause is why it failed',
        details: { report },
        cause: error,
      });
    }
    if (isOver) throwFailures(await this.close());
    return value;
  }

  #own<T>(name: string, value: T, release: Release<T>, options: HoldOptions<T> | undefined): Entry<T> {
    if (this.#state === OPEN)
      return this.#ledger.add(name, value, release, options, this.#settings.sites ?? defaults.sites);
    const isDeferred = value === (NO_VALUE as unknown);
    const deadlineAt = monotonicMs() + this.#settings.releaseTimeoutMs;
    releaseAtOnce(`${this.path}/${name}`, () =>
      isDeferred ? (release as () => unknown)() : release(value, { deadlineAt }),
    );
    throw this.closedError(`Resource ${name}`);
  }

  #follow(signal: AbortSignal): void {
    const close = () => void this.close();
    this.#followed = signal;
    this.#unfollow = () => signal.removeEventListener('abort', close);
    if (signal.aborted) close();
    else signal.addEventListener('abort', close, { once: true });
  }

  #close(run: Closing): CloseReport | Promise<CloseReport> {
    this.#run = run;
    this.#unfollow?.();
    if (this.#newestChild !== null || this.#ledger.drains > 0) {
      this.#state = DRAINING;
      return this.#closeTree(run);
    }
    this.#initial = this.#ledger.size;
    this.#state = CLOSING;
    this.#controller?.abort(this.closedError('Work'));
    this.#ledger.startClosing();
    return this.#ledger.releaseAll(run) ? this.#closed(run) : this.#whenReleased(run);
  }

  async #closeTree(run: Closing): Promise<CloseReport> {
    this.#initial = this.#count();
    const deadlineAt = run.now + (run.endsAt - run.now) * DRAIN_SHARE;
    const drains: Promise<void>[] = [];
    this.#startDrains(run, deadlineAt, drains);
    if (drains.length > 0) await Promise.all(drains);
    // Children take in work while the tree drains.
    this.#initial = Math.max(this.#initial, this.#count());
    this.#doom();
    this.#state = CLOSING;
    this.#ledger.startClosing();
    await this.#closeChildren(run);
    run.now = monotonicMs();
    return this.#ledger.releaseAll(run) ? this.#closed(run) : this.#whenReleased(run);
  }

  #whenReleased(run: Closing): Promise<CloseReport> {
    return new Promise((resolve) => {
      run.onReleased = () => resolve(this.#closed(run));
    });
  }

  /** Resources held here and below. */
  #count(): number {
    let count = this.#ledger.size;
    for (let child = this.#newestChild; child; child = child.#olderSibling) count += child.#count();
    return count;
  }

  #startDrains(run: Closing, deadlineAt: number, waits: Promise<void>[]): void {
    for (let child = this.#newestChild; child; child = child.#olderSibling) child.#startDrains(run, deadlineAt, waits);
    this.#ledger.startDrains(run, deadlineAt, waits);
  }

  /** Tells the whole subtree at once: signals abort, nothing more is acquired. */
  #doom(): void {
    if (this.#state === OPEN) this.#state = DOOMED;
    this.#controller?.abort(this.closedError('Work'));
    for (let child = this.#newestChild; child; child = child.#olderSibling) child.#doom();
  }

  async #closeChildren(run: Closing): Promise<void> {
    const own = this.#ledger.size;
    const all: Promise<void>[] = [];
    let behind = this.#childCount + own;
    // The next one is taken before: a child that has closed leaves the list.
    for (let child = this.#newestChild, older: Scope | null = null; child; child = older) {
      older = child.#olderSibling;
      behind--;
      run.now = monotonicMs();
      // Too late for one after another: each would take a last moment of its own, and all of them the deadline.
      if (this.#settings.together || run.isHurried) all.push(this.#closeChild(child, run, own));
      else await this.#closeChild(child, run, behind);
    }
    await Promise.all(all);
  }

  async #closeChild(child: Scope, run: Closing, behind: number): Promise<void> {
    const limitAt = run.limitFor(child.#settings.closeTimeoutMs, behind);
    if (child.#run === null) {
      child.#start(new Closing(run.now, Math.max(limitAt - run.now, 0)));
      return run.include(await child.#closing!);
    }
    // Somebody else closes it, or has closed it and given up on something.
    if (child.#closing !== null) await settleBy(child.#closing, Math.max(limitAt, run.now));
    child.#nameHeld(run);
  }

  #nameHeld(run: Closing): void {
    for (let child = this.#newestChild; child; child = child.#olderSibling) child.#nameHeld(run);
    this.#ledger.nameHeld(run);
  }

  #start(run: Closing): void {
    const report = this.#close(run);
    this.#closing = report instanceof CloseReport ? Promise.resolve(report) : report;
  }

  #closed(run: Closing): CloseReport {
    this.#state = CLOSED;
    if (this.#count() === 0) this.#leaveParent();
    const status = run.remaining > 0 ? 'timeout' : run.failures === null ? 'completed' : 'failed';
    return this.#reportOf(run, status);
  }

  #reportOf(run: Closing, status: CloseStatus): CloseReport {
    const { remaining, now, startedAt, failures, stuck, children } = run;
    const initial = Math.max(this.#initial, remaining);
    const released = status === 'already-closed' ? initial - this.#count() : initial - remaining;
    return new CloseReport(
      this.path,
      status,
      initial,
      Math.max(released, 0),
      status === 'already-closed' ? this.#count() : remaining,
      now - startedAt,
      failures,
      stuck,
      this.#ledger.newest,
      children,
    );
  }

  /** A closed scope that holds nothing is nobody's child any more. */
  #leaveParent(): void {
    const { parent } = this;
    if (parent === null || this.#hasLeft) return;
    this.#hasLeft = true;
    if (this.#newerSibling) this.#newerSibling.#olderSibling = this.#olderSibling;
    else parent.#newestChild = this.#olderSibling;
    if (this.#olderSibling) this.#olderSibling.#newerSibling = this.#newerSibling;
    parent.#childCount--;
    if (parent.#state === CLOSED && parent.#count() === 0) parent.#leaveParent();
  }
}

function settingsOf(options: ScopeOptions, inherited: Settings): Settings {
  const { closeTimeoutMs, releaseTimeoutMs, sites, together } = options;
  return {
    closeTimeoutMs:
      closeTimeoutMs === undefined ? inherited.closeTimeoutMs : checkTimeout('closeTimeoutMs', closeTimeoutMs),
    releaseTimeoutMs:
      releaseTimeoutMs === undefined ? inherited.releaseTimeoutMs : checkTimeout('releaseTimeoutMs', releaseTimeoutMs),
    sites: sites === undefined ? inherited.sites : checkSampling('sites', sites),
    together: together ?? false,
  };
}

function checkRelease(method: string, name: string, release: unknown): void {
  if (typeof release === 'function') return;
  throw new TypeError(`scope.${method}('${name}', …, release): release must be a function, not ${typeof release}`);
}

function throwFailures({ scope, failures, stuck }: CloseReport): void {
  const errors = failures.map(({ error }) => error);
  if (stuck.length > 0) {
    const names = stuck.map(({ path }) => path).join(', ');
    errors.push(
      new WatertightError('WT_SCOPE_STUCK', `Cannot release ${names} in time`, {
        hint: 'give it more time by `timeoutMs`, or an `abandon` that ends it',
        details: { stuck },
      }),
    );
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1)
    throw new AggregateError(errors, `Cannot close scope ${scope} cleanly: ${errors.length} failures`);
}
