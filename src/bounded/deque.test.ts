import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Deque } from './deque.js';

test('Deque agrees with an array, for every order of calls', () => {
  const command = fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 60 }).map((count) => ({ call: 'push' as const, count })) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 60 }).map((count) => ({ call: 'shift' as const, count })) },
    { weight: 1, arbitrary: fc.constantFrom('trim' as const, 'clear' as const).map((call) => ({ call, count: 0 })) },
  );
  fc.assert(
    fc.property(fc.array(command), (commands) => {
      const deque = new Deque<number>();
      const model: number[] = [];
      let next = 0;
      for (const { call, count } of commands) {
        for (let i = 0; i < count; i++) {
          if (call === 'push') {
            deque.push(next);
            model.push(next++);
          } else expect(deque.shift()).toBe(model.shift());
        }
        if (call === 'trim') deque.trim();
        if (call === 'clear') {
          deque.clear();
          model.length = 0;
        }
        expect(deque.size).toBe(model.length);
        expect(deque.peek()).toBe(model[0]);
        const needed = Math.max(16, 2 ** Math.ceil(Math.log2(Math.max(model.length, 1))));
        expect(deque.room).toBeLessThanOrEqual(call === 'trim' ? needed : needed * 4);
      }
    }),
    { numRuns: 300 },
  );
});

test('Deque.shift() lets go of the value', async () => {
  const deque = new Deque<object>();
  const value = (() => {
    const object = {};
    deque.push(object);
    deque.push({});
    deque.shift();
    return new WeakRef(object);
  })();
  while (value.deref() !== undefined) {
    await new Promise(setImmediate);
    (globalThis as { gc?: () => void }).gc!();
  }
  expect(deque.size).toBe(1);
});
