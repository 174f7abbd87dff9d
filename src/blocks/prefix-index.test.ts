import { createHash } from 'node:crypto';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Scope } from '../scope/index.js';
import { BlockPool, type BlockPoolOptions, PrefixIndex, type PrefixIndexOptions, type Tokens } from './index.js';

const made: Disposable[] = [];
const LAYERS = 2;

function makePool(options: Partial<BlockPoolOptions> = {}): BlockPool {
  const pool = new BlockPool({
    totalBlocks: 64,
    blockBytes: 8,
    layers: LAYERS,
    maxAgents: 8,
    maxLayers: 4,
    ...options,
  });
  made.push(pool);
  return pool;
}

function makeIndex(pool: BlockPool, options: PrefixIndexOptions = {}): PrefixIndex {
  const index = new PrefixIndex(pool, { blockTokens: 4, ...options });
  made.push(index);
  return index;
}

/** Blocks for as many full blocks of four tokens, in each layer, of `agent`. */
function fill(pool: BlockPool, tokens: Tokens, agent: string): number[][] {
  return pool.allocateSequence(Math.floor(tokens.length / 4), agent);
}

function index(tree: PrefixIndex, pool: BlockPool, tokens: Tokens, agent = 'a', salt = ''): number {
  return tree.insert(tokens, fill(pool, tokens, agent), agent, salt);
}

const range = (length: number, from = 0) => Array.from({ length }, (_, i) => from + i);
const code = (expected: string) => expect.objectContaining({ code: `WT_BLOCKS_${expected}` });
const heldBy = (pool: BlockPool, agent: string) =>
  pool.usage().agents.find(({ name }) => name === agent)?.references ?? 0;

afterEach(() => {
  for (const one of made.splice(0).reverse()) one[Symbol.dispose]();
});

describe('PrefixIndex.match()', () => {
  it('counts whole blocks of the longest indexed prefix', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    expect(index(tree, pool, range(14))).toBe(3);
    for (const [length, tokens] of [
      [0, 0],
      [3, 0],
      [4, 4],
      [7, 4],
      [8, 8],
      [12, 12],
      [14, 12],
      [40, 12],
    ] as const) {
      expect(tree.match(range(length)), `${length}`).toEqual({ tokens, blocks: tokens / 4 });
    }
    const other = range(14);
    other[5] = 99;
    expect(tree.match(other)).toEqual({ tokens: 4, blocks: 1 });
    expect(tree.match(range(8, 4))).toEqual({ tokens: 0, blocks: 0 });
  });

  it('a block is found behind the blocks that it was indexed behind, nowhere else', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    index(tree, pool, [1, 1, 1, 1, 2, 2, 2, 2]);
    index(tree, pool, [3, 3, 3, 3]);
    expect(tree.match([3, 3, 3, 3, 2, 2, 2, 2]).blocks).toBe(1);
    expect(tree.match([2, 2, 2, 2]).blocks).toBe(0);
  });

  it('takes all kinds of sequences, also those of another realm, for the same tokens', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    const tokens = [0, 1, 2 ** 31 - 1, 7];
    index(tree, pool, Int32Array.from(tokens));
    const foreign = runInNewContext('Uint32Array.of(0, 1, 2 ** 31 - 1, 7)') as Uint32Array;
    for (const same of [tokens, Uint32Array.from(tokens), foreign, Uint32Array.of(9, ...tokens).subarray(1)]) {
      expect(tree.match(same).blocks).toBe(1);
    }
    index(tree, pool, Uint32Array.of(2 ** 32 - 1, 0, 0, 0));
    expect(tree.match([2 ** 32 - 1, 0, 0, 0]).blocks).toBe(1);
  });

  it('salts separate what is indexed, and the empty one is a salt like others', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    index(tree, pool, range(8), 'a', 'tenant-1');
    expect(tree.match(range(8), 'tenant-1').blocks).toBe(2);
    expect(tree.match(range(8), 'tenant-2').blocks).toBe(0);
    expect(tree.match(range(8)).blocks).toBe(0);
    expect(tree.borrow(range(8), 'b', 'tenant-2')).toEqual({ tokens: 0, blocks: 0, handles: [[], []] });
    expect(index(tree, pool, range(8), 'a', 'tenant-2')).toBe(2);
  });

  it('asks for no more of a sequence than its prefix and one block', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    index(tree, pool, range(8));
    let reads = 0;
    const array = range(4000);
    array.slice = (from, to) => {
      reads++;
      return Array.prototype.slice.call(array, from, to);
    };
    expect(tree.match(array).blocks).toBe(2);
    expect(reads).toBe(3);
  });
});

