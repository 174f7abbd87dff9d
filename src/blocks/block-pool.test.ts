import { afterEach, describe, expect, it } from 'vitest';
import { Scope } from '../scope/index.js';
import { Segment } from '../shm/index.js';
import { BlockPool, type BlockPoolOptions } from './index.js';

const made: BlockPool[] = [];

function makePool(options: Partial<BlockPoolOptions> = {}): BlockPool {
  const pool = new BlockPool({ totalBlocks: 10, blockBytes: 16, layers: 2, maxAgents: 8, maxLayers: 4, ...options });
  made.push(pool);
  return pool;
}

afterEach(() => {
  for (const pool of made.splice(0)) pool.close();
});

/** Everything that can be seen of a pool. */
function picture(pool: BlockPool): unknown {
  const { free, held, references, agents, perLayer } = pool.usage();
  return { free, held, references, agents: agents.filter((one) => one.references > 0), perLayer };
}

const code = (expected: string) => expect.objectContaining({ code: `WT_BLOCKS_${expected}` });

describe('what a trial of strangers broke', () => {
  it('two drains of one pool: the second is refused, and a drain that ends leaves none', async () => {
    const pool = makePool();
    const handles = pool.allocate(1, 0, 'a');
    const layout = { totalBlocks: 10, blockBytes: 16, layers: 2, drain: true };
    const first = pool.reconfigure({ ...layout, timeoutMs: 30 });
    await expect(pool.reconfigure({ ...layout, timeoutMs: 5000 })).rejects.toThrow(code('DRAINING'));
    await expect(first).rejects.toThrow(code('HELD'));
    expect(pool.allocate(1, 0, 'a')).toHaveLength(1);
    pool.free(handles, 'a');
  });

  it('a handle that runs code of its own is refused before the lock', () => {
    const pool = makePool();
    const [handle] = pool.allocate(2, 0, 'a');
    const evil = { valueOf: () => pool.allocate(1, 1, 'evil')[0] } as unknown as number;
    expect(() => pool.free([handle!, evil], 'a')).toThrow(/free\(\): handles\[1\] must be a number, not/);
    expect(() => pool.share([evil], 'a', 'b')).toThrow(TypeError);
    expect(() => pool.writable(evil, 'a')).toThrow(TypeError);
    expect(() => pool.data(5n as never)).toThrow(TypeError);
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, held: 2, problems: [] });
  });

  it('a data segment that its owner closes is still the memory of every participant', () => {
    const segment = Segment.create({ bytes: 160 });
    const pool = makePool({ data: segment });
    const other = BlockPool.attach(pool.handle);
    made.push(other);
    const [handle] = pool.allocate(1, 0, 'a');
    segment.close();
    pool.data(handle!).fill(9);
    expect(other.data(handle!)[0]).toBe(9);
  });

  it('nothing is freed for nobody', () => {
    const pool = makePool();
    pool.free([], 'nobody');
    expect(picture(pool)).toMatchObject({ free: 10, agents: [] });
  });
});

describe('BlockPool.allocate()', () => {
  it('gives handles of different blocks, and takes all or none', () => {
    const pool = makePool();
    const handles = pool.allocate(6, 0, 'a');
    expect(new Set(handles.map((handle) => pool.blockIndex(handle))).size).toBe(6);
    expect(() => pool.allocate(5, 0, 'b')).toThrow(code('EXHAUSTED'));
    expect(() => pool.allocate(5, 0, 'b')).toThrow('Cannot take 5 blocks as only 4 of 10 are free');
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, free: 4, held: 6, total: 10, references: 6 });
    expect(pool.allocate(0, 1, 'b')).toEqual([]);
  });

  it('keeps each agent within the window of a layer', () => {
    const pool = makePool({ layers: [{ windowBlocks: 4 }, {}] });
    const handles = pool.allocate(4, 0, 'a');
    expect(() => pool.allocate(1, 0, 'a')).toThrow(code('WINDOW'));
    pool.allocate(1, 1, 'a');
    pool.allocate(4, 0, 'b');
    pool.free([handles[0]], 'a');
    pool.allocate(1, 0, 'a');
    expect(() => pool.share(handles.slice(1, 2), 'a', 'b')).toThrow(code('WINDOW'));
    expect(pool.audit({ deep: true }).ok).toBe(true);
  });

  it('takes nothing for 200 callers when all is held', () => {
    const pool = makePool({ totalBlocks: 100, maxAgents: 300 });
    let succeeded = 0;
    for (let i = 0; i < 200; i++) {
      try {
        pool.allocate(1, 0, `agent ${i}`);
        succeeded++;
      } catch (error) {
        expect(error).toEqual(code('EXHAUSTED'));
      }
    }
    expect(succeeded).toBe(100);
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, free: 0 });
  });

  it('uses entries of agents that hold nothing again, and refuses more than hold blocks', () => {
    const pool = makePool({ maxAgents: 2 });
    for (let i = 0; i < 20; i++) pool.free(pool.allocate(1, 0, `agent ${i}`), `agent ${i}`);
    pool.allocate(1, 0, 'a');
    pool.allocate(1, 0, 'b');
    expect(() => pool.allocate(1, 0, 'c')).toThrow(code('TOO_MANY_AGENTS'));
    pool.freeAgent('a');
    pool.allocate(1, 0, 'c');
    expect(
      pool
        .usage()
        .agents.map(({ name }) => name)
        .sort(),
    ).toEqual(['b', 'c']);
  });
});

