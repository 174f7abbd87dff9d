import { EventEmitter } from 'node:events';
import { describeThrown, monotonicMs, settleBy } from '../core/index.js';
import { type CloseReport, Scope } from '../scope/index.js';
import { Segment } from '../shm/index.js';
import { countOpen, leftSince } from './left-open.js';
import type { OpenOrder, SessionEnd } from './warm-protocol.js';

/** Of the time for its end, what the session's own function has to come to its end once its signal has aborted. */
const BEGIN_SHARE = 0.5;

/** What the function given to `serveSessions` does for one session; its value goes to the owner's `session.results`. */
export type Begin = (session: MemberSession) => unknown;

/** Sends a message to the owner of the session. */
export type SendToOwner = (value: unknown, transfer?: readonly unknown[]) => void;

/**
 * One session, as a member sees it. Owned by the pool: it ends with `session.close()` there. Its scope is then closed, its
 * segments read as zeros, its listeners are gone.
 *
 * Event `message`: a value from the owner. Listeners that are there when the member's function has returned miss none.
 */
export class MemberSession extends EventEmitter {
  /** Number of the session in its pool, from 1. */
  readonly number: number;
  /** Place of this member in the session, 0 to `members` − 1. */
  readonly index: number;
  readonly members: number;
  /** What the owner gave, copied (structured clone). */
  readonly data: unknown;
  /** The owner's segments by name, each opened here. */
  readonly segments: Readonly<Record<string, Segment>>;
  /** Closed when the session ends. */
  readonly scope: Scope;
  readonly #send: SendToOwner;
  readonly #before = countOpen();
  #begun: Promise<unknown> = Promise.resolve();
  #hasBegun = true;
  #isOpen = true;

  /** @throws WatertightError WT_SHM_GONE and others of `Segment.open`; nothing stays open then */
  constructor(order: OpenOrder, send: SendToOwner) {
    super();
    this.number = order.session;
    this.index = order.index;
    this.members = order.members;
    this.data = order.data;
    this.#send = send;
    this.scope = new Scope(`session ${order.session}`);
    this.segments = openAll(order.segments);
  }

  /** Aborted when the session begins to end. */
  get signal(): AbortSignal {
    return this.scope.signal;
  }

  /** False from the moment that it begins to end. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Sends a value to the owner, who hears it as `message`. After the end of the session it goes nowhere.
   * @param transfer objects that move (threads only)
   * @throws DataCloneError for a value that cannot be cloned
   */
  send(value: unknown, transfer?: readonly unknown[]): void {
    if (this.#isOpen) this.#send(value, transfer);
  }

  /** @internal Runs the member's function; once. */
  begin(begin: Begin): Promise<unknown> {
    this.#hasBegun = false;
    this.#begun = (async () => begin(this))().finally(() => {
      this.#hasBegun = true;
    });
    return this.#begun;
  }

  /** @internal Ends the session within `timeoutMs` and says what could not be ended. */
  async end(timeoutMs: number): Promise<SessionEnd> {
    this.#isOpen = false;
    const startedAt = monotonicMs();
    // Its signal aborts first: a function that is still at work hears of it.
    const closing = this.scope.close({ timeoutMs });
    if (!this.#hasBegun) await settleBy(this.#begun, startedAt + timeoutMs * BEGIN_SHARE);
    const report = await closing;
    this.removeAllListeners();
    for (const segment of Object.values(this.segments)) segment.close();
    const left = await leftSince(this.#before);
    return endOf(report, this.#hasBegun ? [] : [`session ${this.number}/its function`], left);
  }
}

function endOf(report: CloseReport, unended: readonly string[], left: SessionEnd['left']): SessionEnd {
  return {
    released: report.released,
    failures: report.failures.map(({ path, error }) => ({ path, error: describeThrown(error) })),
    stuck: [...unended, ...report.stuck.map(({ path }) => path)],
    left,
  };
}

function openAll(handles: OpenOrder['segments']): Record<string, Segment> {
  const opened: Record<string, Segment> = {};
  try {
    for (const [name, handle] of Object.entries(handles)) opened[name] = Segment.open(handle);
  } catch (error) {
    for (const segment of Object.values(opened)) segment.close();
    throw error;
  }
  return opened;
}
