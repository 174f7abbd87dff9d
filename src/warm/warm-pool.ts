import { Children } from '../children/index.js';
import { checkOptionNames, monotonicMs, type Owned, settleBy, type WatertightError } from '../core/index.js';
import { reclaim } from '../leases/index.js';
import { Scope } from '../scope/index.js';
import { MemberLine } from './member-line.js';
import type { LinkOptions } from './member-link.js';
import { waitUntil } from './wait-until.js';
import { noMembers, poolClosed, stuckMembers, tooManyWaiting } from './warm-errors.js';
import { WarmMember } from './warm-member.js';
import {
  MOST_WAITING,
  type OpenOptions,
  type OpenSettings,
  settleOpenOptions,
  settlePoolOptions,
  time,
  type WarmPoolOptions,
  type WarmSettings,
} from './warm-options.js';
import type { StartReport, StopReport, WarmUsage } from './warm-report.js';
import { WarmSession } from './warm-session.js';

const STOP_TIMEOUT_MS = 5_000;
/** What stops by a deadline needs some ms more to say so; its owner should hear it before it gives up. */
const REPORT_MS = 30;
/** Of the time for stopping: sessions end by the first, members leave by the second; the rest is for those that are killed. */
const SESSIONS_SHARE = 0.5;
const LEAVE_SHARE = 0.8;
/** Between two attempts to start members of a script that fails: doubled each time. */
const FIRST_RETRY_MS = 100;
const LAST_RETRY_MS = 10_000;

/**
 * Threads or processes that are started once and then used again and again: a session opens in them, with segments and
 * data, and ends with everything it acquired released; they are warm again then, and the next session begins in a fraction
 * of a millisecond where a fresh thread takes 17 to 30 and a process 60.
 *
 * A member that cannot be trusted after a session (a release failed or hangs, something is still open, it ended) is
 * replaced in the background, what it left is reclaimed, and the report names it.
 *
 * Owned by `scope`, or by whoever made it; ends with `stop()`. Warm members do not keep the process alive, sessions do.
 *
 * Cost: a session 0.1 ms to open and 0.1 ms to close with two threads, and 0.1 ms more for each segment (`bench/warm`); a member what a thread (8 MB) or a
 * process (40 MB) costs.
 *
 * @example
 * const pool = new WarmPool({ script: new URL('./engine-worker.js', import.meta.url), size: 2, scope });
 * await pool.start();
 * const session = await pool.open({ segments: { input }, data: { gain: 2 } });
 * session.on('message', (value, index) => console.log(index, value));
 * const { status } = await session.close(); // 'completed': all are warm again
 */
export class WarmPool {
  readonly name: string;
  readonly #settings: WarmSettings;
  readonly #start: Omit<LinkOptions, 'name'>;
  readonly #owned: Owned | undefined;
  readonly #members = new Set<WarmMember>();
  readonly #sessions = new Set<WarmSession>();
  readonly #line = new MemberLine();
  readonly #counts = { started: 0, opened: 0, replaced: 0 };
  #state: WarmUsage['state'] = 'new';
  #starting: Promise<StartReport> | null = null;
  #stopping: Promise<StopReport> | null = null;
  #lastNumber = 0;
  #failedStarts = 0;
  #lastFailure: unknown;
  #retry: NodeJS.Timeout | null = null;
  #sweeping: Promise<number> = Promise.resolve(0);

  /** @throws TypeError, RangeError naming the option, its rule and what came; WatertightError WT_SCOPE_CLOSED */
  constructor(options: WarmPoolOptions) {
    this.#settings = settlePoolOptions(options);
    this.name = this.#settings.name;
    const { env, execArgv, argv = [], workerData, resourceLimits } = options;
    // A member that leaves and the one that takes its place are there at the same time.
    const limit = 2 * this.#wanted;
    const children = this.#settings.kind === 'process' ? new Children({ name: this.name, limit }) : undefined;
    this.#start = { script: this.#settings.script, children, env, execArgv, argv, workerData, resourceLimits };
    this.#owned = this.#heldBy(options.scope);
  }

  /** True from the moment that it is being stopped. */
  get isClosed(): boolean {
    return this.#stopping !== null;
  }

  /**
   * Starts all members and settles when they are warm; once: later calls give the same report. `open()` does it too.
   * Rejects with WT_WARM_CANNOT_START (nothing is left running then, and it may be called again), WT_WARM_CLOSED.
   * Cost: 25 to 80 ms a thread, 60 a process, and what the script loads; as many at a time as there are cores.
   */
  start(): Promise<StartReport> {
    if (this.isClosed) return Promise.reject(poolClosed(this.name, 'start'));
    this.#starting ??= this.#startAll();
    return this.#starting;
  }

