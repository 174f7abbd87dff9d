import { describe, expect, test } from 'vitest';
import { DeliveryMinute, statusOf } from './health.js';

describe('DeliveryMinute', () => {
  test('counts the last minute and forgets what is older', () => {
    const minute = new DeliveryMinute();
    for (let i = 0; i < 90; i++) minute.delivered(5_000);
    for (let i = 0; i < 10; i++) minute.failed(15_000);
    expect(minute.health(59_999, [])).toMatchObject({ score: 90, status: 'healthy', deliveries: 100, failures: 10 });
    expect(minute.health(60_000, [])).toMatchObject({ score: 0, status: 'critical', deliveries: 10, failures: 10 });
    expect(minute.health(70_000, [])).toEqual({
      score: 100,
      status: 'healthy',
      deliveries: 0,
      failures: 0,
      reasons: [],
    });
    minute.delivered(10_000_000);
    expect(minute.health(10_000_000, [])).toMatchObject({ deliveries: 1 });
  });

  test('is capped by the lowest cap, and says every reason', () => {
    const minute = new DeliveryMinute();
    minute.failed(0);
    minute.delivered(0);
    const caps = [
      { score: 75, reason: 'a' },
      { score: 25, reason: 'b' },
    ];
    expect(minute.health(0, caps)).toEqual({
      status: 'critical',
      score: 25,
      reasons: ['1 of 2 deliveries failed within a minute', 'a', 'b'],
      deliveries: 2,
      failures: 1,
    });
  });

  test.each([
    [100, 'healthy'],
    [90, 'healthy'],
    [89.9, 'warning'],
    [70, 'warning'],
    [69.9, 'degraded'],
    [30, 'degraded'],
    [29.9, 'critical'],
    [0, 'critical'],
  ])('a score of %d is %s', (score, status) => {
    expect(statusOf(score)).toBe(status);
  });
});