describe('BlockPool.allocateSequence()', () => {
  it('takes every layer or nothing, whichever cannot be had', () => {
    const pool = makePool({ layers: [{ windowBlocks: 3 }, {}, { windowBlocks: 2 }] });
    const before = picture(pool);
    expect(() => pool.allocateSequence([4, 1, 1], 'a')).toThrow(code('WINDOW'));
    expect(() => pool.allocateSequence([1, 1, 3], 'a')).toThrow(/layer 2/);
    expect(() => pool.allocateSequence([3, 6, 2], 'a')).toThrow(code('EXHAUSTED'));
    expect(picture(pool)).toEqual(before);
    expect(pool.allocateSequence([3, 5, 2], 'a').map((handles) => handles.length)).toEqual([3, 5, 2]);
    expect(pool.usage()).toMatchObject({ free: 0, perLayer: [3, 5, 2] });
    pool.freeAgent('a');
    expect(pool.allocateSequence(2, 'a')).toHaveLength(3);
  });
});

describe('BlockPool.free()', () => {
  it('changes nothing when one of the handles is wrong', () => {
    const pool = makePool();
    const a = pool.allocate(3, 0, 'a');
    const [b] = pool.allocate(1, 0, 'b');
    const [gone] = pool.allocate(1, 0, 'a');
    pool.free([gone], 'a');
    const before = picture(pool);
    expect(() => pool.free([a[0], a[1], gone], 'a')).toThrow(code('DOUBLE_FREE'));
    expect(() => pool.free([a[0], a[1], a[0]], 'a')).toThrow(code('DOUBLE_FREE'));
    expect(() => pool.free([a[0], b], 'a')).toThrow(/is b's/);
    expect(() => pool.free([a[0], 12345678901], 'a')).toThrow(code('STALE_HANDLE'));
    expect(() => pool.free([a[0], Number.NaN], 'a')).toThrow(code('STALE_HANDLE'));
    expect(() => pool.free([a[0], -1], 'a')).toThrow(code('STALE_HANDLE'));
    expect(() => pool.free([a[0] + 0.5], 'a')).toThrow(code('STALE_HANDLE'));
    expect(() => pool.free([a[0], '1'] as never, 'a')).toThrow(TypeError);
    expect(() => pool.free(a, 'nobody')).toThrow(code('FOREIGN_HANDLE'));
    expect(picture(pool)).toEqual(before);
    pool.free(a, 'a');
    expect(pool.audit({ deep: true }).ok).toBe(true);
  });

  it('refuses the handle of a block that was given out again, to the same agent too', () => {
    const pool = makePool({ totalBlocks: 1 });
    const [old] = pool.allocate(1, 0, 'a');
    pool.free([old], 'a');
    const [now] = pool.allocate(1, 0, 'a');
    expect(pool.blockIndex(now)).toBe(0);
    expect(() => pool.free([old], 'a')).toThrow(code('STALE_HANDLE'));
    expect(() => pool.data(old)).toThrow(code('STALE_HANDLE'));
    expect(() => pool.writable(old, 'a')).toThrow(code('STALE_HANDLE'));
    expect(() => pool.share([old], 'a', 'b')).toThrow(code('STALE_HANDLE'));
    pool.free([now], 'a');
  });
});

describe('BlockPool.share(), writable()', () => {
  it('holds a block until its last reference is free, in whatever order', () => {
    const pool = makePool();
    const [first] = pool.allocate(1, 1, 'a');
    const [second] = pool.share([first], 'a', 'b');
    const [third] = pool.share([second], 'b', 'b');
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, held: 1, references: 3 });
    pool.free([first], 'a');
    expect(pool.blockIndex(third)).toBe(0);
    expect(pool.freeAgent('b')).toBe(2);
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, held: 0, references: 0 });
  });

  it('copies on write only while somebody else refers to the block', () => {
    const pool = makePool();
    const [first] = pool.allocate(1, 0, 'a');
    expect(pool.writable(first, 'a')).toBe(first);
    pool.data(first).fill(7);
    const [shared] = pool.share([first], 'a', 'b');
    const own = pool.writable(shared, 'b');
    pool.data(own)[0] = 8;
    expect([pool.data(first)[0], pool.data(own)[0], pool.data(own)[15]]).toEqual([7, 8, 7]);
    expect(() => pool.data(shared)).toThrow(code('STALE_HANDLE'));
    expect(pool.writable(first, 'a')).toBe(first);
    const [again] = pool.share([first], 'a', 'b');
    pool.free([first], 'a');
    expect(pool.writable(again, 'b')).toBe(again);
    expect(pool.audit({ deep: true }).ok).toBe(true);
  });

  it('refuses more shares than there is room for, and copies without a free block', () => {
    const pool = makePool({ totalBlocks: 2, maxShares: 1 });
    const handles = pool.allocate(2, 0, 'a');
    expect(() => pool.share(handles, 'a', 'b')).toThrow(code('TOO_MANY_SHARES'));
    const [shared] = pool.share([handles[0]], 'a', 'b');
    expect(() => pool.writable(shared, 'b')).toThrow(code('EXHAUSTED'));
    expect(() => pool.share([handles[0]], 'b', 'c')).toThrow(code('TOO_MANY_SHARES'));
  });
});

