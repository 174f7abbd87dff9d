import { rebuildThrown, settleBy } from '../core/index.js';
import type { LinkOptions, MemberExit, MemberLink } from './member-link.js';
import { ProcessLink } from './process-link.js';
import { beginFailed, cannotStart, exitText, memberEnded } from './warm-errors.js';
import type { WarmSettings } from './warm-options.js';
import type { Answer, OpenOrder, Order, SessionEnd } from './warm-protocol.js';
import type { MemberOutcome, MemberReport } from './warm-report.js';
import { WorkerLink } from './worker-link.js';

/**
 * `starting` until it calls `serveSessions`, then `warm` or `busy` in a session, in turns; `leaving` once it was told to
 * end, or killed.
 */
export type MemberState = 'starting' | 'warm' | 'busy' | 'leaving' | 'ended';

/** A session hears of its members. */
export interface MemberPlace {
  onMessage(index: number, value: unknown): void;
  /** It ended without having been asked to. */
  onEnded(index: number, exit: MemberExit): void;
}

/**
 * A member needs this share of its time, but at most so much, to say what it could not release: a scope is 50 ms over its
 * time at most, the look for what is left takes 20, and the machine may be busy.
 */
const REPORT_SHARE = 0.3;
const REPORT_MS = 200;

const NOTHING: SessionEnd = { released: 0, failures: [], stuck: [], left: {} };

/** One thread or process of a pool, from its start to its exit. */
export class WarmMember {
  readonly name: string;
  /** Settles when it is warm for the first time; rejects with WT_WARM_CANNOT_START. */
  readonly ready: Promise<void>;
  readonly exited: Promise<void>;
  /** Leases that were reclaimed after it had ended; set by its pool. */
  swept: Promise<number> | null = null;
  #state: MemberState = 'starting';
  #sessions = 0;
  #link: MemberLink | null = null;
  #exit: MemberExit | null = null;
  #place: MemberPlace | null = null;
  #order: OpenOrder | null = null;
  #settleReady: { resolve(): void; reject(error: unknown): void } = { resolve: ignore, reject: ignore };
  #settleOpen: { resolve(value: unknown): void; reject(error: unknown): void } | null = null;
  #onClosed: (end: SessionEnd | null) => void = ignore;
  readonly #settings: WarmSettings;