describe('PrefixIndex.borrow()', () => {
  it('gives the same blocks by layer, and copies what is written', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    const own = fill(pool, range(8), 'a');
    for (const [i, handle] of own.flat().entries()) pool.data(handle).fill(i + 1);
    tree.insert(range(8), own, 'a');
    const { tokens, blocks, handles } = tree.borrow(range(10), 'b');
    expect([tokens, blocks]).toEqual([8, 2]);
    const placesOf = (lists: number[][]) => lists.map((list) => list.map((handle) => pool.blockIndex(handle)));
    expect(placesOf(handles)).toEqual(placesOf(own));
    const copy = pool.writable(handles[1]![1]!, 'b');
    pool.data(copy).fill(99);
    expect(pool.data(own[1]![1]!)[0]).toBe(4);
    expect(pool.data(tree.borrow(range(8), 'c').handles[1]![1]!)[0]).toBe(4);
    expect(tree.stats()).toMatchObject({ hits: 2, misses: 0, entries: 2 });
  });

  it('what is borrowed outlives its entry, the agent that made it and the index', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    const own = fill(pool, range(8), 'a');
    pool.data(own[0]![0]!).fill(7);
    tree.insert(range(8), own, 'a');
    pool.freeAgent('a');
    const { handles } = tree.borrow(range(8), 'b');
    expect(tree.evict()).toBe(2);
    tree.close();
    expect(pool.data(handles[0]![0]!)[0]).toBe(7);
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, held: 4 });
    pool.free(handles.flat(), 'b');
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, held: 0 });
  });

  it('shares all or nothing where shares run out', () => {
    const pool = makePool({ maxShares: 6 });
    const tree = makeIndex(pool, { maxBlocks: 4 });
    index(tree, pool, range(8));
    expect(() => tree.borrow(range(8), 'b')).toThrow(code('TOO_MANY_SHARES'));
    expect(heldBy(pool, 'b')).toBe(0);
    expect(tree.stats()).toMatchObject({ entries: 2, hits: 0, misses: 0 });
  });

  it('of a pool attached by another thread or process: insert from its agents, borrow for the own', () => {
    const pool = makePool();
    const other = BlockPool.attach(pool.handle);
    made.push(other);
    const tree = makeIndex(other);
    tree.insert(range(4), fill(pool, range(4), 'a'), 'a');
    pool.close();
    expect(tree.borrow(range(4), 'b').tokens).toBe(4);
    expect(other.audit({ deep: true })).toMatchObject({ ok: true, held: LAYERS });
  });
});

