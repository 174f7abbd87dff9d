// One publisher that hands each event to several.
//
// - An event gets its id, time and number once, here: the children get it whole, and all have the same.
// - Each is handed over in the turn in which it was published, so that each child has the order of this one.
// - What a required child does not take fails the event; what a best-effort one does not take is counted and told.
import {
  checkCallback,
  checkOptionNames,
  checkOwner,
  errorText,
  kindOf,
  monotonicMs,
  type Owned,
  type Owner,
  settleBy,
} from '../core/index.js';
import { closeWithScope } from './close-with-scope.js';
import type { PublishOutcome } from './delivery.js';
import { type EventInput, EventStamp, type PublishedEvent } from './event.js';
import type { LinkState } from './link.js';
import { oneOf, optionalFlag, optionalText, wholeNumber } from './option-checks.js';
import { type ChildFailure, closedError, flushTimeoutError, partialError, undeliveredError } from './publish-errors.js';
import type {
  CloseOptions,
  FlushOptions,
  Publisher,
  PublisherCloseReport,
  PublisherStats,
  PublishOptions,
} from './publisher.js';
import { tell } from './tell.js';

/** Whether an event fails when one child does not take it. */
export type ChildPolicy = 'required' | 'best-effort';

export interface CompositeChild {
  readonly publisher: Publisher;
  /** Default `required`. */
  readonly policy?: ChildPolicy;
}

/** What a best-effort child did not do. */
export interface CompositeFailure {
  readonly error: Error;
  /** The child's name. */
  readonly publisher: string;
  /** Of the event; none when it was a flush or a connection. */
  readonly eventId?: string;
}

export interface CompositePublisherOptions {
  readonly children?: readonly (Publisher | CompositeChild)[];
  /** Default `composite`. */
  readonly name?: string;
  /** Closes it when it closes. */
  readonly scope?: Owner;
  /** Whether the children are closed with it. Default true. */
  readonly ownsChildren?: boolean;
  readonly onFailure?: (failure: CompositeFailure) => void;
}

export interface ChildCloseReport {
  readonly name: string;
  /** None when its close failed, or was not over in time. */
  readonly report?: PublisherCloseReport;
  readonly error?: Error;
}

/** The sums of the children's reports, and each. */
export interface CompositeCloseReport extends PublisherCloseReport {
  readonly children: readonly ChildCloseReport[];
}

/** The sums of the children's counts, and each; those who were removed are not in it. */
export interface CompositeStats extends PublisherStats {
  readonly children: readonly PublisherStats[];
  /** What best-effort children did not take. */
  readonly bestEffortFailures: number;
}

interface Child {
  readonly publisher: Publisher;
  readonly policy: ChildPolicy;
  /** What it got from here: for the report when it is not closed from here. */
  accepted: number;
  confirmed: number;
  failed: number;
}

const CLOSE_TIMEOUT_MS = 10_000;
const FLUSH_TIMEOUT_MS = 30_000;
/** For a child to say that its time was up. */
const GRACE_MS = 25;
const MOST_MS = 2 ** 31 - 1;
const POLICIES: readonly ChildPolicy[] = ['required', 'best-effort'];
/** From the one that says most. */
const STATES: readonly LinkState[] = ['waiting', 'connecting', 'idle', 'connected'];
/** What is wrong with the event itself is told as any child tells it. */
const EVENT_FAULTS = new Set(['WT_PUBLISH_INVALID_EVENT', 'WT_PUBLISH_NOT_ENCODABLE', 'WT_PUBLISH_TOO_LARGE']);
const SUMMED = ['accepted', 'confirmed', 'dropped', 'failed', 'remaining'] as const;
const COUNTED = [
  'accepted',
  'confirmed',
  'notSent',
  'unknown',
  'dropped',
  'refused',
  'buffered',
  'bufferedBytes',
  'inFlight',
  'waiting',
  'redelivered',
  'connects',
] as const;

const ignore = () => {};

/**
 * Events to several publishers. `publish` resolves when all required children have the event, and rejects with
 * WT_PUBLISH_PARTIAL, which names each that has it not, when all have answered; what is wrong with the event itself keeps its
 * own code. Best-effort children are not waited for.
 *
 * @throws TypeError, RangeError naming the option; WatertightError WT_SCOPE_CLOSED
 *
 * @example
 * const publisher = new CompositePublisher({
 *   children: [new RedisPublisher({ url }), { publisher: new ConsolePublisher(), policy: 'best-effort' }],
 * });
 * await publisher.publish({ event: 'graph_execution', eventType: 'start', runId: 'run-1' });
 * await publisher.close();
 */
export class CompositePublisher implements Publisher {
  readonly name: string;
  readonly ownsChildren: boolean;
  readonly #children: Child[] = [];
  readonly #stamp = new EventStamp();
  readonly #onFailure: ((failure: CompositeFailure) => void) | undefined;
  readonly #owned: Owned | undefined;
  #bestEffortFailures = 0;
  #closing: Promise<CompositeCloseReport> | undefined;