  /** @param onExit called once, with whether it left in order */
  constructor(start: LinkOptions, settings: WarmSettings, onExit: (member: WarmMember, wasOrderly: boolean) => void) {
    this.name = start.name;
    this.#settings = settings;
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.exited = new Promise((resolve) => {
      this.#start(start, (exit) => {
        const wasOrderly = this.#state === 'leaving' && exit.exitCode === 0;
        this.#onExit(exit);
        resolve();
        onExit(this, wasOrderly);
      });
    });
    void this.#limitStart(settings.startTimeoutMs);
  }

  get state(): MemberState {
    return this.#state;
  }

  /** Number of its thread or process; 0 when it could not be started. */
  get id(): number {
    return this.#link?.id ?? 0;
  }

  get isBeginning(): boolean {
    return this.#settleOpen !== null;
  }

  /** Takes it for a session; only from `warm`. */
  take(): this {
    this.#state = 'busy';
    this.#link?.keepAlive(true);
    return this;
  }

  /** Rejects with WT_WARM_BEGIN_FAILED, WT_WARM_MEMBER_ENDED, or a DataCloneError. */
  open(order: OpenOrder, place: MemberPlace): Promise<unknown> {
    this.#order = order;
    this.#place = place;
    this.#sessions++;
    return new Promise((resolve, reject) => {
      if (this.#exit) {
        reject(memberEnded(this.name, order.index, order.session, this.#exit));
        return;
      }
      this.#settleOpen = { resolve, reject };
      try {
        this.#link?.send(order);
      } catch (error) {
        this.#settleOpen = null;
        reject(error);
      }
    });
  }

  send(value: unknown, transfer: readonly unknown[]): void {
    if (this.#order) this.#link?.send({ order: 'message', session: this.#order.session, value }, transfer);
  }

  /** Ends its session within `timeoutMs`; what cannot be used again is killed. Never rejects. */
  async close(timeoutMs: number): Promise<MemberReport> {
    const index = this.#order?.index ?? 0;
    const end = this.#exit ? null : await this.#closed(timeoutMs);
    this.#place = null;
    this.#order = null;
    this.#settleOpen = null;
    const outcome = this.#exit ? 'ended' : this.#outcomeOf(end);
    if (outcome === 'warm') this.#rest();
    else if (outcome === 'retired') this.leave();
    else this.kill();
    const { released, failures, stuck, left } = end ?? NOTHING;
    return {
      index,
      member: this.name,
      outcome,
      released,
      failures: failures.map(({ path, error }) => ({ path, error: rebuildThrown(error) })),
      stuck,
      left,
      exitCode: this.#exit?.exitCode ?? null,
    };
  }

  /** Lets it go in order: its exit hooks run. One that has not gone by `endTimeoutMs` is killed. */
  leave(): void {
    if (this.#state === 'leaving' || this.#state === 'ended') return;
    if (this.#state !== 'warm' && this.#state !== 'busy') {
      this.kill();
      return;
    }
    this.#state = 'leaving';
    this.#link?.keepAlive(true);
    this.#send({ order: 'leave' });
    void this.#killAfter(this.#settings.endTimeoutMs);
  }

  kill(): void {
    if (this.#state === 'ended') return;
    this.#state = 'leaving';
    this.#link?.kill();
  }

  async #killAfter(ms: number): Promise<void> {
    if ((await settleBy(this.exited, performance.now() + ms)) === 'deadline') this.kill();
  }

  #start(start: LinkOptions, onExit: (exit: MemberExit) => void): void {
    try {
      const events = { onAnswer: (answer: Answer) => this.#onAnswer(answer), onExit };
      const { children } = start;
      this.#link = children ? new ProcessLink(children, start, events) : new WorkerLink(start, events);
    } catch (cause) {
      // As for one that ends at once: its pool first learns that it is there.
      setImmediate(onExit, { exitCode: null, signal: null, cause });
    }
  }

  async #limitStart(timeoutMs: number): Promise<void> {
    if ((await settleBy(this.ready, performance.now() + timeoutMs)) === 'settled') return;
    this.#settleReady.reject(cannotStart(this.name, `it did not call serveSessions within ${timeoutMs} ms`));
    this.kill();
  }

  #onAnswer(answer: Answer): void {
    if (answer.answer === 'ready') {
      if (this.#state !== 'starting') return;
      this.#rest();
      this.#settleReady.resolve();
      return;
    }
    // A late word about a session that is over.
    if (answer.session !== this.#order?.session) return;
    if (answer.answer === 'message') this.#place?.onMessage(this.#order.index, answer.value);
    else if (answer.answer === 'closed') this.#onClosed(answer.end);
    else this.#onBegun(answer);
  }

  #onBegun(answer: Extract<Answer, { answer: 'opened' | 'failed' }>): void {
    const settle = this.#settleOpen;
    const order = this.#order;
    this.#settleOpen = null;
    if (!settle || !order) return;
    if (answer.answer === 'opened') settle.resolve(answer.value);
    else settle.reject(beginFailed(this.name, order.index, order.session, rebuildThrown(answer.thrown)));
  }

  #onExit(exit: MemberExit): void {
    this.#exit = exit;
    this.#state = 'ended';
    const why = `it ended before it called serveSessions: ${exitText(exit)}`;
    this.#settleReady.reject(cannotStart(this.name, why, exit));
    if (!this.#order) return;
    const { index, session } = this.#order;
    this.#settleOpen?.reject(memberEnded(this.name, index, session, exit));
    this.#settleOpen = null;
    this.#onClosed(null);
    this.#place?.onEnded(index, exit);
  }

  async #closed(timeoutMs: number): Promise<SessionEnd | null> {
    let end: SessionEnd | null = null;
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = (answer) => {
        end = answer;
        resolve();
      };
    });
    const memberMs = timeoutMs - Math.min(REPORT_MS, timeoutMs * REPORT_SHARE);
    this.#send({ order: 'close', session: this.#order?.session ?? 0, timeoutMs: memberMs });
    await settleBy(closed, performance.now() + timeoutMs);
    this.#onClosed = ignore;
    return end;
  }

  #outcomeOf(end: SessionEnd | null): MemberOutcome {
    if (end === null) return 'timeout';
    if (end.stuck.length > 0) return 'held';
    if (end.failures.length > 0) return 'failed';
    if (this.#settings.leftovers === 'replace' && Object.keys(end.left).length > 0) return 'held';
    return this.#sessions >= this.#settings.maxSessions ? 'retired' : 'warm';
  }

  #rest(): void {
    this.#state = 'warm';
    this.#link?.keepAlive(false);
  }

  #send(order: Order): void {
    this.#link?.send(order);
  }
}

function ignore(): void {}
