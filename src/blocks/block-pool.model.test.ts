import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockPool } from './index.js';

const TOTAL = 12;
const SHARES = 6;
const WINDOW = 4;
const AGENTS = ['a', 'b', 'c'];

/** A reference as the plain model knows it: its block is one object, shared by those who share it. */
interface Held {
  readonly handle: number;
  readonly layer: number;
  readonly block: { byte: number };
  readonly isShare: boolean;
}

/** What a pool is, in arrays. */
class Plain {
  readonly held = new Map<string, Held[]>(AGENTS.map((agent) => [agent, []]));

  of(agent: string): Held[] {
    return this.held.get(agent)!;
  }

  get all(): Held[] {
    return [...this.held.values()].flat();
  }

  get free(): number {
    return TOTAL - new Set(this.all.map(({ block }) => block)).size;
  }

  get shares(): number {
    return this.all.filter(({ isShare }) => isShare).length;
  }

  fits(agent: string, layer: number, count: number): boolean {
    return layer !== 0 || this.of(agent).filter((one) => one.layer === 0).length + count <= WINDOW;
  }
}

const agent = fc.constantFrom(...AGENTS);
const command = fc.oneof(
  fc.record({ kind: fc.constant('allocate' as const), agent, layer: fc.nat(1), count: fc.nat(5) }),
  fc.record({ kind: fc.constant('sequence' as const), agent, first: fc.nat(3), second: fc.nat(3) }),
  fc.record({ kind: fc.constant('free' as const), agent, from: fc.nat(6), count: fc.nat(4), isSpoiled: fc.boolean() }),
  fc.record({ kind: fc.constant('freeAgent' as const), agent }),
  fc.record({ kind: fc.constant('share' as const), agent, to: agent, count: fc.nat(3) }),
  fc.record({ kind: fc.constant('write' as const), agent, which: fc.nat(6), byte: fc.nat(255) }),
  fc.record({ kind: fc.constant('adopt' as const), agent }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** The code of the refusal, or '' and what `done` makes of the result. */
function attempt<T>(use: () => T, done: (result: T) => void): string {
  let result: T;
  try {
    result = use();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  done(result);
  return '';
}

function run(pool: BlockPool, plain: Plain, step: Command): void {
  const mine = plain.of(step.agent);
  const fresh = (layer: number) => (handle: number) => ({
    handle,
    layer,
    block: { byte: pool.data(handle)[0] },
    isShare: false,
  });
  if (step.kind === 'allocate') {
    const fits = plain.fits(step.agent, step.layer, step.count);
    const expected = step.count > plain.free ? 'WT_BLOCKS_EXHAUSTED' : fits ? '' : 'WT_BLOCKS_WINDOW';
    const done = (handles: number[]) => mine.push(...handles.map(fresh(step.layer)));
    expect(attempt(() => pool.allocate(step.count, step.layer, step.agent), done)).toBe(expected);
  } else if (step.kind === 'sequence') {
    const isOk = plain.fits(step.agent, 0, step.first) && step.first + step.second <= plain.free;
    const done = (handles: number[][]) => mine.push(...handles.flatMap((list, layer) => list.map(fresh(layer))));
    const refusal = attempt(() => pool.allocateSequence([step.first, step.second], step.agent), done);
    expect(refusal === '').toBe(isOk);
  } else if (step.kind === 'free') {
    const chosen = mine.slice(step.from, step.from + step.count);
    const handles = chosen.map(({ handle }) => handle);
    if (step.isSpoiled && handles.length > 0) {
      expect(
        attempt(
          () => pool.free([...handles, handles[0]], step.agent),
          () => {},
        ),
      ).toBe('WT_BLOCKS_DOUBLE_FREE');
      return;
    }
    pool.free(handles, step.agent);
    mine.splice(step.from, step.count);
  } else if (step.kind === 'freeAgent') {
    expect(pool.freeAgent(step.agent)).toBe(mine.length);
    mine.length = 0;
  } else if (step.kind === 'share') runShare(pool, plain, step.agent, step.to, step.count);
  else if (step.kind === 'write') runWrite(pool, plain, mine[step.which], step.agent, step.byte);
  else {
    attempt(
      () => pool.handOver(step.agent),
      () => {},
    );
    attempt(
      () => pool.adopt(step.agent),
      (count) => expect(count).toBe(mine.length),
    );
  }
}

function runShare(pool: BlockPool, plain: Plain, from: string, to: string, count: number): void {
  const chosen = plain.of(from).slice(0, count);
  const inWindow = plain.fits(to, 0, chosen.filter(({ layer }) => layer === 0).length);
  const expected =
    plain.shares + chosen.length > SHARES ? 'WT_BLOCKS_TOO_MANY_SHARES' : inWindow ? '' : 'WT_BLOCKS_WINDOW';
  const handles = chosen.map(({ handle }) => handle);
  const done = (shared: number[]) =>
    plain.of(to).push(...chosen.map((one, i) => ({ ...one, handle: shared[i], isShare: true })));
  expect(attempt(() => pool.share(handles, from, to), done)).toBe(expected);
}

function runWrite(pool: BlockPool, plain: Plain, one: Held | undefined, agent: string, byte: number): void {
  if (!one) return;
  const isShared = plain.all.filter(({ block }) => block === one.block).length > 1;
  const done = (handle: number) => {
    expect(handle === one.handle).toBe(!isShared);
    pool.data(handle)[0] = byte;
    const list = plain.of(agent);
    const changed = isShared ? { ...one, handle, block: { byte }, isShare: false } : one;
    changed.block.byte = byte;
    list[list.indexOf(one)] = changed;
  };
  const expected = isShared && plain.free === 0 ? 'WT_BLOCKS_EXHAUSTED' : '';
  expect(attempt(() => pool.writable(one.handle, agent), done)).toBe(expected);
}

function compare(pool: BlockPool, plain: Plain): void {
  expect(pool.audit({ deep: true })).toMatchObject({
    ...{
      ok: true,
      problems: [],
      total: TOTAL,
      free: plain.free,
      held: TOTAL - plain.free,
      references: plain.all.length,
    },
  });
  const blocks = new Map<object, number>();
  for (const { handle, block } of plain.all) {
    expect(pool.data(handle)[0]).toBe(block.byte);
    const index = pool.blockIndex(handle);
    expect(blocks.get(block) ?? index).toBe(index);
    blocks.set(block, index);
  }
  expect(new Set(blocks.values()).size).toBe(blocks.size);
}

describe('BlockPool', () => {
  it('does what a plain model of it does, whatever is asked', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60, size: 'max' }), (commands) => {
        const pool = new BlockPool({
          ...{ totalBlocks: TOTAL, blockBytes: 8, layers: [{ windowBlocks: WINDOW }, {}], maxLayers: 2 },
          ...{ maxShares: SHARES, maxAgents: 4, maxParticipants: 2 },
        });
        const plain = new Plain();
        try {
          for (const step of commands) {
            run(pool, plain, step);
            compare(pool, plain);
          }
        } finally {
          pool.close();
        }
      }),
      { numRuns: 300 },
    );
  });
});
