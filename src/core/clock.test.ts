import { afterEach, expect, test, vi } from 'vitest';
import { monotonicMs } from './clock.js';
import { Deadline, DeadlineClock } from './deadline-clock.js';

afterEach(() => {
  vi.useRealTimers();
});

test('monotonicMs() is performance.now()', () => {
  const before = performance.now();
  const now = monotonicMs();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(performance.now());
});

test("deadlines follow the timers of a test, and Node's again after it", () => {
  vi.useFakeTimers();
  let rings = 0;
  class Alarm extends Deadline {
    override deadlineAt = monotonicMs() + 60_000;
    override onDeadline(): void {
      rings++;
    }
  }
  const clock = new DeadlineClock({ keepsAlive: false });
  clock.add(new Alarm(), monotonicMs());
  vi.advanceTimersByTime(59_000);
  expect(rings).toBe(0);
  vi.advanceTimersByTime(1_100);
  expect(rings).toBe(1);
  vi.useRealTimers();
  expect(Math.abs(monotonicMs() - performance.now())).toBeLessThan(1000);
});