describe('PrefixIndex.insert()', () => {
  it('leaves what is indexed as it is, and adds what is new behind it', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    const first = fill(pool, range(4), 'a');
    tree.insert(range(4), first, 'a');
    expect(index(tree, pool, range(12), 'b')).toBe(2);
    expect(index(tree, pool, range(12), 'b')).toBe(0);
    expect(heldBy(pool, tree.agent)).toBe(3 * LAYERS);
    pool.freeAgent('b');
    const { handles } = tree.borrow(range(12), 'c');
    expect(pool.blockIndex(handles[0]![0]!)).toBe(pool.blockIndex(first[0]![0]!));
  });

  it('adds nothing when one handle of many is wrong', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    index(tree, pool, range(4));
    const own = fill(pool, range(12), 'a');
    const stale = pool.allocate(1, 0, 'a');
    pool.free(stale, 'a');
    const foreign = pool.allocate(1, 0, 'b');
    for (const [handle, expected] of [
      [stale[0], 'STALE_HANDLE'],
      [foreign[0], 'FOREIGN_HANDLE'],
    ] as const) {
      const spoiled = [own[0]!, [own[1]![0]!, own[1]![1]!, handle!]];
      expect(() => tree.insert(range(12), spoiled, 'a')).toThrow(code(expected));
      expect(tree.match(range(12)).blocks).toBe(1);
      expect(heldBy(pool, tree.agent)).toBe(LAYERS);
    }
    expect(tree.insert(range(12), own, 'a')).toBe(2);
  });

  it('lets go of ends of prefixes that were used longest ago, never of what others continue', () => {
    const pool = makePool();
    const tree = makeIndex(pool, { maxBlocks: 4 * LAYERS });
    const [long, branch, other] = [range(12), [...range(4), 9, 9, 9, 9], range(8, 50)];
    index(tree, pool, long);
    index(tree, pool, branch);
    expect(tree.stats()).toMatchObject({ entries: 4, evictions: 0 });
    pool.freeAgent('a');
    tree.borrow(long, 'b');
    // The root is shared, the branch used longer ago than the long one.
    index(tree, pool, range(4, 70));
    expect([tree.match(long).blocks, tree.match(branch).blocks]).toEqual([3, 1]);
    // Matching is no use: the long one goes from its end although it was just matched.
    tree.match(long);
    index(tree, pool, other, 'a');
    expect([tree.match(long).blocks, tree.match(other).blocks, tree.match(range(4, 70)).blocks]).toEqual([1, 2, 1]);
    expect(tree.stats()).toMatchObject({ entries: 4, evictions: 3 });
  });

  it('what was added behind a prefix goes before that prefix', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    index(tree, pool, range(4));
    index(tree, pool, range(8));
    expect([tree.evict(1), tree.match(range(8)).blocks]).toEqual([1, 1]);
  });

  it('makes room for what continues a prefix without that prefix', () => {
    const pool = makePool();
    const tree = makeIndex(pool, { maxBlocks: 3 * LAYERS });
    index(tree, pool, range(8));
    index(tree, pool, range(4, 50));
    expect(index(tree, pool, range(12))).toBe(1);
    expect([tree.match(range(12)).blocks, tree.match(range(4, 50)).blocks]).toEqual([3, 0]);
  });

  it('takes the beginning of what is longer than the index', () => {
    const pool = makePool();
    const tree = makeIndex(pool, { maxBlocks: 2 * LAYERS + 1 });
    index(tree, pool, range(4, 90));
    expect(index(tree, pool, range(20))).toBe(2);
    expect([tree.match(range(20)).blocks, tree.match(range(4, 90)).blocks]).toEqual([2, 0]);
    expect(index(tree, pool, range(20))).toBe(0);
  });

  it('holds at most half of the pool by itself', () => {
    const pool = makePool();
    expect(makeIndex(pool).maxBlocks).toBe(32);
    expect(makeIndex(makePool({ maxShares: 10 })).maxBlocks).toBe(5);
  });
});

describe('PrefixIndex.evict()', () => {
  it('gives an exhausted pool its blocks back', () => {
    const pool = makePool({ totalBlocks: 8 });
    const tree = makeIndex(pool, { maxBlocks: 8 });
    index(tree, pool, range(16));
    pool.freeAgent('a');
    expect(() => pool.allocateSequence(2, 'b')).toThrow(code('EXHAUSTED'));
    expect(tree.evict(2)).toBe(2);
    expect(tree.match(range(16)).blocks).toBe(2);
    expect(pool.allocateSequence(2, 'b').flat()).toHaveLength(4);
    expect([tree.evict(0), tree.evict(7), tree.evict()]).toEqual([0, 2, 0]);
    expect(tree.stats()).toMatchObject({ entries: 0, evictions: 4 });
  });

  it('and a drain its end', async () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    index(tree, pool, range(16));
    pool.freeAgent('a');
    const layout = { totalBlocks: 32, blockBytes: 8, layers: 3 };
    await expect(pool.reconfigure(layout)).rejects.toThrow(code('HELD'));
    tree.evict();
    await pool.reconfigure(layout);
    expect(tree.match(range(16)).blocks).toBe(0);
    expect(index(tree, pool, range(16))).toBe(4);
    expect(tree.borrow(range(16), 'b').handles).toHaveLength(3);
  });
});

