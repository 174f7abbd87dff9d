import { randomBytes } from 'node:crypto';
import { checkOptionNames, checkOwner, kindOf, type Owned, type Owner } from '../core/index.js';
import { BlockPool } from './block-pool.js';
import { whole } from './options.js';
import { checkSalt, checkTokens, PrefixKeys, type Tokens } from './prefix-keys.js';
import { closedBlocksError } from './refusals.js';

export interface PrefixIndexOptions {
  /** Tokens of a full block, 1 to 65,536. Default 256. */
  blockTokens?: number;
  /**
   * Most references to blocks that it holds, in all layers together, from the number of layers. Default: half of the
   * pool's blocks, or half of its shares where there are fewer, so that as many are left to those who borrow.
   */
  maxBlocks?: number;
  /** For messages and `usage()`, 1 to 80 bytes. Default `prefixes`. */
  name?: string;
  /** Closes the index when it closes itself. */
  scope?: Owner;
}

/** How much of a sequence is indexed: whole blocks, from its start. */
export interface PrefixMatch {
  readonly tokens: number;
  readonly blocks: number;
}

export interface BorrowedPrefix extends PrefixMatch {
  /** By layer, one handle for each of `blocks`, in order. The borrower's own, to be freed by itself. */
  readonly handles: number[][];
}

export interface PrefixIndexStats {
  /** Indexed blocks of tokens; each holds one reference in each layer. */
  readonly entries: number;
  /** Borrowings that found a block, and those that found none. */
  readonly hits: number;
  readonly misses: number;
  /** Entries that it let go, at the bound or by `evict`. */
  readonly evictions: number;
}

/** One block of tokens behind all those before it. In a ring, from the one used longest ago to the latest. */
interface Entry {
  readonly key: string;
  /** By layer. */
  readonly handles: readonly number[];
  older: Entry;
  newer: Entry;
}

/** What the prior system took in place of 64, 128 and 512. */
const BLOCK_TOKENS = 256;
/** 256 KiB, hashed at once. */
const MOST_BLOCK_TOKENS = 65_536;
/** An agent's name has 120 bytes: this one, a colon and 16 digits. */
const MOST_NAME_BYTES = 80;
const NAMES: readonly (keyof PrefixIndexOptions)[] = ['blockTokens', 'maxBlocks', 'name', 'scope'];

/**
 * Finds the longest prefix of a sequence of tokens whose blocks are in a pool already, and shares it: prompts that begin
 * alike are computed once. The time depends on the length of that prefix alone, never on how many sequences are indexed.
 *
 * Bounded: beyond `maxBlocks` the end of the prefix goes first that was used longest ago; nobody who has borrowed it loses it.
 * For one thread; its references are held by an agent of its own (`agent`), so a SIGKILL frees them like any others.
 * Owned by whoever made it; `close()` frees what it holds.
 *
 * Cost: 1 µs a block of 256 tokens for each method, and what `BlockPool.share` takes; 0.3 kB an entry, and 8 bytes a layer.
 *
 * @example
 * const index = new PrefixIndex(pool, { blockTokens: 256 });
 * index.insert(prompt, handles, 'session-1'); // handles by layer, as of allocateSequence()
 * const { tokens, handles: borrowed } = index.borrow(nextPrompt, 'session-2');
 * compute(nextPrompt.subarray(tokens)); // only what is new
 */
export class PrefixIndex implements Disposable {
  readonly name: string;
  readonly blockTokens: number;
  readonly maxBlocks: number;
  /** Who holds the references of the index, in `usage()`. */
  readonly agent: string;
  readonly #pool: BlockPool;
  readonly #keys: PrefixKeys;
  readonly #entries = new Map<string, Entry>();
  /** `newer` is the one used longest ago, `older` the latest. */
  readonly #ring: Entry;
  readonly #owned: Owned | undefined;
  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #isClosed = false;

