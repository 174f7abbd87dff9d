import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PoolTask } from './pool-task.js';
import { TaskQueue } from './task-queue.js';

function task(number: number): PoolTask {
  const settle = { resolve: () => {}, reject: () => {} };
  return new PoolTask({ number, name: 't', input: 0, transfer: [], timeoutMs: 1 }, undefined, settle, () => {});
}

test('TaskQueue behaves as a list from which anything may be taken', () => {
  const command = fc.oneof(
    fc.constant(['push', 0] as const),
    fc.constant(['shift', 0] as const),
    fc.tuple(fc.constant('remove' as const), fc.nat(30)),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 100 }), (commands) => {
      const queue = new TaskQueue();
      let model: PoolTask[] = [];
      const all: PoolTask[] = [];
      for (const [name, index] of commands) {
        if (name === 'push') {
          const added = task(all.length + 1);
          all.push(added);
          model.push(added);
          queue.push(added);
        } else if (name === 'shift') {
          expect(queue.shift()).toBe(model.shift() ?? null);
        } else if (all.length > 0) {
          // Also what is not in it any more.
          const some = all[index % all.length]!;
          model = model.filter((each) => each !== some);
          queue.remove(some);
        }
        expect(queue.size).toBe(model.length);
      }
      for (const expected of model) expect(queue.shift()).toBe(expected);
      expect(queue.shift()).toBe(null);
    }),
  );
});
