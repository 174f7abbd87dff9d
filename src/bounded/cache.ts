import { LRUCache } from 'lru-cache';
import {
  checkCallback,
  checkOptionNames,
  checkOwner,
  kindOf,
  type Owned,
  type Owner,
  WatertightError,
} from '../core/index.js';
import { closedError } from './closed-error.js';
import { MemoryBudget } from './memory-budget.js';
import { plainName } from './plain-name.js';
import { Releases } from './releases.js';
import { wholeNumber } from './whole-number.js';

/** Values that are disposed of at once: a few, as closing a connection is a round trip and not work of ours. */
const DISPOSING = 16;
/** Longest time to live: what `setTimeout` can sleep, some 25 days. */
const MOST_MS = 2 ** 31 - 1;

/** Why a value left. */
export type DisposeReason = 'evicted' | 'replaced' | 'deleted' | 'expired';

const REASONS: Readonly<Record<LRUCache.DisposeReason, DisposeReason>> = {
  evict: 'evicted',
  set: 'replaced',
  delete: 'deleted',
  expire: 'expired',
  fetch: 'replaced',
};

interface Options<K, V> {
  /** For messages, and for its owner. Default `cache`. */
  readonly name?: string;
  /** Most values, from 1. */
  readonly max?: number;
  /** Most bytes of all values together, by `sizeOf`. */
  readonly maxBytes?: number;
  /** A limit that it shares with other caches. */
  readonly budget?: MemoryBudget;
  /** Bytes of a value with its key, a whole number from 1; asked once, when it is stored. */
  readonly sizeOf?: (value: V, key: K) => number;
  /** A value is no longer given out after this time, in ms from 1. It goes when it is next asked for, or by `trim()`. */
  readonly ttlMs?: number;
  /** Closes the cache when it closes. */
  readonly scope?: Owner;
  /** Called once for each value that has left, with the key that it left last; may take time (a promise). */
  readonly dispose?: (value: V, key: K, reason: DisposeReason) => unknown;
  /** Most disposals that run at once; `set` is refused while as many have not ended. Default 16. */
  readonly disposing?: number;
}

/** At least one of `max`, `maxBytes` and `budget` must be given; the last two take a `sizeOf`. */
export type CacheOptions<K, V> = Options<K, V> &
  (
    | { readonly max: number; readonly maxBytes?: undefined; readonly budget?: undefined }
    | { readonly maxBytes: number; readonly sizeOf: (value: V, key: K) => number }
    | { readonly budget: MemoryBudget; readonly sizeOf: (value: V, key: K) => number }
  );

const NAMES = ['name', 'max', 'maxBytes', 'budget', 'sizeOf', 'ttlMs', 'scope', 'dispose', 'disposing'];

/**
 * What was used lately, within limits: `lru-cache` with sizes in bytes, an owner, and values that may need releasing.
 * A value is disposed of once, after it has left under every key: evicted, replaced, deleted or expired. Ends with
 * `close()`, or with its owner.
 *
 * Cost: that of `lru-cache`, and O(caches) for the budget; `dispose` adds an entry of a Map to each value.
 *
 * @example
 * const sessions = new Cache<string, { end(): Promise<void> }>({ max: 100, dispose: (session) => session.end() });
 * sessions.set('ann', { end: async () => console.log('ended') });
 * await sessions.close(); // ended
 */
export class Cache<K extends {}, V extends {}> implements AsyncDisposable {
  readonly name: string;
  readonly #lru: LRUCache<K, V>;
  readonly #budget: MemoryBudget | undefined;
  readonly #dispose: Options<K, V>['dispose'];
  readonly #sizeOf: Options<K, V>['sizeOf'];
  readonly #mostBytes: number;
  readonly #releases: Releases;
  /** Keys that each value is stored under; empty without `dispose`. */
  readonly #uses = new Map<V, number>();
  #owned: Owned | undefined;
  #closing: Promise<void> | null = null;