  /**
   * Opens a session: waits for members that are free and warm, gives them segments and data, and settles when the function
   * of each has returned. When one fails, all have ended the session before the error comes, which is within `timeoutMs`
   * and the pool's `endTimeoutMs`.
   *
   * Rejects with WT_WARM_BEGIN_FAILED, WT_WARM_MEMBER_ENDED, WT_WARM_OPEN_TIMEOUT, WT_WARM_BUSY, WT_WARM_FULL,
   * WT_WARM_CANNOT_START, WT_WARM_CLOSED, WT_SCOPE_CLOSED, the reason of `signal`, or a DataCloneError; with a TypeError or
   * RangeError for wrong options.
   */
  async open(options: OpenOptions = {}): Promise<WarmSession> {
    const settings = settleOpenOptions(options, this.#settings.size);
    settings.signal?.throwIfAborted();
    if (this.isClosed) throw poolClosed(this.name, 'open a session');
    const deadlineAt = monotonicMs() + settings.timeoutMs;
    const members = this.#take(settings.members) ?? (await this.#wait(settings, deadlineAt));
    if (this.isClosed) throw poolClosed(this.name, 'open a session');
    const session = new WarmSession(++this.#counts.opened, members, {
      endTimeoutMs: this.#settings.endTimeoutMs,
      onClosed: (closed) => this.#onClosed(closed),
    });
    this.#sessions.add(session);
    await session.begin(settings, deadlineAt);
    return this.#handOver(session, options);
  }

  /**
   * Ends all sessions, also those that are being opened, then all members, and comes back within `timeoutMs` (5,000 ms if
   * not given) with what is still there. Every call gives the report of the one run.
   * @throws TypeError, RangeError
   */
  stop(options: { readonly timeoutMs?: number } = {}): Promise<StopReport> {
    const where = 'pool.stop(options)';
    checkOptionNames(where, options, ['timeoutMs']);
    const { timeoutMs = STOP_TIMEOUT_MS } = options;
    time(where, 'timeoutMs', timeoutMs);
    if (this.#stopping) return this.#stopping.then((report) => ({ ...report, status: 'already-stopped' }));
    this.#stopping = this.#stop(timeoutMs);
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Its figures. Cost: O(members). */
  usage(): WarmUsage {
    const count = (wanted: string) => [...this.#members].filter(({ state }) => state === wanted).length;
    return {
      state: this.#state,
      size: this.#settings.size,
      spare: this.#settings.spare,
      starting: count('starting'),
      warm: count('warm'),
      busy: count('busy'),
      leaving: count('leaving'),
      sessions: this.#sessions.size,
      waiting: this.#line.size,
      ...this.#counts,
    };
  }

  async #startAll(): Promise<StartReport> {
    const startedAt = monotonicMs();
    this.#state = 'starting';
    const members = Array.from({ length: this.#wanted }, () => this.#launch());
    try {
      await Promise.all(members.map(({ ready }) => ready));
      if (this.isClosed) throw poolClosed(this.name, 'start');
    } catch (error) {
      throw await this.#startFailed(error);
    }
    this.#state = 'running';
    this.#refill();
    this.#serve();
    return { members: members.length, durationMs: monotonicMs() - startedAt };
  }

  async #startFailed(error: unknown): Promise<unknown> {
    if (this.isClosed) return poolClosed(this.name, 'start');
    this.#state = 'new';
    this.#starting = null;
    this.#line.refuseAll(error);
    const members = [...this.#members];
    for (const member of members) member.kill();
    await settleBy(Promise.all(members.map(({ exited }) => exited)), monotonicMs() + this.#settings.endTimeoutMs);
    return error;
  }

  get #wanted(): number {
    return this.#settings.size + this.#settings.spare;
  }

  #launch(): WarmMember {
    const start = { ...this.#start, name: `${this.name}#${++this.#lastNumber}` };
    const member = new WarmMember(start, this.#settings, (gone, wasOrderly) => this.#onExit(gone, wasOrderly));
    this.#members.add(member);
    this.#counts.started++;
    member.ready.then(
      () => this.#onReady(),
      (error) => this.#onNotReady(error),
    );
    return member;
  }

  #onReady(): void {
    this.#failedStarts = 0;
    this.#lastFailure = undefined;
    this.#serve();
  }

  #onNotReady(error: unknown): void {
    if (this.#state !== 'running') return;
    this.#lastFailure = error;
    // Those that were started together fail together: one step.
    if (this.#retry) return;
    const waitMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failedStarts++, LAST_RETRY_MS);
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.#refill();
    }, waitMs).unref();
  }

  #onExit(member: WarmMember, wasOrderly: boolean): void {
    this.#members.delete(member);
    if (!wasOrderly) member.swept = this.#sweep();
    // After it has been told why a start failed: that waits before the next.
    const refill = () => this.#refill();
    member.ready.then(refill, refill);
  }

  /** One after another: two at a time would count the same things. */
  #sweep(): Promise<number> {
    this.#sweeping = this.#sweeping
      .then(() => reclaim())
      .then(
        ({ reclaimed }) => reclaimed.length,
        () => 0,
      );
    return this.#sweeping;
  }

