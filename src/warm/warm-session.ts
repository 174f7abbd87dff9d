import { EventEmitter } from 'node:events';
import { checkOptionNames, type Owned, type Owner, settleBy } from '../core/index.js';
import type { MemberExit } from './member-link.js';
import { waitUntil } from './wait-until.js';
import { memberEnded, openTimeout, sessionClosed } from './warm-errors.js';
import type { WarmMember } from './warm-member.js';
import { type OpenSettings, time } from './warm-options.js';
import type { MemberReport, SessionReport } from './warm-report.js';

/** What a session needs of its pool. */
export interface SessionHost {
  readonly endTimeoutMs: number;
  /** Its members are in no session any more. */
  onClosed(session: WarmSession): void;
}

export interface SendOptions {
  /** Place of one member; all of them by default. */
  readonly to?: number;
  /** Objects that move to the member instead of being copied: threads, one member. */
  readonly transfer?: readonly unknown[];
}

/** A member as its session sees it. */
export interface SessionMember {
  readonly index: number;
  /** Name in the pool. */
  readonly member: string;
  /** Number of its thread or process. */
  readonly id: number;
  readonly isRunning: boolean;
}

/** A killed thread is gone within some ms, a process too; one in native code is not waited for. */
const GONE_MS = 500;

/** Of messages that come before the session is open; later ones of these are dropped. */
const MOST_EARLY = 10_000;

/**
 * The members of a warm pool, opened for one piece of work. Made by `pool.open()`; ends with `close()`, with its scope, or
 * with the pool.
 *
 * Events: `message` (value, index) from a member; `memberEnded` (WatertightError WT_WARM_MEMBER_ENDED, index) when one ends
 * that nobody has asked to: the others go on, and the pool replaces it for the next session.
 */
export class WarmSession extends EventEmitter<{ message: [unknown, number]; memberEnded: [Error, number] }> {
  /** From 1, in its pool. */
  readonly number: number;
  readonly #members: readonly WarmMember[];
  readonly #host: SessionHost;
  readonly #openedAt = performance.now();
  #results: readonly unknown[] = [];
  /** What members said before whoever opened the session could listen; null from then on. */
  #early: [value: unknown, index: number][] | null = [];
  #refusal: { readonly error: unknown } | null = null;
  #cancelled: () => void = () => {};
  #closing: Promise<SessionReport> | null = null;
  #owned: Owned | undefined;

  /** @internal */
  constructor(number: number, members: readonly WarmMember[], host: SessionHost) {
    super();
    this.number = number;
    this.#members = members;
    this.#host = host;
  }

