import { expect, test } from 'vitest';
import { DeadlineClock } from '../core/index.js';
import { Arrivals } from './arrivals.js';

test('Arrivals keeps nothing of a user for whom nobody waits any more, whichever way the waits ended', async () => {
  const arrivals = new Arrivals<string>(new DeadlineClock({ keepsAlive: false }), 10);
  const controller = new AbortController();
  const waits = [
    arrivals.wait('came', 60_000, undefined),
    arrivals.wait('came', 60_000, controller.signal),
    arrivals.wait('aborted', 60_000, controller.signal),
    arrivals.wait('refused', 60_000, undefined),
  ];
  const ends = Promise.allSettled(waits);
  expect([arrivals.size, arrivals.users]).toEqual([4, 3]);
  arrivals.arrived('came', 'connection');
  arrivals.arrived('nobody', 'connection');
  expect([arrivals.size, arrivals.users]).toEqual([2, 2]);
  controller.abort(new Error('aborted'));
  expect([arrivals.size, arrivals.users]).toEqual([1, 1]);
  arrivals.refuseAll(new Error('refused'));
  expect([arrivals.size, arrivals.users]).toEqual([0, 0]);
  expect((await ends).map((end) => (end.status === 'fulfilled' ? end.value : end.reason.message))).toEqual([
    'connection',
    'connection',
    'aborted',
    'refused',
  ]);
});
