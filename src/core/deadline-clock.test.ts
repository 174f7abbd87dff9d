import { expect, test } from 'vitest';
import { monotonicMs } from './clock.js';
import { Deadline, DeadlineClock, settleBy } from './deadline-clock.js';
import { seededRandom } from './random.js';

class Alarm extends Deadline {
  readonly rung: Promise<number>;
  #ring!: (at: number) => void;
  rings = 0;

  constructor(inMs: number) {
    super();
    this.deadlineAt = monotonicMs() + inMs;
    this.rung = new Promise((resolve) => {
      this.#ring = resolve;
    });
  }

  onDeadline(): void {
    this.rings++;
    this.#ring(monotonicMs());
  }
}

const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

test('DeadlineClock calls each deadline once, none before its time, in the order of time as far as 5 ms tell', async () => {
  const clock = new DeadlineClock({ keepsAlive: true });
  const random = seededRandom(7);
  const alarms = Array.from({ length: 200 }, () => new Alarm(random() * 100));
  for (const alarm of alarms) clock.add(alarm, monotonicMs());
  const times = await Promise.all(alarms.map(({ rung }) => rung));
  for (const [index, at] of times.entries()) expect(at).toBeGreaterThanOrEqual(alarms[index]!.deadlineAt);
  expect(alarms.every(({ rings }) => rings === 1)).toBe(true);
});

test('DeadlineClock.remove() takes out any of them, and one that is not there changes nothing', async () => {
  const clock = new DeadlineClock({ keepsAlive: false });
  const alarms = Array.from({ length: 9 }, () => new Alarm(20));
  for (const alarm of alarms) clock.add(alarm, monotonicMs());
  for (const index of [0, 4, 8, 4]) clock.remove(alarms[index]!);
  clock.remove(new Alarm(1));
  await settleBy(Promise.all([1, 2, 3, 5, 6, 7].map((index) => alarms[index]!.rung)), monotonicMs() + 10_000);
  expect(alarms.map(({ rings }) => rings)).toEqual([0, 1, 1, 1, 0, 1, 1, 1, 0]);
});

test('DeadlineClock has one timer for any number of deadlines, and none without one', () => {
  const before = timers();
  const clock = new DeadlineClock({ keepsAlive: true });
  const waiting = new DeadlineClock({ keepsAlive: false });
  const alarms = Array.from({ length: 1000 }, () => new Alarm(60_000));
  for (const alarm of alarms) waiting.add(alarm, monotonicMs());
  // A timer that does not hold the process is not among its active resources.
  expect(timers()).toBe(before);
  for (const alarm of alarms) waiting.remove(alarm);
  for (const alarm of alarms) clock.add(alarm, monotonicMs());
  expect(timers()).toBe(before + 1);
  for (const alarm of alarms) clock.remove(alarm);
});

test('DeadlineClock wakes for a deadline that comes before those it waits for', async () => {
  const clock = new DeadlineClock({ keepsAlive: false });
  const late = new Alarm(60_000);
  clock.add(late, monotonicMs());
  const soon = new Alarm(5);
  clock.add(soon, monotonicMs());
  await settleBy(soon.rung, monotonicMs() + 10_000);
  expect([soon.rings, late.rings]).toEqual([1, 0]);
  clock.remove(late);
});

test('a deadline may add and remove others when it is called', async () => {
  const clock = new DeadlineClock({ keepsAlive: true });
  const next = new Alarm(10);
  const removed = new Alarm(60_000);
  class Chain extends Deadline {
    override deadlineAt = monotonicMs() + 1;
    override onDeadline(): void {
      clock.remove(removed);
      clock.add(next, monotonicMs());
    }
  }
  clock.add(removed, monotonicMs());
  clock.add(new Chain(), monotonicMs());
  await next.rung;
  expect(removed.rings).toBe(0);
});

test('settleBy() tells which came first, also for a promise that fails', async () => {
  const far = monotonicMs() + 60_000;
  expect(await settleBy(Promise.resolve(1), far)).toBe('settled');
  expect(await settleBy(Promise.reject(new Error('no')), far)).toBe('settled');
  expect(await settleBy(new Promise(() => {}), monotonicMs() + 5)).toBe('deadline');
});