describe('PrefixIndex, when its references are gone', () => {
  it('answers nothing after its agent was freed, and drops every entry of then', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    index(tree, pool, range(8));
    index(tree, pool, range(8, 50));
    pool.freeAgent(tree.agent);
    index(tree, pool, range(4, 90));
    expect(tree.match(range(8))).toEqual({ tokens: 0, blocks: 0 });
    expect(tree.stats().entries).toBe(1);
    expect(tree.match(range(4, 90)).blocks).toBe(1);
    expect(index(tree, pool, range(8))).toBe(2);
    expect(heldBy(pool, tree.agent)).toBe(3 * LAYERS);
  });

  it('evicts at the bound what is gone already', () => {
    const pool = makePool();
    const tree = makeIndex(pool, { maxBlocks: 2 * LAYERS });
    index(tree, pool, range(8));
    pool.freeAgent(tree.agent);
    expect(index(tree, pool, range(8, 50))).toBe(2);
    expect(heldBy(pool, tree.agent)).toBe(2 * LAYERS);
    expect(tree.stats().entries).toBe(2);
  });

  it('answers nothing after the pool was reconfigured', async () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    index(tree, pool, range(8));
    for (const agent of ['a', tree.agent]) pool.freeAgent(agent);
    await pool.reconfigure({ totalBlocks: 64, blockBytes: 8, layers: LAYERS });
    expect(tree.borrow(range(8), 'b')).toEqual({ tokens: 0, blocks: 0, handles: [[], []] });
    expect(tree.stats()).toMatchObject({ entries: 0, misses: 1 });
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, held: 0 });
  });

  it('answers nothing after the pool was closed, and closes', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    index(tree, pool, range(8));
    pool.close();
    expect(tree.match(range(8)).blocks).toBe(0);
    expect(tree.borrow(range(8), 'b')).toEqual({ tokens: 0, blocks: 0, handles: [] });
    expect(() => tree.insert(range(8), [[], []], 'a')).toThrow(code('CLOSED'));
    expect([tree.evict(), tree.stats().entries]).toEqual([0, 0]);
    tree.close();
  });
});

describe('PrefixIndex, when a call of the pool fails', () => {
  /** Inserts, evicts and borrows, with the n-th call failing. @returns whether there was an n-th */
  function story(n: number): boolean {
    const pool = makePool();
    const tree = makeIndex(pool, { maxBlocks: 3 * LAYERS });
    let calls = 0;
    for (const name of ['share', 'free', 'freeAgent'] as const) {
      const real = pool[name].bind(pool) as (...args: unknown[]) => never;
      pool[name] = (...args: unknown[]) => {
        if (calls++ === n) throw new Error('lock');
        return real(...args);
      };
    }
    const attempt = (work: () => unknown): void => {
      try {
        work();
      } catch (error) {
        expect(error).toHaveProperty('message', 'lock');
      }
      expect(heldBy(pool, tree.agent)).toBe(tree.stats().entries * LAYERS);
      expect(pool.audit({ deep: true }).ok).toBe(true);
    };
    for (const from of [0, 50, 90]) {
      const handles = fill(pool, range(8), 'a');
      attempt(() => tree.insert(range(8, from), handles, 'a'));
    }
    attempt(() => tree.borrow(range(8, 90), 'b'));
    attempt(() => tree.evict(1));
    attempt(() => tree.close());
    const wasReached = calls > n;
    calls = n + 1;
    for (const agent of ['a', 'b']) pool.freeAgent(agent);
    tree.close();
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, held: 0 });
    return wasReached;
  }

  it('entries and references agree, and nothing is left, whichever it was', () => {
    let n = 0;
    while (story(n)) n++;
    expect(n).toBeGreaterThan(7);
  });
});