  /** @throws TypeError, RangeError; WatertightError WT_SCOPE_CLOSED when `scope` has closed */
  constructor(options: CacheOptions<K, V>) {
    check(options);
    const { max, maxBytes, budget, ttlMs, scope, dispose, sizeOf, name = 'cache', disposing = DISPOSING } = options;
    if (max === undefined && maxBytes === undefined && budget === undefined) {
      throw new TypeError(
        'Cache: options must have max, maxBytes or budget, got none: a cache without a limit is a leak',
      );
    }
    this.name = plainName('Cache', name);
    this.#dispose = dispose;
    this.#budget = budget;
    this.#mostBytes = Math.min(
      maxBytes === undefined ? Number.POSITIVE_INFINITY : wholeNumber('maxBytes', maxBytes),
      budget?.limitBytes ?? Number.POSITIVE_INFINITY,
    );
    const hasSizes = this.#mostBytes < Number.POSITIVE_INFINITY;
    if (hasSizes && sizeOf === undefined) {
      throw new TypeError('sizeOf must be a function when maxBytes or budget is given, got undefined');
    }
    this.#sizeOf = hasSizes ? sizeOf : undefined;
    this.#releases = new Releases(this.name, wholeNumber('disposing', disposing));
    this.#lru = new LRUCache<K, V>({
      ...(max === undefined ? {} : { max: wholeNumber('max', max) }),
      ...(hasSizes ? { maxSize: this.#mostBytes } : {}),
      ...(ttlMs === undefined ? {} : { ttl: wholeNumber('ttlMs', ttlMs, { most: MOST_MS }) }),
      ...(dispose === undefined ? {} : { disposeAfter: (value, key, reason) => this.#left(value, key, reason) }),
    } as LRUCache.Options<K, V, unknown>);
    this.#owned = scope?.defer(this.name, () => this.close());
    budget?.join(this);
  }

  get size(): number {
    return this.#lru.size;
  }

  /** Bytes of all values, by `sizeOf`; 0 when neither `maxBytes` nor `budget` is given. */
  get bytes(): number {
    return this.#lru.calculatedSize;
  }

  /** Values that have left and are not yet disposed of. */
  get releasing(): number {
    return this.#releases.size;
  }

  get isClosed(): boolean {
    return this.#closing !== null;
  }

  /** The value, which is now the last used one; undefined when it is not there, or has expired. */
  get(key: K): V | undefined {
    return this.#lru.get(key);
  }

  /** As `get`, without using it. */
  peek(key: K): V | undefined {
    return this.#lru.peek(key);
  }

  has(key: K): boolean {
    return this.#lru.has(key);
  }

  /**
   * Stores a value. False when it alone exceeds `maxBytes` or the budget: then it is not taken, and stays yours; what was
   * there under the key goes all the same.
   * @throws WatertightError WT_BOUNDED_CLOSED; WT_BOUNDED_RELEASING while as many as `disposing` are being disposed of:
   * await `settled()`. The value stays yours
   */
  set(key: K, value: V): boolean {
    if (this.#closing !== null) throw closedError('store in', this.name);
    if (this.#releases.isFull) throw this.#releasing();
    const size = this.#sizeOf === undefined ? undefined : wholeNumber('size of a value', this.#sizeOf(value, key));
    if (size !== undefined && size > this.#mostBytes) {
      this.#lru.delete(key);
      return false;
    }
    if (this.#dispose !== undefined && this.#lru.peek(key, { allowStale: true }) !== value) {
      this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1);
    }
    this.#lru.set(key, value, size === undefined ? {} : { size });
    this.#budget?.fit(this);
    return true;
  }

  /** Takes a value out; with `expected` only when it is that very one, and not one that has replaced it. */
  delete(key: K, expected?: V): boolean {
    if (expected !== undefined && this.#lru.peek(key, { allowStale: true }) !== expected) return false;
    return this.#lru.delete(key);
  }

  /** Takes all values out, what was used last first. */
  clear(): void {
    this.#lru.purgeStale();
    // One by one: `LRUCache.clear` hands its disposals out by Array.shift, which takes 10 s for 100,000 values.
    for (const key of [...this.#lru.keys()]) this.#lru.delete(key);
    this.#lru.clear();
  }

  /** Takes out what has expired and was not asked for since. Nothing that it gives out changes. */
  trim(): void {
    this.#lru.purgeStale();
  }

  /** Resolves when every value that has left is disposed of. Never rejects: `close` tells of failures. */
  settled(): Promise<void> {
    return this.#releases.settled();
  }

  /**
   * Takes all values out and waits until each is disposed of. Closing again gives the same promise.
   * @throws WatertightError WT_BOUNDED_RELEASE_FAILED when a disposal has failed since the cache was made; all ran
   */
  close(): Promise<void> {
    // Not at once: whoever is disposed of may close us again, and must find the promise.
    this.#closing ??= Promise.resolve().then(() => this.#end());
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal For its budget. */
  evict(): void {
    this.#lru.pop();
  }

  async #end(): Promise<void> {
    this.clear();
    this.#budget?.leave(this);
    await this.#releases.settled();
    this.#owned?.detach();
    const failure = this.#releases.failure();
    if (failure) throw failure;
  }

  #left(value: V, key: K, reason: LRUCache.DisposeReason): void {
    const uses = this.#uses.get(value)! - 1;
    if (uses > 0) {
      this.#uses.set(value, uses);
      return;
    }
    this.#uses.delete(value);
    this.#releases.add(() => this.#dispose!(value, key, REASONS[reason]));
  }

  #releasing(): WatertightError {
    const { size } = this.#releases;
    return new WatertightError(
      'WT_BOUNDED_RELEASING',
      `Cannot store in ${this.name} as ${size} values that left are still being disposed of`,
      { hint: 'await settled() first, or raise `disposing`', details: { releasing: size } },
    );
  }
}

function check(options: Options<never, never>): void {
  checkOptionNames('Cache', options, NAMES);
  checkOwner('Cache', options.scope);
  checkCallback('Cache', 'dispose', options.dispose);
  checkCallback('Cache', 'sizeOf', options.sizeOf);
  if (options.budget === undefined || options.budget instanceof MemoryBudget) return;
  throw new TypeError(`Cache: budget must be a MemoryBudget, got ${kindOf(options.budget)}`);
}
