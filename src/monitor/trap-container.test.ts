import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { type Frame, trapContainer } from './index.js';

/** Runs the same steps on a trapped and an untrapped container; both must answer and end alike. */
function compare<T extends object>(make: () => T, steps: (container: T) => unknown[]): Frame[][] {
  const stacks: Frame[][] = [];
  const trapped = make();
  const plain = make();
  const undo = trapContainer(trapped, (stack) => stacks.push(stack));
  expect(steps(trapped)).toEqual(steps(plain));
  expect(trapped).toStrictEqual(plain);
  expect(JSON.stringify(trapped)).toBe(JSON.stringify(plain));
  expect(Object.keys(trapped)).toEqual(Object.keys(plain));
  undo();
  undo();
  expect(Reflect.ownKeys(trapped)).toEqual(Reflect.ownKeys(plain));
  return stacks;
}

describe('trapContainer()', () => {
  test('an array behaves the same and reports each call that makes it grow', () => {
    function fill(list: number[]): unknown[] {
      const results: unknown[] = [
        list.push(1, 2),
        list.unshift(0),
        list.splice(1, 1),
        list.splice(1, 0, 9),
        list.push(),
        list.pop(),
      ];
      for (const key in list) results.push(key);
      return [...results, [...list], list.concat(5), list.push.name, list.push.length];
    }
    const stacks = compare(() => [] as number[], fill);
    expect(stacks).toHaveLength(3);
    for (const stack of stacks) {
      expect(stack[0]).toMatchObject({ function: 'fill', file: expect.stringContaining('trap-container.test.ts') });
    }
  });

  test('a map and a set report new keys only', () => {
    const maps = compare(
      () => new Map<string, number>(),
      (map) => [map.set('a', 1).set('a', 2).size, map.get('a'), map.set('b', 3).delete('a'), map.set('a', 1).size],
    );
    expect(maps).toHaveLength(3);
    const sets = compare(
      () => new Set<number>(),
      (set) => [set.add(1).add(1).add(2).size, [...set]],
    );
    expect(sets).toHaveLength(2);
  });

  test('an emitter reports each listener once, also through once()', () => {
    const bus = new EventEmitter();
    const stacks: Frame[][] = [];
    const undo = trapContainer(bus, (stack) => stacks.push(stack));
    const listener = () => {};
    bus.on('a', listener).once('a', listener).prependListener('b', listener);
    expect(stacks).toHaveLength(3);
    expect(bus.listeners('a')).toEqual([listener, listener]);
    expect(bus.emit('a')).toBe(true);
    expect(bus.listenerCount('a')).toBe(1);
    undo();
    bus.on('a', listener);
    expect(stacks).toHaveLength(3);
    expect(Object.hasOwn(bus, 'on')).toBe(false);
  });

  test('a class of the program with an adding method and private state keeps working', () => {
    class Ring {
      readonly #items: number[] = [];
      push(item: number) {
        this.#items.push(item);
        if (item < 0) throw new RangeError('negative');
        return this;
      }
      get items() {
        return this.#items;
      }
    }
    const ring = new Ring();
    const stacks: Frame[][] = [];
    const undo = trapContainer(ring, (stack) => stacks.push(stack));
    expect(undo.supported).toBe('methods');
    expect(ring.push(1)).toBe(ring);
    expect(() => ring.push(-1)).toThrow(/negative/);
    expect(ring.items).toEqual([1, -1]);
    expect(stacks).toHaveLength(1);
    undo();
    expect(Reflect.ownKeys(ring)).toEqual([]);
  });

  test('an own method, enumerable or not, comes back exactly', () => {
    const queue = { items: [] as number[], push: (item: number) => queue.items.push(item) };
    const before = Object.getOwnPropertyDescriptors(queue);
    let additions = 0;
    const undo = trapContainer(queue, () => additions++);
    expect(Object.keys(queue)).toEqual(['items', 'push']);
    expect(queue.push(4)).toBe(1);
    undo();
    expect(Object.getOwnPropertyDescriptors(queue)).toEqual(before);
    expect(additions).toBe(1);
  });

  test('supported tells what can be seen', () => {
    const support = (container: object) => {
      const undo = trapContainer(container, () => {});
      undo();
      return undo.supported;
    };
    expect(support(new Map())).toBe('all');
    expect(support(new EventEmitter())).toBe('all');
    expect(support([])).toBe('methods');
    expect(support({ a: 1 })).toBe('none');
    expect(support(Object.create(null))).toBe('none');
    expect(support(new Float64Array(4))).toBe('none');
    expect(support(Object.freeze([1]))).toBe('none');
    expect(support(Object.seal(new Map()))).toBe('none');
    const refusing = new Proxy([], {
      defineProperty() {
        throw new Error('no');
      },
    });
    expect(support(refusing)).toBe('none');
  });

  test('an observer that throws or adds by itself does not disturb the program', () => {
    const list: number[] = [];
    let calls = 0;
    const undo = trapContainer(list, () => {
      calls++;
      list.push(99);
      throw new Error('observer');
    });
    expect(list.push(1)).toBe(1);
    expect(list).toEqual([1, 99]);
    expect(calls).toBe(1);
    undo();
  });

  test('a container frozen while trapped keeps a shadow that only calls the original', () => {
    const map = new Map<number, number>();
    let calls = 0;
    const undo = trapContainer(map, () => calls++);
    Object.freeze(map);
    undo();
    expect(map.set(1, 1).size).toBe(1);
    expect(calls).toBe(0);
  });
});
