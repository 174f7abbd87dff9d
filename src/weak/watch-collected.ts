import {
  checkOptionNames,
  checkOwner,
  Deadline,
  DeadlineClock,
  kindOf,
  monotonicMs,
  type Owned,
  plainText,
} from '../core/index.js';
import type { Scope } from '../scope/index.js';
import { checkObject } from './check-object.js';
import { forceCollection } from './force-collection.js';
import { onMajorCollection } from './major-collections.js';
import { reportRetained, type Suspect, type WatchOutcome } from './retained-report.js';

export interface WatchOptions {
  /** Its owner: the time runs from when this has closed. Without it, from now. */
  readonly scope?: Scope;
  /** Time in which it must become unreachable, in ms from 0. Default 5,000: a connection's last timers and retries. */
  readonly withinMs?: number;
  /**
   * Whether a retained object is explained by the path that keeps it, which takes a heap snapshot and blocks for about 1 s
   * per 50 MB. Default: unless `NODE_ENV` is `production`, up to a heap of 64 MB, and five times in a process.
   */
  readonly explain?: boolean;
  /** How long two collections are waited for once the time is over, in ms from 0. Default 60,000. */
  readonly patienceMs?: number;
  /** Collects by force (20 ms and more each time) and holds the process until it knows: for tests. Default false. */
  readonly force?: boolean;
}

/** For messages. */
const WHERE = 'watchCollected()';
const NAMES: readonly (keyof WatchOptions)[] = ['scope', 'withinMs', 'explain', 'patienceMs', 'force'];
const WITHIN_MS = 5_000;
/** Longest time: what timers take. */
const MOST_MS = 2 ** 31 - 1;
/** Longest label that is told. */
const LABEL_CHARS = 200;
/** A program that does anything has two collections by then. */
const PATIENCE_MS = 60_000;
/** The first may have marked the object while it was still held; the second began after it was over. */
const COLLECTIONS = 2;
/** How often a scope that is closing is asked whether it has closed. */
const CLOSING_POLL_MS = 20;
/** The first forced collection comes after this time, each further one after twice the time. */
const FIRST_FORCE_MS = 5;

const quietClock = new DeadlineClock({ keepsAlive: false });
const holdingClock = new DeadlineClock({ keepsAlive: true });
const registry = new FinalizationRegistry<Watch>((watch) => watch.settle('collected'));

/**
 * One watched object, which it must not hold. In turn it waits until the owner has closed, until the time is over, and for
 * two collections of the whole heap that begin after that; the finalizer of the object ends it at any point.
 */
class Watch extends Deadline implements Suspect {
  readonly label: string;
  readonly ref: WeakRef<object>;
  readonly explain: boolean | 'auto';
  readonly outcome: Promise<WatchOutcome>;
  readonly #withinMs: number;
  readonly #patienceMs: number;
  readonly #force: boolean;
  #resolve!: (outcome: WatchOutcome) => void;
  #isSettled = false;
  /** Held weakly: it is over when it is gone. */
  #scope: WeakRef<Scope> | null = null;
  #owned: Owned | null = null;
  #closedAt = 0;
  #judgedAt = 0;
  #forceMs = FIRST_FORCE_MS;
  #collections = 0;
  #stopCounting: (() => void) | null = null;

  constructor(object: object, label: string, options: WatchOptions) {
    super();
    const { withinMs = WITHIN_MS, patienceMs = PATIENCE_MS, explain, force = false } = options;
    this.label = label;
    this.ref = new WeakRef(object);
    this.explain = explain ?? 'auto';
    this.#withinMs = withinMs;
    this.#patienceMs = patienceMs;
    this.#force = force;
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    registry.register(object, this, this);
  }

  /** Handed over last, so that what was acquired before it is released after it. */
  ownedBy(scope: Scope): void {
    this.#owned = scope.defer(`watch of ${this.label}`, () => this.#ownerCloses(scope));
  }