  constructor(options: CompositePublisherOptions = {}) {
    const where = 'CompositePublisher';
    checkOptionNames(where, options, ['children', 'name', 'scope', 'ownsChildren', 'onFailure']);
    optionalText(where, 'name', options.name);
    optionalFlag(where, 'ownsChildren', options.ownsChildren);
    checkOwner(where, options.scope);
    checkCallback(where, 'onFailure', options.onFailure);
    const { children = [], name = 'composite', ownsChildren = true, onFailure, scope } = options;
    if (!Array.isArray(children)) throw new TypeError(`${where}: children must be an array, not ${kindOf(children)}`);
    this.name = name;
    this.ownsChildren = ownsChildren;
    this.#onFailure = onFailure;
    for (const child of children) {
      if (isPublisher(child)) this.add(child);
      else {
        checkOptionNames(`${where}, children`, child, ['publisher', 'policy']);
        this.add(child.publisher, child.policy);
      }
    }
    this.#owned = closeWithScope(scope, name, this, async (timeoutMs) => {
      const { remaining } = await this.close({ timeoutMs });
      if (remaining > 0) throw flushTimeoutError(name, timeoutMs, remaining);
    });
  }

  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /** From the next event on. @throws TypeError, RangeError; WatertightError WT_PUBLISH_CLOSED */
  add(publisher: Publisher, policy: ChildPolicy = 'required'): void {
    const where = 'CompositePublisher.add()';
    if (this.#closing) throw closedError(this.name);
    if (!isPublisher(publisher))
      throw new TypeError(`${where}: the child must be a Publisher, not ${kindOf(publisher)}`);
    oneOf(where, 'policy', policy, POLICIES);
    if (publisher === this || this.#children.some((child) => child.publisher === publisher)) {
      throw new RangeError(`${where}: ${publisher.name} is a child already, or the composite itself`);
    }
    this.#children.push({ publisher, policy, accepted: 0, confirmed: 0, failed: 0 });
  }

  /** From the next event on; it stays open, and is its caller's again. @returns whether it was a child */
  remove(publisher: Publisher): boolean {
    const index = this.#children.findIndex((child) => child.publisher === publisher);
    if (index < 0 || this.#closing) return false;
    this.#children.splice(index, 1);
    return true;
  }

  /** All children at once. @throws WatertightError WT_PUBLISH_CLOSED, WT_PUBLISH_PARTIAL naming the required that are not connected */
  async connect(): Promise<void> {
    if (this.#closing) throw closedError(this.name);
    await this.#all('connect', (publisher) => publisher.connect());
  }

  publish(event: EventInput, options?: PublishOptions): Promise<PublishOutcome> {
    const published = this.#publish(event, options);
    // Whoever does not look at it is not told by the end of the process: the counts have it.
    published.catch(ignore);
    return published;
  }

  async flush({ timeoutMs = FLUSH_TIMEOUT_MS }: FlushOptions = {}): Promise<void> {
    wholeNumber('CompositePublisher.flush()', 'timeoutMs', timeoutMs, 0, MOST_MS);
    await this.#all('flush', (publisher) =>
      inTime(publisher.flush({ timeoutMs }), timeoutMs, () =>
        flushTimeoutError(publisher.name, timeoutMs, publisher.stats().buffered),
      ),
    );
  }

  close({ timeoutMs = CLOSE_TIMEOUT_MS }: CloseOptions = {}): Promise<CompositeCloseReport> {
    wholeNumber('CompositePublisher.close()', 'timeoutMs', timeoutMs, 0, MOST_MS);
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close().then(ignore);
  }

  stats(): CompositeStats {
    const children = this.#children.map(({ publisher }) => publisher.stats());
    const counts = Object.fromEntries(
      COUNTED.map((count) => [count, children.reduce((sum, stats) => sum + stats[count], 0)]),
    ) as Record<(typeof COUNTED)[number], number>;
    const state = this.#closing ? 'closed' : STATES.find((state) => children.some((stats) => stats.state === state));
    const lastError = children.find((stats) => stats.lastError !== undefined)?.lastError;
    return {
      name: this.name,
      state: state ?? 'idle',
      ...counts,
      ...(lastError === undefined ? {} : { lastError }),
      children,
      bestEffortFailures: this.#bestEffortFailures,
    };
  }

  async #publish(input: EventInput, options: PublishOptions | undefined): Promise<PublishOutcome> {
    if (this.#closing) throw closedError(this.name);
    const event = this.#stamp.complete(input);
    if (this.#children.length === 0) throw undeliveredError(this.name, 'not-sent', 'as it has no children', undefined);
    // Before anything is awaited: in the order of the calls.
    const results = this.#children.map((child) => ({ child, outcome: this.#hand(child, event, options) }));
    const failures: ChildFailure[] = [];
    const done: string[] = [];
    let isStored = true;
    for (const { child, outcome } of results) {
      if (child.policy === 'best-effort') continue;
      try {
        isStored = (await outcome) === 'stored' && isStored;
        done.push(child.publisher.name);
      } catch (error) {
        failures.push({ name: child.publisher.name, error: error as Error });
      }
    }
    if (failures.length === 0) return done.length > 0 && isStored ? 'stored' : 'accepted';
    const fault = eventFault(failures, done);
    if (fault) throw fault;
    throw partialError(this.name, 'publish', failures, done);
  }

  /** A child of another make may throw. The promise has a reaction, whoever awaits it. */
  #hand(child: Child, event: PublishedEvent, options: PublishOptions | undefined): Promise<PublishOutcome> {
    child.accepted++;
    const handed = started(() => child.publisher.publish(event, options));
    handed.then(
      () => child.confirmed++,
      (error) => {
        child.failed++;
        if (child.policy === 'best-effort') this.#tell({ error, publisher: child.publisher.name, eventId: event.id });
      },
    );
    return handed;
  }

  #tell(failure: CompositeFailure): void {
    this.#bestEffortFailures++;
    tell(this.name, this.#onFailure, failure);
  }

  /** @throws WatertightError WT_PUBLISH_PARTIAL */
  async #all(what: 'flush' | 'connect', work: (publisher: Publisher) => Promise<unknown>): Promise<void> {
    const children = [...this.#children];
    const ends = await Promise.allSettled(children.map(({ publisher }) => started(() => work(publisher))));
    const failures: ChildFailure[] = [];
    const done: string[] = [];
    ends.forEach((end, index) => {
      const { publisher, policy } = children[index] as Child;
      if (end.status === 'fulfilled') done.push(publisher.name);
      else if (policy === 'required') failures.push({ name: publisher.name, error: end.reason });
      else this.#tell({ error: end.reason, publisher: publisher.name });
    });
    if (failures.length > 0) throw partialError(this.name, what, failures, done);
  }

  async #close(timeoutMs: number): Promise<CompositeCloseReport> {
    const startedAt = monotonicMs();
    const children = await Promise.all(this.#children.map((child) => this.#closeChild(child, timeoutMs)));
    this.#owned?.detach();
    const sum = (count: (typeof SUMMED)[number]) =>
      children.reduce((total, { report }) => total + (report?.[count] ?? 0), 0);
    const stuck = children.flatMap(({ name, report }) => (report ? (report.stuck ?? []) : name));
    return {
      status: children.every(({ report }) => report?.status === 'completed') ? 'completed' : 'timeout',
      accepted: sum('accepted'),
      confirmed: sum('confirmed'),
      dropped: sum('dropped'),
      failed: sum('failed'),
      remaining: sum('remaining'),
      durationMs: monotonicMs() - startedAt,
      ...(stuck.length > 0 ? { stuck: stuck.join(', ') } : {}),
      children,
    };
  }

  async #closeChild(child: Child, timeoutMs: number): Promise<ChildCloseReport> {
    const { publisher } = child;
    const { name } = publisher;
    const startedAt = monotonicMs();
    const late = () => flushTimeoutError(name, timeoutMs, publisher.stats().buffered);
    try {
      if (this.ownsChildren) {
        return {
          name,
          report: await inTime(
            started(() => publisher.close({ timeoutMs })),
            timeoutMs + GRACE_MS,
            late,
          ),
        };
      }
      const end = await settleBy(
        started(() => publisher.flush({ timeoutMs })),
        startedAt + timeoutMs,
      );
      const { accepted, confirmed, failed } = child;
      const remaining = accepted - confirmed - failed;
      const status = end === 'settled' && remaining === 0 ? 'completed' : 'timeout';
      return {
        name,
        report: { status, accepted, confirmed, dropped: 0, failed, remaining, durationMs: monotonicMs() - startedAt },
      };
    } catch (error) {
      return { name, error: error instanceof Error ? error : new Error(errorText(error)) };
    }
  }
}

/** What is wrong with the event itself, when all say the same. */
function eventFault(failures: readonly ChildFailure[], done: readonly string[]): Error | undefined {
  const codes = new Set(failures.map(({ error }) => String((error as { code?: unknown }).code)));
  const [code = ''] = codes;
  return done.length === 0 && codes.size === 1 && EVENT_FAULTS.has(code) ? failures[0]?.error : undefined;
}

function isPublisher(value: unknown): value is Publisher {
  const { publish, flush, close } = Object(value) as Partial<Publisher>;
  return typeof publish === 'function' && typeof flush === 'function' && typeof close === 'function';
}

async function started<T>(work: () => Promise<T>): Promise<T> {
  return work();
}

/** @throws what `late` makes, when the time is over */
async function inTime<T>(promise: Promise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  if ((await settleBy(promise, monotonicMs() + timeoutMs)) === 'deadline') throw late();
  return promise;
}
