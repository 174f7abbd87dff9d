import { fileURLToPath } from 'node:url';
import { checkOptionNames, DeadlineClock, monotonicMs, type Owned, settleBy } from '../core/index.js';
import { type ChildLease, reclaimAside } from '../leases/index.js';
import { Census } from './census.js';
import { Child, type ChildHome } from './child.js';
import type { ChildReport, ChildrenCloseReport, ChildrenUsage } from './child-report.js';
import { ChildrenErrors } from './children-errors.js';
import { onProcessExit } from './exits.js';
import type { Relative } from './family.js';
import { holdGuard, releaseGuard } from './guard.js';
import { killFamiliesNow, stillThere } from './killing.js';
import { type Launch, launch } from './launch.js';
import { ownedBy } from './owned-by.js';
import {
  type ChildrenOptions,
  type ChildrenSettings,
  checkFork,
  checkMs,
  checkStart,
  FORK_OPTION_NAMES,
  type ForkOptions,
  START_OPTION_NAMES,
  type StartOptions,
  settleChildrenOptions,
} from './settings.js';
import { reapOrphans, zombies } from './zombies.js';

const CLOSE_TIMEOUT_MS = 10_000;
/** Of the time of a close, what is kept for killing, and the most of it; as `Scope.spawn` has it. */
const KILL_SHARE = 0.2;
const KILL_MS = 500;

/**
 * Starts processes that leave nothing behind: each ends with all that it has started, when it exits, over its time, when its
 * owner closes, and when this process dies, however it dies. What it writes is kept within a limit.
 *
 * Owned by `scope`, or by whoever made it; ends with `close()`. Children are never started again by themselves.
 *
 * Cost: 2 to 3 ms a child above `child_process.spawn`: 1 ms for the death signal, a look at /proc of 9 µs a process on the machine;
 * one shell of 1 MB for each thread that has children. At most `limit` × 2 × `outputBytes` of captured output.
 *
 * @example
 * const children = new Children({ limit: 4 });
 * const child = children.start('sh', ['-c', 'echo hello; sleep 100 & exit 3']);
 * const { code, stdout, survivors } = await child.ended;
 * console.log(code, stdout.text, survivors); // 3 hello 1
 * await children.close();
 */
export class Children implements AsyncDisposable {
  readonly name: string;
  readonly #settings: ChildrenSettings;
  readonly #errors: ChildrenErrors;
  readonly #census = new Census();
  readonly #home: ChildHome;
  readonly #leases = new Map<Child, ChildLease>();
  readonly #owned: Owned | undefined;
  #started = 0;
  #isClosed = false;
  #closing: Promise<ChildrenCloseReport> | null = null;
  #letGo: (() => void) | null = null;
  #isReclaiming = false;