describe('PrefixIndex.close()', () => {
  it('frees what it holds and no more, once', () => {
    const pool = makePool();
    const [one, two] = [makeIndex(pool), makeIndex(pool)];
    index(one, pool, range(8));
    index(two, pool, range(8));
    pool.freeAgent('a');
    expect(pool.audit().held).toBe(8);
    one.close();
    one.close();
    expect([one.isClosed, one.stats().entries]).toEqual([true, 0]);
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, held: 4 });
    expect(two.match(range(8)).blocks).toBe(2);
    const uses = [
      () => one.match([]),
      () => one.borrow([], 'b'),
      () => one.evict(),
      () => one.insert([], [[], []], 'a'),
    ];
    for (const use of uses) expect(use).toThrow(code('CLOSED'));
  });

  it('comes with its scope, before the pool that was made before it', async () => {
    const scope = new Scope('engine');
    const pool = makePool({ scope });
    const tree = makeIndex(pool, { scope, name: 'prompts' });
    index(tree, pool, range(8));
    expect(tree.agent).toMatch(/^prompts:/);
    const early = makeIndex(pool, { scope });
    const { size } = scope;
    early.close();
    expect(scope.size).toBe(size - 1);
    await scope.close();
    expect([tree.isClosed, pool.isClosed]).toEqual([true, true]);
    expect(() => makeIndex(makePool(), { scope })).toThrow(/closed/);
  });
});

describe('PrefixIndex refuses', () => {
  it('wrong options', () => {
    const pool = makePool();
    const wrong: [unknown, RegExp][] = [
      [{ blockTokens: 0 }, /blockTokens must be a whole number from 1 to 65536, got 0/],
      [{ maxBlocks: 1 }, /maxBlocks must be a whole number from 2 to 64, got 1/],
      [{ maxEntries: 1 }, /there is no option "maxEntries"/],
      [{ name: 5 }, /name must be a text/],
      [{ name: '' }, /bytes of name must be .* from 1 to 80/],
      [{ name: 'ü'.repeat(41) }, /bytes of name/],
      [{ scope: 1 }, /scope must be a Scope/],
    ];
    for (const [options, message] of wrong) expect(() => new PrefixIndex(pool, options as never)).toThrow(message);
    expect(() => new PrefixIndex({} as never)).toThrow(/pool must be a BlockPool/);
    expect(pool.usage().agents).toEqual([]);
  });

  it('wrong tokens, also behind the part that is looked up', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    const wrong: [unknown, ErrorConstructor | RegExp][] = [
      ['abcd', /tokens must be a Uint32Array/],
      [new Float64Array(4), TypeError],
      [[1, 2, 3, 4, 5.5], /tokens\[4\] must be a whole number from 0 to 4294967295, got 5.5/],
      [[1, 2, 3, 4, '5'], /tokens\[4\] must be a number, not the text "5"/],
      [Int32Array.of(-1), RangeError],
      [[2 ** 32], RangeError],
      [[Number.NaN], RangeError],
      [new Array(4), TypeError],
    ];
    for (const [tokens, message] of wrong) {
      expect(() => tree.match(tokens as never)).toThrow(message);
      expect(() => tree.borrow(tokens as never, 'b')).toThrow(message);
      expect(() => tree.insert(tokens as never, [[], []], 'a')).toThrow(message);
    }
    expect(() => tree.match([], 5 as never)).toThrow(/salt must be a text/);
    expect(() => tree.match([], '\ud800')).toThrow(/salt must be well-formed/);
    expect(() => tree.evict(-1)).toThrow(/count must be a whole number/);
  });

  it('handles that do not fit the tokens', () => {
    const pool = makePool();
    const tree = makeIndex(pool);
    const [first] = pool.allocateSequence(1, 'a');
    const wrong: [unknown, RegExp][] = [
      [first![0], /handles must be an array/],
      [[first], /handles must have a list for each of 2 layers, got 1/],
      [[first, 5], /handles\[1\] must be an array/],
      [[first, []], /handles\[1\] must have a handle for each of 1 full blocks, got 0/],
      [[first, ['x']], /must be a number/],
    ];
    for (const [handles, message] of wrong) expect(() => tree.insert(range(4), handles as never, 'a')).toThrow(message);
    expect(heldBy(pool, tree.agent)).toBe(0);
  });
});

