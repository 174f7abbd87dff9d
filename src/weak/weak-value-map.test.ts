import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WeakValueMap } from './weak-value-map.js';

const collect = () => (globalThis as { gc?: () => void }).gc!();
/** A new task: what the last one read through a WeakRef is no longer kept for it. Finalizers run in tasks of their own. */
const turn = () => new Promise(setImmediate);

interface Value {
  readonly name: string;
}

test('WeakValueMap agrees with a Map of what is still held, for every order of calls and collections', async () => {
  const command = fc.record({
    call: fc.constantFrom('set', 'set', 'set', 'get', 'delete', 'drop', 'drop', 'collect', 'sweep', 'clear'),
    key: fc.nat({ max: 5 }),
    value: fc.nat({ max: 7 }),
  });
  await fc.assert(fc.asyncProperty(fc.array(command, { maxLength: 25 }), run), { numRuns: 60 });
});

type Command = { readonly call: string; readonly key: number; readonly value: number };

async function run(commands: Command[]): Promise<void> {
  const twins = new Twins();
  for (const command of commands) {
    twins.apply(command);
    if (command.call === 'drop' || command.call === 'collect') {
      await turn();
      collect();
      if (command.call === 'collect') await turn();
    }
    twins.compare();
  }
}

/** The map and what it must agree with. Values are held by `#held` only: no async function may have one in a variable. */
class Twins {
  readonly #map = new WeakValueMap<number, Value>();
  readonly #held = new Map<number, Value>();
  /** Keys with the number of their value. */
  readonly #model = new Map<number, number>();

  apply({ call, key, value }: Command): void {
    if (call === 'set') {
      if (!this.#held.has(value)) this.#held.set(value, { name: `${value}` });
      this.#map.set(key, this.#held.get(value)!);
      this.#model.set(key, value);
    } else if (call === 'get') {
      const expected = this.#model.get(key);
      expect(this.#map.get(key)).toBe(expected === undefined ? undefined : this.#held.get(expected));
    } else if (call === 'delete') {
      expect(this.#map.delete(key)).toBe(this.#model.delete(key));
    } else if (call === 'clear') {
      this.#map.clear();
      this.#model.clear();
    } else if (call === 'sweep') {
      expect(this.#map.sweep()).toBe(this.#model.size);
      expect(this.#map.size).toBe(this.#model.size);
    } else if (call === 'drop') {
      this.#held.delete(value);
      for (const [one, of] of [...this.#model]) if (of === value) this.#model.delete(one);
    }
  }

  compare(): void {
    const names = [...this.#model.values()].map(String).sort();
    expect([...this.#map.keys()].sort()).toEqual([...this.#model.keys()].sort());
    expect([...this.#map.values()].map(({ name }) => name).sort()).toEqual(names);
    for (const [one, { name }] of this.#map.entries()) expect(name).toBe(String(this.#model.get(one)));
    expect(this.#map.size).toBe(this.#model.size);
    for (let one = 0; one < 6; one++) expect(this.#map.has(one)).toBe(this.#model.has(one));
  }
}

/** `count` entries whose values are collected and whose finalizers have not run yet. */
async function deadEntries(count: number): Promise<WeakValueMap<number, Value>> {
  const map = new WeakValueMap<number, Value>();
  (() => {
    for (let key = 0; key < count; key++) map.set(key, { name: `${key}` });
  })();
  await turn();
  collect();
  expect(map.size).toBe(count);
  return map;
}

describe('WeakValueMap', () => {
  test('gives out no dead value before its finalizer has run, and drops its key', async () => {
    const map = await deadEntries(10);
    expect(map.get(0)).toBeUndefined();
    expect(map.has(1)).toBe(false);
    expect(map.delete(2)).toBe(false);
    expect(map.size).toBe(7);
    expect([...map]).toEqual([]);
    expect(map.size).toBe(0);
  });

  test('sweep() drops the dead and gives the number of the living', async () => {
    const map = await deadEntries(10);
    const alive = { name: 'alive' };
    map.set(3, alive);
    expect(map.sweep()).toBe(1);
    expect([...map.values()]).toEqual([alive]);
  });

  test('set() sweeps when the entries have doubled, without any finalizer', async () => {
    const map = await deadEntries(64);
    const alive = { name: 'alive' };
    map.set(100, alive);
    expect(map.size).toBe(1);
    // A key that is there already makes no new entry.
    const full = await deadEntries(64);
    full.set(5, alive);
    expect(full.size).toBe(64);
  });

  test('set() sweeps no sooner than that, so that its cost is spread', async () => {
    const map = new WeakValueMap<string, Value>();
    const alive = Array.from({ length: 100 }, (_, i) => ({ name: `${i}` }));
    for (const value of alive) map.set(value.name, value);
    expect(map.sweep()).toBe(100);
    (() => {
      for (let i = 0; i < 50; i++) map.set(`dead ${i}`, { name: 'dead' });
    })();
    await turn();
    collect();
    map.set('last', alive[0]!);
    expect(map.size).toBe(151);
  });

  test('drops the keys of collected values by itself', async () => {
    const map = await deadEntries(60);
    while (map.size > 0) {
      await turn();
      collect();
    }
    expect([...map]).toEqual([]);
  });

  test('a key that has got another value keeps it when the old one is collected', async () => {
    const map = await deadEntries(1);
    const replacement = { name: 'new' };
    map.set(0, replacement);
    for (let i = 0; i < 5; i++) {
      await turn();
      collect();
    }
    expect(map.get(0)).toBe(replacement);
  });

  test('is collected itself while its values live', async () => {
    const value = { name: 'alive' };
    const map = (() => new WeakRef(new WeakValueMap<number, Value>().set(1, value)))();
    while (map.deref() !== undefined) {
      await turn();
      collect();
    }
    expect(value.name).toBe('alive');
  });

  test('setting and deleting one value a million times leaves nothing behind', () => {
    const map = new WeakValueMap<number, Value>();
    const value = { name: 'one' };
    const cycle = (times: number) => {
      for (let i = 0; i < times; i++) map.set(i, value).delete(i);
      collect();
      return process.memoryUsage().heapUsed;
    };
    return (async () => {
      cycle(100_000);
      await turn();
      const before = cycle(1);
      for (let round = 0; round < 5; round++) {
        cycle(40_000);
        await turn();
      }
      // 200,000 registrations of 160 bytes would be 32 MB.
      expect(cycle(1) - before).toBeLessThan(500_000);
    })();
  });

  test('refuses values that are no objects', () => {
    const map = new WeakValueMap<string, object>();
    for (const [wrong, kind] of [
      [5, 'the number 5'],
      [null, 'null'],
      [Symbol('free'), 'the symbol Symbol(free)'],
    ] as const) {
      expect(() => map.set('a', wrong as never)).toThrow(`set(): value must be an object, got ${kind}`);
    }
    expect(map.size).toBe(0);
  });
});