  /** @throws TypeError, RangeError naming the option, its rule and what came; WT_SCOPE_CLOSED */
  constructor(options: ChildrenOptions = {}) {
    this.#settings = settleChildrenOptions(options);
    this.name = this.#settings.name;
    this.#errors = new ChildrenErrors(this.name);
    this.#home = {
      census: this.#census,
      clock: new DeadlineClock({ keepsAlive: false }),
      errors: this.#errors,
      onReport: (_, report) => this.#onReport(report),
      onGone: (child) => this.#onGone(child),
    };
    this.#owned = ownedBy(options.scope, this.name, (timeoutMs) => this.#closeForOwner(timeoutMs));
  }

  /** True from the moment closing begins. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Starts a command. It runs, or may at least be executed, when this returns.
   * @throws WatertightError WT_CHILDREN_CLOSED, WT_CHILDREN_LIMIT, WT_CHILDREN_START, WT_LEASES_FOLDER; the reason of a signal that has aborted;
   *   TypeError, RangeError for wrong arguments. Nothing has been started then, and nothing is kept.
   */
  start(command: string, args: readonly string[] = [], options: StartOptions = {}): Child {
    const where = 'children.start(command, args, options)';
    checkOptionNames(where, options, START_OPTION_NAMES);
    checkStart(where, command, args, options);
    return this.#launch({ command, args, options, isFork: false });
  }

  /**
   * Starts a module in a Node.js of its own, with a channel for messages: `child.process.send()` and `.on('message')`.
   * @param file path or file URL of the module
   * @throws as `start`
   */
  fork(file: string | URL, options: ForkOptions = {}): Child {
    const where = 'children.fork(file, options)';
    checkOptionNames(where, options, FORK_OPTION_NAMES);
    checkFork(where, file, options);
    const { args = [], execArgv = process.execArgv } = options;
    const path = file instanceof URL ? fileURLToPath(file) : file;
    const line = [...execArgv, path, ...args];
    checkStart(where, process.execPath, line, options);
    return this.#launch({
      command: process.execPath,
      args: line,
      options: { ...options, name: options.name ?? path },
      isFork: true,
    });
  }

  /** Children that are there, oldest first: running, ending, and those that were given up. */
  list(): Child[] {
    this.#recheck();
    return [...this.#leases.keys()];
  }

  /** Cost: one look at the children of this process, 20 µs each. */
  usage(): ChildrenUsage {
    const children = this.list();
    const stuck = children.filter(({ state }) => state === 'stuck').length;
    return {
      running: children.length - stuck,
      limit: this.#settings.limit,
      stuck,
      outputBytes: children.reduce((sum, child) => sum + child.outputBytes, 0),
      started: this.#started,
      zombies: zombies((pid) => this.#isOwn(pid)),
    };
  }

  /**
   * Reaps dead processes that this one has inherited, as process 1 of a container does, and that Node did not start. Only
   * from the main thread; takes 100 ms.
   * @returns those that were reaped
   * @throws WatertightError WT_CHILDREN_CANNOT_REAP where no native call is to be had, and in a worker
   */
  reapStrangers(): Promise<Relative[]> {
    return reapOrphans((pid) => this.#isOwn(pid), this.#errors);
  }

  /**
   * Asks all children to end, kills after `graceMs` what has not, with all that they started, and returns by `timeoutMs` (10,000
   * if not given) + 50 ms with what is still there. Nothing is started meanwhile. Every call gives the report of the one run.
   * @param options.graceMs that of each child unless told; cut to what `timeoutMs` leaves
   * @throws TypeError, RangeError for a wrong option
   */
  close(options: { readonly graceMs?: number; readonly timeoutMs?: number } = {}): Promise<ChildrenCloseReport> {
    const where = 'children.close(options)';
    checkOptionNames(where, options, ['graceMs', 'timeoutMs']);
    const timeoutMs = checkMs(where, 'timeoutMs', options.timeoutMs ?? CLOSE_TIMEOUT_MS);
    if (options.graceMs !== undefined) checkMs(where, 'graceMs', options.graceMs);
    if (this.#closing) return this.#closing.then((report) => ({ ...report, status: 'already-closed' }));
    this.#isClosed = true;
    this.#closing = this.#close(options.graceMs, timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #launch(what: Launch): Child {
    const { name = what.command, signal } = what.options;
    if (this.#isClosed) throw this.#errors.closed(name);
    if (signal?.aborted) throw signal.reason;
    this.#recheck();
    const { limit, guard } = this.#settings;
    if (this.#leases.size >= limit) throw this.#errors.limit(name, limit);
    if (this.#letGo === null) this.#hold(guard);
    const { plan, lease } = launch(what, this.#settings, this.#errors);
    const child = new Child(plan, this.#home);
    this.#leases.set(child, lease);
    this.#started++;
    return child;
  }

  /** What is shared by all children of the thread: the guard, and the listener of the exit. */
  #hold(withGuard: boolean): void {
    const forget = onProcessExit(() => {
      killFamiliesNow(
        [...this.#leases.keys()].map(({ head }) => head),
        this.#census,
      );
    });
    if (withGuard) holdGuard();
    this.#letGo = () => {
      forget();
      if (withGuard) releaseGuard();
    };
  }

  #isOwn(pid: number): boolean {
    return [...this.#leases.keys()].some((child) => child.pid === pid);
  }

  #recheck(): void {
    for (const child of this.#leases.keys()) child.recheck();
  }

  /** A death that was no success may have left more than processes: whoever sees it sweeps. */
  #onReport({ code }: ChildReport): void {
    if (code === 0 || this.#isReclaiming) return;
    this.#isReclaiming = true;
    void reclaimAside().then(() => {
      this.#isReclaiming = false;
    });
  }

  #onGone(child: Child): void {
    void this.#leases.get(child)?.release();
    this.#leases.delete(child);
    this.#letGoWhenDone();
  }

  #letGoWhenDone(): void {
    if (!this.#isClosed || this.#leases.size > 0) return;
    this.#letGo?.();
    this.#letGo = null;
  }

  async #closeForOwner(timeoutMs: number): Promise<void> {
    const { stuck } = await this.close({ timeoutMs });
    if (stuck.length > 0) throw this.#errors.stuck(stuck);
  }

  async #close(graceMs: number | undefined, timeoutMs: number): Promise<ChildrenCloseReport> {
    const startedAt = monotonicMs();
    const deadlineAt = startedAt + timeoutMs;
    const children = this.list();
    const mostGraceMs = timeoutMs - Math.min(KILL_MS, timeoutMs * KILL_SHARE);
    const reports: ChildReport[] = [];
    const ends = children.map((child) => {
      child.stop('closed', Math.min(graceMs ?? child.graceMs, mostGraceMs), deadlineAt);
      return child.ended.then((report) => reports.push(report));
    });
    await settleBy(Promise.all(ends), deadlineAt);
    this.#owned?.detach();
    this.#letGoWhenDone();
    const killed = children.filter(({ wasKilled }) => wasKilled).length;
    const left = children.filter(({ state }) => state !== 'ended');
    const heads = stillThere(left.filter(({ state }) => state !== 'stuck').map(({ head }) => head));
    return {
      status: left.length > 0 ? 'timeout' : 'completed',
      initial: children.length,
      ended: children.length - killed,
      killed,
      survivors: reports.reduce((sum, { survivors }) => sum + survivors, 0),
      remaining: left.length,
      durationMs: monotonicMs() - startedAt,
      stuck: [...reports.flatMap(({ stuck }) => stuck), ...heads],
    };
  }
}