  /** Starts what is missing; those that leave are counted as gone. */
  #refill(): void {
    if (this.#state !== 'running' || this.#retry) return;
    const staying = [...this.#members].filter(({ state }) => state !== 'leaving').length;
    for (let missing = this.#wanted - staying; missing > 0; missing--) {
      this.#counts.replaced++;
      this.#launch();
    }
  }

  #take(count: number): WarmMember[] | null {
    if (this.#state !== 'running' || this.#line.size > 0) return null;
    return this.#takeWarm(count);
  }

  #takeWarm(count: number): WarmMember[] | null {
    const members = [...this.#members];
    const warm = members.filter(({ state }) => state === 'warm');
    const busy = members.filter(({ state }) => state === 'busy').length;
    if (warm.length < count || busy + count > this.#settings.size) return null;
    return warm.slice(0, count).map((member) => member.take());
  }

  #serve(): void {
    if (this.#state !== 'running') return;
    while (this.#line.size > 0) {
      const members = this.#takeWarm(this.#line.wanted);
      if (!members) return;
      this.#line.serve(members);
    }
  }

  async #wait({ members: count, timeoutMs, signal }: OpenSettings, deadlineAt: number): Promise<WarmMember[]> {
    if (this.#line.size >= MOST_WAITING) throw tooManyWaiting(this.name, this.#line.size);
    const place = this.#line.join(count);
    // Its failure reaches those in line.
    if (this.#state === 'new') this.start().catch(ignore);
    const end = await waitUntil(place.members, deadlineAt, signal);
    if (end === 'settled' || !place.leave()) return place.members;
    // It may have kept others waiting that want less.
    this.#serve();
    if (end === 'aborted') throw signal?.reason;
    throw noMembers(this.name, count, timeoutMs, this.#lastFailure);
  }

  async #handOver(session: WarmSession, { scope }: OpenOptions): Promise<WarmSession> {
    if (!scope) return session;
    try {
      return session.heldBy(scope, `session ${session.number} of ${this.name}`);
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  #onClosed(session: WarmSession): void {
    this.#sessions.delete(session);
    this.#refill();
    this.#serve();
  }

  async #stop(timeoutMs: number): Promise<StopReport> {
    const startedAt = monotonicMs();
    const by = (share: number) => startedAt + timeoutMs * share;
    this.#state = 'stopping';
    if (this.#retry) clearTimeout(this.#retry);
    this.#line.refuseAll(poolClosed(this.name, 'open a session'));
    const sessions = [...this.#sessions];
    const members = [...this.#members];
    const endMs = Math.min(this.#settings.endTimeoutMs, timeoutMs * SESSIONS_SHARE);
    const ends = sessions.map((session) => session.end(poolClosed(this.name, 'go on with a session'), endMs));
    await settleBy(Promise.all(ends), by(SESSIONS_SHARE));
    const exits = Promise.all(members.map(({ exited }) => exited));
    for (const member of members) member.leave();
    await settleBy(exits, by(LEAVE_SHARE));
    const late = members.filter(({ state }) => state !== 'ended');
    for (const member of late) member.kill();
    await settleBy(exits, by(1));
    await this.#start.children?.close({ graceMs: 0, timeoutMs: Math.max(by(1) - monotonicMs(), 0) });
    await settleBy(this.#sweeping, by(1));
    return this.#stopped(startedAt, sessions.length, members, late.length);
  }

  #stopped(startedAt: number, sessions: number, members: readonly WarmMember[], terminated: number): StopReport {
    this.#state = 'stopped';
    this.#owned?.detach();
    const remaining = members.filter(({ state }) => state !== 'ended').map(({ name }) => name);
    return {
      status: remaining.length > 0 ? 'timeout' : 'completed',
      sessions,
      members: members.length,
      terminated,
      remaining,
      durationMs: monotonicMs() - startedAt,
    };
  }

  #heldBy(scope: WarmPoolOptions['scope']): Owned | undefined {
    const name = `warm pool ${this.name}`;
    if (!(scope instanceof Scope)) return scope?.defer(name, () => this.#stopForOwner(STOP_TIMEOUT_MS));
    return scope.hold(name, this, (_, { deadlineAt }) =>
      this.#stopForOwner(Math.max(deadlineAt - monotonicMs() - REPORT_MS, 1)),
    );
  }

  async #stopForOwner(timeoutMs: number): Promise<void> {
    const { remaining } = await this.stop({ timeoutMs });
    const failure: WatertightError | null = remaining.length > 0 ? stuckMembers(this.name, remaining) : null;
    if (failure) throw failure;
  }
}

function ignore(): void {}