describe('BlockPool.keep(), handOver(), adopt()', () => {
  it('leaves an agent to its owner until that one gives it up', () => {
    const pool = makePool();
    const other = BlockPool.attach(pool.handle);
    const handles = pool.allocate(2, 0, 'a');
    for (const use of [
      () => other.allocate(1, 0, 'a'),
      () => other.free(handles, 'a'),
      () => other.freeAgent('a'),
      () => other.adopt('a'),
      () => other.handOver('a'),
      () => other.writable(handles[0], 'a'),
    ]) {
      expect(use).toThrow(code('AGENT_HELD'));
    }
    pool.data(handles[0])[0] = 5;
    pool.handOver('a');
    expect(() => other.allocate(1, 0, 'a')).toThrow(/no owner/);
    expect(other.adopt('a')).toBe(2);
    expect(other.data(handles[0])[0]).toBe(5);
    expect(() => pool.free(handles, 'a')).toThrow(code('AGENT_HELD'));
    other.free(handles, 'a');
    expect(() => other.adopt('nobody')).toThrow(code('UNKNOWN_AGENT'));
    other.close();
  });

  it('frees what one who closes owns, except what is kept', () => {
    const pool = makePool();
    const other = BlockPool.attach(pool.handle);
    other.allocate(2, 0, 'gone');
    const kept = other.allocate(3, 1, 'kept');
    other.keep('kept');
    other.close();
    expect(pool.usage()).toMatchObject({ held: 3, agents: [{ name: 'kept', pid: 0 }] });
    expect(pool.adopt('kept')).toBe(3);
    pool.free(kept, 'kept');
    expect(pool.audit({ deep: true }).ok).toBe(true);
  });

  it('keeps every agent of one that says so', () => {
    const pool = makePool();
    const other = BlockPool.attach(pool.handle, { onOwnerDeath: 'keep' });
    other.allocate(1, 0, 'a');
    other.close();
    expect(pool.freeAgent('a')).toBe(1);
    expect(pool.freeAgent('a')).toBe(0);
  });
});

