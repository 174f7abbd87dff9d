import { afterEach, describe, expect, test, vi } from 'vitest';
import { Heartbeat, type Pulse } from './heartbeat.js';

class Member implements Pulse {
  isHeard = false;
  pings = 0;
  silences = 0;
  ping(): void {
    this.pings++;
  }
  onSilence(): void {
    this.silences++;
  }
}

afterEach(() => vi.useRealTimers());

describe('Heartbeat', () => {
  test('pings each member once a period, by one timer that is gone with the last member', () => {
    vi.useFakeTimers();
    const heartbeat = new Heartbeat(1600, 800);
    const members = Array.from({ length: 100 }, () => new Member());
    for (const [i, member] of members.entries()) {
      heartbeat.add(member);
      if (i % 10 === 9) vi.advanceTimersByTime(100);
    }
    expect(vi.getTimerCount()).toBe(1);
    for (let period = 0; period < 5; period++) {
      const before = members.map(({ pings }) => pings);
      for (let slot = 0; slot < 16; slot++) {
        for (const member of members) member.isHeard = true;
        vi.advanceTimersByTime(100);
      }
      expect(members.map(({ pings }, i) => pings - before[i]!)).toEqual(members.map(() => 1));
    }
    for (const member of members) heartbeat.remove(member);
    for (const member of members) heartbeat.remove(member);
    expect([heartbeat.size, heartbeat.timers, vi.getTimerCount()]).toEqual([0, 0, 0]);
  });

  test.each([
    [1, 100],
    [100, 100],
    [101, 200],
    [800, 800],
    [1600, 1600],
  ])('with a timeout of %i ms tells of silence %i ms after the ping, and not before', (timeoutMs, toldAfterMs) => {
    vi.useFakeTimers();
    const heartbeat = new Heartbeat(1600, timeoutMs);
    const member = new Member();
    heartbeat.add(member);
    expect(member.isHeard).toBe(true);
    vi.advanceTimersByTime(1600);
    expect([member.pings, member.isHeard]).toEqual([1, false]);
    vi.advanceTimersByTime(toldAfterMs - 100);
    expect(member.silences).toBe(0);
    vi.advanceTimersByTime(100);
    expect(member.silences).toBe(1);
    heartbeat.remove(member);
  });

  test('judges nobody in a step that comes late: it was the process that stood still', () => {
    vi.useFakeTimers();
    const heartbeat = new Heartbeat(1600, 100);
    const member = new Member();
    heartbeat.add(member);
    vi.advanceTimersByTime(1600);
    heartbeat.tick(performance.now() + 5000);
    expect(member.silences).toBe(0);
    heartbeat.remove(member);
  });

  test('a member may leave while it is told of', () => {
    vi.useFakeTimers();
    const heartbeat = new Heartbeat(160, 10);
    const members = [new Member(), new Member(), new Member()];
    for (const member of members) {
      member.onSilence = () => heartbeat.remove(member);
      heartbeat.add(member);
    }
    vi.advanceTimersByTime(170);
    expect([heartbeat.size, vi.getTimerCount()]).toEqual([0, 0]);
  });
});