/** A prefix that is indexed, as the plain model knows it: its tokens from the first on, and when it was used last. */
interface Known {
  readonly salt: string;
  readonly tokens: readonly number[];
  used: number;
}

const MAX_ENTRIES = 5;
const SHARES = 40;
const AGENTS = ['a', 'b', 'c'];

/** Every prefix in a list, compared token by token. */
class Plain {
  known: Known[] = [];
  #now = 0;

  #common(a: readonly number[], b: readonly number[]): number {
    let i = 0;
    while (i < a.length && i < b.length && a[i] === b[i]) i++;
    return i;
  }

  match(tokens: readonly number[], salt: string): number {
    const same = this.known.filter((one) => one.salt === salt);
    return Math.max(0, ...same.map((one) => Math.floor(this.#common(one.tokens, tokens) / 4)));
  }

  use(tokens: readonly number[], salt: string, blocks: number): void {
    this.#now++;
    for (const one of this.known) {
      const isOnPath = one.salt === salt && one.tokens.length <= blocks * 4;
      if (isOnPath && this.#common(one.tokens, tokens) === one.tokens.length) one.used = this.#now;
    }
  }

  add(tokens: readonly number[], salt: string, from: number, to: number): void {
    for (let n = from + 1; n <= to; n++) this.known.push({ salt, tokens: tokens.slice(0, n * 4), used: 0 });
    this.use(tokens, salt, to);
  }

  evict(count: number): number {
    for (let i = 0; i < count; i++) {
      const continues = (one: Known, other: Known) =>
        one !== other && one.salt === other.salt && this.#common(one.tokens, other.tokens) === other.tokens.length;
      const leaves = this.known.filter((one) => !this.known.some((other) => continues(other, one)));
      if (leaves.length === 0) return i;
      const oldest = leaves.reduce((a, b) => (b.used < a.used ? b : a));
      this.known = this.known.filter((one) => one !== oldest);
    }
    return count;
  }
}

const agent = fc.constantFrom(...AGENTS);
const salt = fc.constantFrom('', 'tenant');
/** Two ways to go on after each block, so that most sequences begin alike. */
const tokens = fc
  .array(fc.nat(1), { maxLength: 18, size: 'max' })
  .map((bits) => bits.map((bit, i) => (i % 4 === 1 ? bit : 0)));
const command = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('insert' as const), agent, tokens, salt }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('borrow' as const), agent, tokens, salt }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('match' as const), tokens, salt }) },
  fc.record({ kind: fc.constant('evict' as const), count: fc.nat(3) }),
  fc.record({ kind: fc.constant('free' as const), agent }),
  fc.record({ kind: fc.constant('steal' as const) }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** What is written into a block: what a computation over all tokens up to its end would leave. */
function contents(of: readonly number[], itsSalt: string, layer: number): number {
  return createHash('md5').update(`${itsSalt}/${layer}/${of.join()}`).digest()[0]!;
}

function run(pool: BlockPool, tree: PrefixIndex, plain: Plain, step: Command): void {
  if (step.kind === 'evict') {
    expect(tree.evict(step.count)).toBe(plain.evict(step.count));
  } else if (step.kind === 'free') {
    pool.freeAgent(step.agent);
  } else if (step.kind === 'steal') {
    pool.freeAgent(tree.agent);
    // Noticed when any of them is looked at: all go at once.
    for (const one of plain.known.slice()) expect(tree.match(one.tokens, one.salt).blocks).toBe(0);
    plain.known = [];
  } else if (step.kind === 'match') {
    expect(tree.match(step.tokens, step.salt).blocks).toBe(plain.match(step.tokens, step.salt));
  } else if (step.kind === 'borrow') {
    borrow(pool, tree, plain, step);
  } else {
    insert(pool, tree, plain, step);
  }
  expect(pool.audit({ deep: true })).toMatchObject({ ok: true, problems: [] });
  expect(tree.stats().entries).toBe(plain.known.length);
  for (const one of plain.known) expect(tree.match(one.tokens, one.salt).tokens).toBe(one.tokens.length);
  expect(heldBy(pool, tree.agent)).toBe(plain.known.length * LAYERS);
  expect(plain.known.length).toBeLessThanOrEqual(MAX_ENTRIES);
}

function borrow(pool: BlockPool, tree: PrefixIndex, plain: Plain, step: Command & { kind: 'borrow' }): void {
  const blocks = plain.match(step.tokens, step.salt);
  const before = heldBy(pool, step.agent);
  if (pool.usage().freeShares < blocks * LAYERS) {
    expect(() => tree.borrow(step.tokens, step.agent, step.salt)).toThrow(code('TOO_MANY_SHARES'));
    expect(heldBy(pool, step.agent)).toBe(before);
    return;
  }
  const found = tree.borrow(step.tokens, step.agent, step.salt);
  expect([found.blocks, found.tokens]).toEqual([blocks, blocks * 4]);
  plain.use(step.tokens, step.salt, blocks);
  expect(heldBy(pool, step.agent)).toBe(before + blocks * LAYERS);
  for (const [layer, list] of found.handles.entries()) {
    const bytes = list.map((handle) => pool.data(handle)[0]);
    expect(bytes).toEqual(range(blocks).map((n) => contents(step.tokens.slice(0, (n + 1) * 4), step.salt, layer)));
    // Written over, in a copy: what is indexed must not change by it.
    if (list.length > 0 && pool.audit().free > 0) pool.data(pool.writable(list[0]!, step.agent)).fill(255);
  }
}

function insert(pool: BlockPool, tree: PrefixIndex, plain: Plain, step: Command & { kind: 'insert' }): void {
  const full = Math.floor(step.tokens.length / 4);
  if (pool.audit().free < full * LAYERS) return;
  const handles = pool.allocateSequence(full, step.agent);
  for (const [layer, list] of handles.entries()) {
    for (const [n, handle] of list.entries()) {
      pool.data(handle).fill(contents(step.tokens.slice(0, (n + 1) * 4), step.salt, layer));
    }
  }
  const from = plain.match(step.tokens, step.salt);
  const to = Math.max(from, Math.min(full, MAX_ENTRIES));
  plain.use(step.tokens, step.salt, from);
  if (to > from) plain.evict(Math.max(0, plain.known.length + to - from - MAX_ENTRIES));
  const shares = SHARES - sharesHeld(pool, tree) - plain.known.length * LAYERS;
  const use = () => tree.insert(step.tokens, handles, step.agent, step.salt);
  if (shares < (to - from) * LAYERS) expect(use).toThrow(code('TOO_MANY_SHARES'));
  else {
    expect(use()).toBe(to - from);
    plain.add(step.tokens, step.salt, from, to);
  }
}

/** Shares of all but the index. */
function sharesHeld(pool: BlockPool, tree: PrefixIndex): number {
  return SHARES - pool.usage().freeShares - heldBy(pool, tree.agent);
}

it('a PrefixIndex and a list of all prefixes agree over random commands; nothing is left', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 40, size: 'max' }), (steps) => {
      const pool = new BlockPool({ totalBlocks: 60, blockBytes: 1, layers: LAYERS, maxShares: SHARES, maxAgents: 8 });
      const tree = new PrefixIndex(pool, { blockTokens: 4, maxBlocks: MAX_ENTRIES * LAYERS });
      const plain = new Plain();
      try {
        for (const step of steps) run(pool, tree, plain, step);
        for (const one of AGENTS) pool.freeAgent(one);
        tree.close();
        expect(pool.audit({ deep: true })).toMatchObject({ ok: true, held: 0 });
        expect(pool.usage()).toMatchObject({ references: 0, freeShares: SHARES });
      } finally {
        tree.close();
        pool.close();
      }
    }),
    { numRuns: 150 },
  );
});