describe('BlockPool.reconfigure()', () => {
  it('is refused while anything is held, then changes everything, and refuses old handles', async () => {
    const pool = makePool({ totalBlocks: 10, blockBytes: 16 });
    const other = BlockPool.attach(pool.handle);
    const handles = pool.allocate(1, 0, 'a');
    const next = { totalBlocks: 5, blockBytes: 32, layers: 3 };
    await expect(pool.reconfigure(next)).rejects.toThrow(/1 of 10 blocks are held: a/);
    pool.free(handles, 'a');
    await pool.reconfigure(next);
    expect(() => other.free(handles, 'a')).toThrow(code('STALE_HANDLE'));
    const [handle] = other.allocate(5, 2, 'b');
    expect(other.data(handle)).toHaveLength(32);
    expect(other.usage()).toMatchObject({ epoch: 1, totalBlocks: 5, blockBytes: 32, layers: 3, free: 0 });
    await expect(pool.reconfigure({ totalBlocks: 10, blockBytes: 17, layers: 1 })).rejects.toThrow(RangeError);
    other.close();
    await pool.reconfigure({ totalBlocks: 10, blockBytes: 16, layers: 1 });
    expect(pool.audit({ deep: true })).toMatchObject({ ok: true, total: 10 });
  });

  it('drains: nothing is allocated meanwhile, and all is as before when it takes too long', async () => {
    const pool = makePool();
    const other = BlockPool.attach(pool.handle);
    const handles = other.allocate(1, 0, 'a');
    const next = { totalBlocks: 5, blockBytes: 32, layers: 1, drain: true };
    await expect(pool.reconfigure({ ...next, timeoutMs: 5 })).rejects.toEqual(code('HELD'));
    other.free(other.allocate(1, 0, 'b'), 'b');
    const drained = pool.reconfigure(next);
    expect(() => other.allocate(1, 0, 'b')).toThrow(code('DRAINING'));
    await expect(other.reconfigure(next)).rejects.toEqual(code('DRAINING'));
    other.free(handles, 'a');
    await drained;
    expect(other.allocate(5, 0, 'b')).toHaveLength(5);
    other.close();
  });

  it('is given up when the pool closes while it drains', async () => {
    const pool = makePool();
    const other = BlockPool.attach(pool.handle);
    other.allocate(1, 0, 'a');
    const drained = pool.reconfigure({ totalBlocks: 5, blockBytes: 32, layers: 1, drain: true });
    pool.close();
    await expect(drained).rejects.toEqual(code('CLOSED'));
    expect(other.allocate(1, 0, 'a')).toHaveLength(1);
    other.close();
  });
});