  /** @throws TypeError, RangeError; WatertightError WT_BLOCKS_CLOSED, WT_SCOPE_CLOSED */
  constructor(pool: BlockPool, options: PrefixIndexOptions = {}) {
    const where = 'PrefixIndex';
    if (!(pool instanceof BlockPool)) throw new TypeError(`${where}: pool must be a BlockPool, not ${kindOf(pool)}`);
    checkOptionNames(where, options, NAMES);
    const { blockTokens = BLOCK_TOKENS, name = 'prefixes', scope } = options;
    if (typeof name !== 'string') throw new TypeError(`${where}: name must be a text, not ${kindOf(name)}`);
    whole(where, 'bytes of name', Buffer.byteLength(name), 1, MOST_NAME_BYTES);
    checkOwner(where, scope);
    const { totalBlocks, layers } = pool.usage();
    const { blocks, shares } = pool.handle.capacity;
    const half = Math.max(layers, Math.floor(Math.min(totalBlocks, shares) / 2));
    this.maxBlocks = whole(where, 'maxBlocks', options.maxBlocks ?? half, layers, Math.max(layers, blocks));
    this.blockTokens = whole(where, 'blockTokens', blockTokens, 1, MOST_BLOCK_TOKENS);
    this.name = name;
    this.agent = `${name}:${randomBytes(8).toString('hex')}`;
    this.#pool = pool;
    this.#keys = new PrefixKeys(blockTokens);
    const ring = { key: '', handles: [] } as unknown as Entry;
    this.#ring = Object.assign(ring, { older: ring, newer: ring });
    this.#owned = scope?.defer(name, () => this.close());
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Indexes the full blocks of `tokens`, which `agent` holds: those that are new are shared to the index, those that are
   * indexed stay as they are. From then on nobody may write to them but through `writable()`. All or nothing, except that
   * of a sequence longer than the whole index its beginning is taken; what made room is gone also if sharing is refused.
   * @param handles by layer, as of `allocateSequence`, each with at least as many as there are full blocks
   * @param salt separates those who must not know of each other: tenants, models
   * @returns how many entries were added
   * @throws TypeError, RangeError; WatertightError WT_BLOCKS_CLOSED, and what `BlockPool.share` throws: nothing was added then
   */
  insert(tokens: Tokens, handles: readonly (readonly number[])[], agent: string, salt = ''): number {
    const where = 'insert()';
    const keys = [...this.#keysOf(where, tokens, salt)];
    const { layers } = this.#pool;
    checkByLayer(where, handles, layers, keys.length);
    const path = this.#walk(keys);
    this.#touch(path);
    const room = Math.floor(this.maxBlocks / layers);
    const added = keys.slice(path.length, room);
    if (added.length === 0) return 0;
    // The path was touched: what is used longest ago is not of it, as it and what is added have room together.
    while (this.#entries.size + added.length > room) this.#evictOldest();
    const asked = added.flatMap((_, i) => handles.map((ofLayer) => ofLayer[path.length + i]));
    const shared = this.#pool.share(asked, agent, this.agent);
    const entries = added.map((key, i) => this.#add(key, shared.slice(i * layers, (i + 1) * layers)));
    this.#touch([...path, ...entries]);
    return added.length;
  }

  /**
   * How much of `tokens` could be borrowed now. Takes nothing, and counts as no use.
   * @throws TypeError, RangeError; WatertightError WT_BLOCKS_CLOSED
   */
  match(tokens: Tokens, salt = ''): PrefixMatch {
    const blocks = this.#walk(this.#keysOf('match()', tokens, salt)).length;
    return { tokens: blocks * this.blockTokens, blocks };
  }

  /**
   * Shares the longest indexed prefix of `tokens` to `agent`: all of it, or it throws and shares nothing. To write into
   * one of its blocks, ask the pool for `writable()`.
   * @throws TypeError, RangeError; WatertightError WT_BLOCKS_CLOSED, and what `BlockPool.share` throws
   */
  borrow(tokens: Tokens, agent: string, salt = ''): BorrowedPrefix {
    const path = this.#walk(this.#keysOf('borrow()', tokens, salt));
    const blocks = path.length;
    const layers = this.#pool.isClosed ? 0 : this.#pool.layers;
    const asked: number[] = [];
    for (let layer = 0; layer < layers; layer++) for (const { handles } of path) asked.push(handles[layer]);
    const shared = blocks === 0 ? [] : this.#pool.share(asked, this.agent, agent);
    if (blocks === 0) this.#misses++;
    else this.#hits++;
    this.#touch(path);
    const handles = Array.from({ length: layers }, (_, i) => shared.slice(i * blocks, (i + 1) * blocks));
    return { tokens: blocks * this.blockTokens, blocks, handles };
  }

  /**
   * Lets go of as many entries, those first that were used longest ago: what to do when the pool is exhausted, or is to be
   * reconfigured. Blocks that are still borrowed stay with the borrowers.
   * @param count from 0. Default: all
   * @returns how many it let go: 0 when nothing is left
   * @throws TypeError, RangeError; WatertightError WT_BLOCKS_CLOSED, WT_BLOCKS_LOCK_TIMEOUT
   */
  evict(count: number = this.#entries.size): number {
    this.#checkOpen();
    whole('evict()', 'count', count, 0, Number.MAX_SAFE_INTEGER);
    const evicted = Math.min(count, this.#entries.size);
    for (let i = 0; i < evicted; i++) this.#evictOldest();
    return evicted;
  }

  /** Cost: one object. */
  stats(): PrefixIndexStats {
    const { size: entries } = this.#entries;
    return { entries, hits: this.#hits, misses: this.#misses, evictions: this.#evictions };
  }

  /**
   * Frees all that it holds; what is borrowed stays with the borrowers. Closing again does nothing.
   * @throws WatertightError WT_BLOCKS_LOCK_TIMEOUT: it is not closed then
   */
  close(): void {
    if (this.#isClosed) return;
    if (!this.#pool.isClosed) this.#pool.freeAgent(this.agent);
    this.#isClosed = true;
    for (const entry of this.#entries.values()) this.#remove(entry);
    this.#owned?.detach();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** @throws WatertightError WT_BLOCKS_CLOSED */
  #checkOpen(): void {
    if (this.#isClosed) throw closedBlocksError(this.name);
    if (this.#pool.isClosed) this.#dropStale();
  }

  #keysOf(where: string, tokens: Tokens, salt: string): Iterable<string> {
    this.#checkOpen();
    checkTokens(where, tokens);
    checkSalt(where, salt);
    return this.#keys.of(tokens, salt);
  }

  /** The entries of the longest indexed prefix, from its first block on. */
  #walk(keys: Iterable<string>): Entry[] {
    const path: Entry[] = [];
    for (const key of keys) {
      const entry = this.#entries.get(key);
      if (!entry) break;
      if (!this.#isLive(entry)) {
        this.#dropStale();
        break;
      }
      path.push(entry);
    }
    return path;
  }

  /** Handles of one entry were shared by one call, and nobody else has them: they go together. */
  #isLive(entry: Entry): boolean {
    return !this.#pool.isClosed && this.#pool.isLive(entry.handles[0]);
  }

  /** Somebody closed the pool, or freed the index's agent and reconfigured the pool perhaps: the references are gone. */
  #dropStale(): void {
    for (const entry of this.#entries.values()) if (!this.#isLive(entry)) this.#remove(entry);
  }

  #evictOldest(): void {
    const oldest = this.#ring.newer;
    if (this.#isLive(oldest)) this.#pool.free(oldest.handles, this.agent);
    this.#remove(oldest);
    this.#evictions++;
  }

  /**
   * The last block of a path first, its first block last: so an entry is never older than one that continues it, and the
   * oldest of all is a leaf.
   */
  #touch(path: readonly Entry[]): void {
    for (let i = path.length - 1; i >= 0; i--) {
      unlink(path[i]);
      linkAsLatest(this.#ring, path[i]);
    }
  }

  #add(key: string, handles: readonly number[]): Entry {
    const entry = { key, handles } as Entry;
    linkAsLatest(this.#ring, entry);
    this.#entries.set(key, entry);
    return entry;
  }

  #remove(entry: Entry): void {
    unlink(entry);
    this.#entries.delete(entry.key);
  }
}

function unlink(entry: Entry): void {
  entry.older.newer = entry.newer;
  entry.newer.older = entry.older;
}

function linkAsLatest(ring: Entry, entry: Entry): void {
  entry.older = ring.older;
  entry.newer = ring;
  ring.older.newer = entry;
  ring.older = entry;
}

/** @throws TypeError, RangeError */
function checkByLayer(where: string, handles: unknown, layers: number, blocks: number): void {
  if (!Array.isArray(handles)) throw new TypeError(`${where}: handles must be an array, not ${kindOf(handles)}`);
  if (handles.length !== layers) {
    throw new RangeError(`${where}: handles must have a list for each of ${layers} layers, got ${handles.length}`);
  }
  for (let layer = 0; layer < layers; layer++) {
    const ofLayer: unknown = handles[layer];
    if (!Array.isArray(ofLayer)) {
      throw new TypeError(`${where}: handles[${layer}] must be an array, not ${kindOf(ofLayer)}`);
    }
    if (ofLayer.length >= blocks) continue;
    throw new RangeError(
      `${where}: handles[${layer}] must have a handle for each of ${blocks} full blocks, got ${ofLayer.length}`,
    );
  }
}