  /** What it still has to release may hold the object rightly. */
  #ownerCloses(scope: Scope): void {
    this.#owned = null;
    this.#scope = new WeakRef(scope);
    this.#wakeIn(0);
  }

  ownerClosed(): void {
    this.#scope = null;
    this.#closedAt = monotonicMs();
    this.#wakeIn(this.#force ? Math.min(this.#forceMs, this.#withinMs) : this.#withinMs);
  }

  onDeadline(): void {
    if (this.#isSettled) return;
    const isClosing = (this.#scope?.deref()?.state ?? 'closed') !== 'closed';
    if (isClosing) this.#wakeIn(CLOSING_POLL_MS);
    else if (this.#scope !== null) this.ownerClosed();
    else if (this.#stopCounting !== null) this.#waitOn();
    else this.#waitForTime();
  }

  settle(outcome: WatchOutcome['outcome'], path?: string): WatchOutcome {
    const ms = this.#closedAt === 0 ? 0 : (this.#judgedAt || monotonicMs()) - this.#closedAt;
    const said = { label: this.label, outcome, ...(path === undefined ? {} : { path }), ms };
    if (this.#isSettled) return said;
    this.#isSettled = true;
    this.#end();
    this.#owned?.detach();
    registry.unregister(this);
    this.#resolve(said);
    return said;
  }

  #waitForTime(): void {
    const leftMs = this.#closedAt + this.#withinMs - monotonicMs();
    if (this.#force) forceCollection();
    if (leftMs > 0) {
      this.#forceMs *= 2;
      this.#wakeIn(Math.min(this.#forceMs, leftMs));
      return;
    }
    const over = monotonicMs();
    this.#stopCounting = onMajorCollection((startedAt) => {
      if (startedAt >= over && ++this.#collections === COLLECTIONS) this.#judge();
    });
    this.#wakeIn(this.#force ? 0 : this.#patienceMs);
  }

  /** The time is over, and collections are counted. */
  #waitOn(): void {
    if (!this.#force) {
      this.settle('undecided');
      return;
    }
    forceCollection();
    this.#wakeIn(FIRST_FORCE_MS);
  }

  /** Asked only here: whoever reads a WeakRef keeps its target through a collection that is under way. */
  #judge(): void {
    this.#end();
    this.#judgedAt = monotonicMs();
    if (this.ref.deref() === undefined) this.settle('collected');
    else reportRetained(this);
  }

  #end(): void {
    this.#stopCounting?.();
    (this.#force ? holdingClock : quietClock).remove(this);
  }

  #wakeIn(ms: number): void {
    const now = monotonicMs();
    this.deadlineAt = now + ms;
    (this.#force ? holdingClock : quietClock).add(this, now);
  }
}

/**
 * Says whether an object goes when its owner has gone: within `withinMs` it must become unreachable, or it is `retained`.
 * That is said only after two collections of the whole heap that began later; until then it waits, up to
 * `patienceMs`, and then is `undecided`. A retained object is published on the channel `watertight:retained` and is a warning of the process,
 * `WT_WEAK_RETAINED`; in development with the path that keeps it.
 *
 * Neither keeps the object alive nor, unless `force`, the process. The caller's own variables count as holders.
 *
 * @param label what it is, for the report
 * @throws TypeError, RangeError; WatertightError WT_SCOPE_CLOSED when `scope` has begun to close
 *
 * Cost: 1 µs and some 600 bytes until it is settled.
 *
 * @example
 * const scope = new Scope('session');
 * const ended = watchCollected(makeSession(scope), 'session of ann', { scope });
 * await scope.close();
 * console.log((await ended).outcome); // collected
 */
export function watchCollected(object: object, label: string, options: WatchOptions = {}): Promise<WatchOutcome> {
  // No closure may be made in here: it would keep `object`.
  check(object, label, options);
  const watch = new Watch(object, plainText(label, LABEL_CHARS), options);
  if (options.scope === undefined) watch.ownerClosed();
  else watch.ownedBy(options.scope);
  return watch.outcome;
}

function check(object: unknown, label: unknown, options: WatchOptions): void {
  checkObject(WHERE, 'object', object);
  if (typeof label !== 'string') throw new TypeError(`${WHERE}: label must be a text, got ${kindOf(label)}`);
  checkOptionNames(WHERE, options, NAMES);
  checkOwner(WHERE, options.scope);
  for (const name of ['withinMs', 'patienceMs'] as const) {
    const ms = options[name];
    if (ms === undefined || (typeof ms === 'number' && ms >= 0 && ms <= MOST_MS)) continue;
    throw new RangeError(`${WHERE}: ${name} must be from 0 to ${MOST_MS} ms, got ${kindOf(ms)}`);
  }
  for (const name of ['explain', 'force'] as const) {
    const flag = options[name];
    if (flag === undefined || typeof flag === 'boolean') continue;
    throw new TypeError(`${WHERE}: ${name} must be true or false, got ${kindOf(flag)}`);
  }
}