  get members(): readonly SessionMember[] {
    return this.#members.map(({ name, id, state }, index) => ({
      index,
      member: name,
      id,
      isRunning: state !== 'ended',
    }));
  }

  /** What the members' functions returned, by place. */
  get results(): readonly unknown[] {
    return this.#results;
  }

  get isClosed(): boolean {
    return this.#closing !== null;
  }

  /**
   * Sends a value to every member, or to one. Members that have ended are left out.
   * @throws WatertightError WT_WARM_SESSION_CLOSED; RangeError for a place that there is not; DataCloneError
   */
  send(value: unknown, options: SendOptions = {}): void {
    const where = 'session.send(value, options)';
    checkOptionNames(where, options, ['to', 'transfer']);
    const { to, transfer = [] } = options;
    if (this.#closing) throw sessionClosed(this.number);
    if (to !== undefined && !this.#members[to]) {
      throw new RangeError(`${where}: to must be 0 to ${this.#members.length - 1}, got ${String(to)}`);
    }
    if (transfer.length > 0 && to === undefined && this.#members.length > 1) {
      throw new TypeError(`${where}: what is transferred goes to one member: say which by \`to\``);
    }
    for (const member of to === undefined ? this.#members : [this.#members[to]!]) member.send(value, transfer);
  }

  /**
   * Ends the session in every member at once: its scope is closed there, its segments too. Comes back within `timeoutMs`
   * (the pool's `endTimeoutMs` if not given), and 0.5 s more for members that have to be killed. Every call while it runs
   * gives the report of the one run.
   * Cost: 0.1 ms beside what the members release.
   * @throws TypeError, RangeError
   */
  close(options: { readonly timeoutMs?: number } = {}): Promise<SessionReport> {
    const where = 'session.close(options)';
    checkOptionNames(where, options, ['timeoutMs']);
    const { timeoutMs = this.#host.endTimeoutMs } = options;
    time(where, 'timeoutMs', timeoutMs);
    if (this.#closing) return this.#closing.then((report) => ({ ...report, status: 'already-closed' }));
    this.#closing = this.#close(timeoutMs);
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** @internal Hands it to a scope. @throws WatertightError WT_SCOPE_CLOSED; it is then being closed */
  heldBy(scope: Owner, name: string): this {
    this.#owned = scope.defer(name, () => this.close());
    return this;
  }

  /** @internal Opens it in every member; when that fails, it has ended in all of them before the error comes. */
  async begin(settings: OpenSettings, deadlineAt: number): Promise<void> {
    const { data, segments, signal, timeoutMs } = settings;
    const place = {
      onMessage: (index: number, value: unknown) => this.#onMessage(index, value),
      onEnded: (index: number, exit: MemberExit) => this.#onMemberEnded(index, exit),
    };
    const all = Promise.all(
      this.#members.map((member, index) => {
        const members = this.#members.length;
        return member.open({ order: 'open', session: this.number, index, members, data, segments }, place);
      }),
    );
    const cancelled = new Promise<void>((resolve) => {
      this.#cancelled = resolve;
    });
    const end = await waitUntil(Promise.race([all, cancelled]), deadlineAt, signal);
    if (end === 'aborted') this.#refusal ??= { error: signal?.reason };
    if (end === 'deadline') this.#refusal ??= { error: openTimeout(this.number, timeoutMs, this.#beginning()) };
    try {
      if (this.#refusal) throw this.#refusal.error;
      this.#results = await all;
      // Whoever opened it has a turn to listen.
      setImmediate(() => this.#hearEarly());
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** @internal Ends it for its pool, also while it is being opened. */
  end(error: Error, timeoutMs: number): Promise<SessionReport> {
    this.#refusal = { error };
    this.#cancelled();
    return this.close({ timeoutMs });
  }

  #onMessage(index: number, value: unknown): void {
    if (!this.#early) this.emit('message', value, index);
    else if (this.#early.length < MOST_EARLY) this.#early.push([value, index]);
  }

  #hearEarly(): void {
    const early = this.#early ?? [];
    this.#early = null;
    if (!this.#closing) for (const [value, index] of early) this.emit('message', value, index);
  }

  #beginning(): number[] {
    return [...this.#members.keys()].filter((index) => this.#members[index]!.isBeginning);
  }

  #onMemberEnded(index: number, exit: MemberExit): void {
    if (this.#closing) return;
    this.emit('memberEnded', memberEnded(this.#members[index]!.name, index, this.number, exit), index);
  }

  async #close(timeoutMs: number): Promise<SessionReport> {
    const startedAt = performance.now();
    const members = await Promise.all(this.#members.map((member) => member.close(timeoutMs)));
    const replaced = members.filter(({ outcome }) => outcome !== 'warm' && outcome !== 'retired');
    this.#owned?.detach();
    this.#host.onClosed(this);
    const reclaimed = replaced.length === 0 ? 0 : await this.#swept(replaced);
    this.removeAllListeners();
    return {
      session: this.number,
      status: replaced.length === 0 ? 'completed' : 'failed',
      members,
      replaced: replaced.map(({ index }) => index),
      reclaimed,
      openMs: startedAt - this.#openedAt,
      durationMs: performance.now() - startedAt,
    };
  }

  /** Waits until those that are replaced are gone, and what they left too. */
  async #swept(replaced: readonly MemberReport[]): Promise<number> {
    const until = performance.now() + GONE_MS;
    const gone = replaced.map(({ index }) => this.#members[index]!);
    await settleBy(Promise.all(gone.map(({ exited }) => exited)), until);
    const sweeps = Promise.all(gone.map(({ swept }) => swept ?? 0));
    if ((await settleBy(sweeps, until)) === 'deadline') return 0;
    return (await sweeps).reduce((sum, count) => sum + count, 0);
  }
}