describe('BlockPool', () => {
  it('has no data where none was asked for, or that of another segment', () => {
    const pool = makePool({ data: false });
    expect(() => pool.data(pool.allocate(1, 0, 'a')[0])).toThrow(code('NO_DATA'));
    const segment = Segment.create({ bytes: 160 });
    const elsewhere = makePool({ data: segment });
    const other = BlockPool.attach(elsewhere.handle);
    const [handle] = elsewhere.allocate(1, 0, 'a');
    elsewhere.data(handle).fill(3);
    expect(other.data(handle)[15]).toBe(3);
    expect(new Uint8Array(segment.buffer, 0, 1)[0]).toBe(3);
    expect(() => makePool({ data: Segment.create({ bytes: 159 }) })).toThrow(RangeError);
    other.close();
  });

  it('refuses more participants than there is room for, until one closes', () => {
    const pool = makePool({ maxParticipants: 2 });
    const other = BlockPool.attach(pool.handle);
    expect(() => BlockPool.attach(pool.handle)).toThrow(code('TOO_MANY_PARTICIPANTS'));
    other.close();
    other.close();
    BlockPool.attach(pool.handle).close();
    expect(() => other.allocate(1, 0, 'a')).toThrow(code('CLOSED'));
  });

  it('closes with its scope, and leaves at once when that has closed already', async () => {
    const pool = makePool();
    const scope = new Scope('owner');
    const other = BlockPool.attach(pool.handle, { scope });
    other.allocate(2, 0, 'a');
    expect((await scope.close()).status).toBe('completed');
    expect(other.isClosed).toBe(true);
    expect(() => BlockPool.attach(pool.handle, { scope })).toThrow(
      expect.objectContaining({ code: 'WT_SCOPE_CLOSED' }),
    );
    expect(pool.usage()).toMatchObject({ held: 0, participants: [{ isMe: true }] });
  });

  it('says nothing that its module comment does not do', () => {
    const pool = new BlockPool({ totalBlocks: 1000, blockBytes: 4096, layers: 4 });
    const [first] = pool.allocate(10, 0, 'session-1');
    pool.data(first).fill(7);
    const [shared] = pool.share([first], 'session-1', 'session-2');
    const own = pool.writable(shared, 'session-2');
    expect([pool.data(own)[0], pool.audit({ deep: true }).ok]).toEqual([7, true]);
    pool.close();
  });

  it('refuses memory that is no pool', () => {
    const pool = makePool();
    const { handle } = pool;
    const words = { ...handle, segment: Segment.create({ bytes: handle.segment.bytes }).handle };
    expect(() => BlockPool.attach(words)).toThrow(code('LAYOUT'));
    expect(() => BlockPool.attach({ ...handle, capacity: { ...handle.capacity, agents: 9000 } })).toThrow(
      code('LAYOUT'),
    );
    expect(() => BlockPool.attach({ ...handle, capacity: { ...handle.capacity, agents: 7 } })).toThrow(code('LAYOUT'));
    expect(() => BlockPool.attach({} as never)).toThrow(TypeError);
  });

  it.each([
    [
      () => new BlockPool({ totalBlocks: 0, blockBytes: 1, layers: 1 }),
      'totalBlocks must be a whole number from 1 to 16777216, got 0',
    ],
    [() => makePool({ blockBytes: 1.5 }), 'blockBytes must be a whole number'],
    [() => makePool({ layers: 2000 }), 'layers must be a whole number from 1 to'],
    [() => makePool({ layers: [{ windowBlock: 1 } as never] }), 'there is no option "windowBlock"'],
    [() => makePool({ onOwnerDeath: 'drop' as never }), 'onOwnerDeath must be free or keep'],
    [() => makePool({ size: 1 } as never), 'there is no option "size"'],
    [() => makePool().allocate(-1, 0, 'a'), 'count must be a whole number'],
    [() => makePool().allocate(1.5, 0, 'a'), 'count must be a whole number'],
    [() => makePool().allocate(1, 2, 'a'), 'layer must be a whole number from 0 to 1, got 2'],
    [() => makePool().allocate(1, 0, ''), 'agent must be 1 to 120 bytes of UTF-8'],
    [() => makePool().allocate(1, 0, 'é'.repeat(61)), 'agent must be 1 to 120 bytes of UTF-8'],
    [() => makePool().allocate(1, 0, 5 as never), 'agent must be a text, not the number 5'],
    [() => makePool().free(5 as never, 'a'), 'handles must be an array'],
    [() => makePool().allocateSequence([1], 'a'), 'counts must have a number for each of 2 layers'],
  ])('says which argument is wrong, %#', (use, message) => {
    expect(use).toThrow(message as string);
  });

  it('tells names of 120 bytes apart, in every script', () => {
    const pool = makePool();
    const names = ['a', 'é'.repeat(60), `${'é'.repeat(59)}ab`, '会话-1', '🙂'];
    for (const name of names) pool.allocate(1, 0, name);
    expect(pool.usage().agents.map(({ name }) => name)).toEqual(names);
  });
});

describe('BlockPool.isLive() and layers', () => {
  it('a handle lives until it is freed, whoever asks; a number that is none does not', () => {
    const pool = makePool();
    const other = BlockPool.attach(pool.handle);
    made.push(other);
    const [handle, second] = pool.allocate(2, 0, 'a');
    const [shared] = pool.share([handle!], 'a', 'b');
    expect([handle, shared].map((one) => other.isLive(one!))).toEqual([true, true]);
    pool.free([handle!], 'a');
    expect([handle, shared, second].map((one) => pool.isLive(one!))).toEqual([false, true, true]);
    for (const none of [-1, 0.5, 2 ** 53, Number.NaN]) expect(pool.isLive(none)).toBe(false);
    expect(() => pool.isLive('1' as never)).toThrow(TypeError);
    for (const agent of ['a', 'b']) pool.freeAgent(agent);
    pool.allocate(2, 0, 'a');
    expect(pool.isLive(handle!)).toBe(false);
  });

  it('none outlives a reconfiguration, and layers tells the new number', async () => {
    const pool = makePool();
    const [handle] = pool.allocate(1, 0, 'a');
    pool.freeAgent('a');
    expect(pool.layers).toBe(2);
    await pool.reconfigure({ totalBlocks: 10, blockBytes: 16, layers: 3 });
    expect(pool.layers).toBe(3);
    const again = pool.allocate(10, 0, 'a');
    expect([pool.isLive(handle!), pool.isLive(again[0]!)]).toEqual([false, true]);
    pool.close();
    expect(() => pool.layers).toThrow(code('CLOSED'));
    expect(() => pool.isLive(handle!)).toThrow(code('CLOSED'));
  });
});
