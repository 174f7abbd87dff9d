import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Delivery, payloadOf } from './delivery.js';
import { type DropReason, Recovery } from './recovery.js';

const LIMITS = { perUser: 3, users: 2, totalBytes: 100, ttlMs: 1000 };
let sequence = 0;
const message = (user: string, text: string, at = ++sequence) => new Delivery(user, payloadOf(text, 1000), at, false);
const texts = (recovery: Recovery, user: string) => recovery.list(user).map(({ message }) => message);

function kept(limits: Partial<typeof LIMITS> = {}) {
  const dropped: DropReason[] = [];
  return { dropped, recovery: new Recovery({ ...LIMITS, ...limits }, (reason) => dropped.push(reason)) };
}

afterEach(() => vi.useRealTimers());

describe('Recovery', () => {
  test('keeps the newest of one user, in the order of sending, with reason and time', () => {
    const { recovery, dropped } = kept();
    const from = Date.now();
    for (const text of ['a', 'b', 'c', 'd']) expect(recovery.keep(message('ada', text), 'away')).toBe(true);
    expect(texts(recovery, 'ada')).toEqual(['b', 'c', 'd']);
    expect(dropped).toEqual(['overflow']);
    const [first] = recovery.list('ada');
    expect(first).toMatchObject({ reason: 'away', bytes: 1, attempts: 0 });
    expect(first!.failedAtMs).toBeGreaterThanOrEqual(from);
    recovery.clear('closed');
  });

  test('puts back what failed where it was; one that is older than all in a full queue is dropped', () => {
    const { recovery, dropped } = kept();
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((text) => message('ada', text)) as [
      Delivery,
      Delivery,
      Delivery,
      Delivery,
    ];
    for (const delivery of [b, d]) recovery.keep(delivery, 'away');
    expect(recovery.keep(c, 'broke')).toBe(true);
    expect(texts(recovery, 'ada')).toEqual(['b', 'c', 'd']);
    expect(recovery.keep(a, 'broke')).toBe(false);
    expect(texts(recovery, 'ada')).toEqual(['b', 'c', 'd']);
    expect(dropped).toEqual(['overflow']);
    recovery.clear('closed');
  });

  test('drops the user who has been away longest for one too many', () => {
    const { recovery, dropped } = kept();
    for (const user of ['ada', 'ada', 'bob', 'cat']) recovery.keep(message(user, user), 'away');
    expect([recovery.users, recovery.messages]).toEqual([2, 2]);
    expect(texts(recovery, 'ada')).toEqual([]);
    expect(dropped).toEqual(['users', 'users']);
    recovery.clear('closed');
  });

  test('makes room for bytes at the cost of who has been away longest, and refuses what never fits', () => {
    const { recovery, dropped } = kept();
    recovery.keep(message('ada', 'x'.repeat(60)), 'away');
    recovery.keep(message('bob', 'y'.repeat(60)), 'away');
    expect([texts(recovery, 'ada').length, texts(recovery, 'bob').length, recovery.bytes]).toEqual([0, 1, 60]);
    expect(recovery.keep(message('cat', 'z'.repeat(101)), 'away')).toBe(false);
    expect([recovery.messages, recovery.bytes, recovery.timers]).toEqual([0, 0, 0]);
    expect(dropped).toEqual(['memory', 'memory', 'memory']);
  });

  test('drops what is too old, by one timer that is gone with the last message', () => {
    vi.useFakeTimers();
    const { recovery, dropped } = kept();
    recovery.keep(message('ada', 'old'), 'away');
    vi.advanceTimersByTime(600);
    recovery.keep(message('ada', 'young'), 'away');
    expect([recovery.timers, vi.getTimerCount()]).toEqual([1, 1]);
    vi.advanceTimersByTime(525);
    expect(texts(recovery, 'ada')).toEqual(['young']);
    vi.advanceTimersByTime(600);
    expect(dropped).toEqual(['expired', 'expired']);
    expect([recovery.messages, recovery.bytes, recovery.timers, vi.getTimerCount()]).toEqual([0, 0, 0, 0]);
  });

  test('take() gives nothing that is too old; what comes back keeps its age', () => {
    vi.useFakeTimers();
    const { recovery, dropped } = kept();
    const old = message('ada', 'old');
    recovery.keep(old, 'away');
    expect(recovery.take('ada')).toEqual([old]);
    expect([recovery.bytes, recovery.timers]).toEqual([3, 0]);
    recovery.free(3);
    vi.advanceTimersByTime(990);
    expect(recovery.keep(old, 'broke')).toBe(true);
    vi.advanceTimersByTime(10);
    expect(recovery.take('ada')).toEqual([]);
    expect(recovery.keep(old, 'broke')).toBe(false);
    expect(dropped).toEqual(['expired', 'expired']);
    expect(recovery.bytes).toBe(0);
  });

  test('keeps a copy of bytes: the sender may use them again, and a slice does not keep its whole', () => {
    const { recovery } = kept();
    const whole = new Uint8Array(1000).fill(7);
    recovery.keep(new Delivery('ada', payloadOf(whole.subarray(10, 12), 1000), ++sequence, false), 'away');
    whole.fill(0);
    const bytes = recovery.list('ada')[0]!.message as Uint8Array;
    expect([...bytes]).toEqual([7, 7]);
    expect(bytes.buffer.byteLength).toBe(2);
    recovery.clear('closed');
  });

  test('is what a plain list with the same limits is, whatever comes in whatever order', () => {
    const step = fc.record({
      user: fc.constantFrom('a', 'b', 'c'),
      size: fc.nat(45),
      act: fc.constantFrom('keep', 'keep', 'keep', 'take', 'take and put back'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { recovery, dropped } = kept();
        let model: { user: string; delivery: Delivery }[][] = [];
        let kepts = 0;
        let taken = 0;
        const bytesOf = () => model.flat().reduce((sum, { delivery }) => sum + delivery.bytes, 0);
        const add = (user: string, delivery: Delivery) => {
          while (bytesOf() + delivery.bytes > LIMITS.totalBytes && model.length > 0) {
            model[0]!.shift();
            model = model.filter((queue) => queue.length > 0);
          }
          if (bytesOf() + delivery.bytes > LIMITS.totalBytes) return;
          let queue = model.find((one) => one[0]!.user === user);
          if (queue === undefined) {
            if (model.length === LIMITS.users) model.shift();
            queue = [];
            model.push(queue);
          }
          queue.push({ user, delivery });
          queue.sort((a, b) => a.delivery.sequence - b.delivery.sequence);
          if (queue.length > LIMITS.perUser) queue.shift();
        };
        for (const { user, size, act } of steps) {
          if (act === 'keep') {
            const delivery = message(user, 'x'.repeat(size));
            kepts++;
            recovery.keep(delivery, 'away');
            add(user, delivery);
          } else {
            const out = recovery.take(user);
            const expected = model.find((queue) => queue[0]!.user === user) ?? [];
            expect(out).toEqual(expected.map(({ delivery }) => delivery));
            model = model.filter((queue) => queue !== expected);
            for (const delivery of out) recovery.free(delivery.bytes);
            if (act === 'take') taken += out.length;
            else
              for (const delivery of out.reverse()) {
                recovery.keep(delivery, 'broke');
                add(user, delivery);
              }
          }
          expect(recovery.messages).toBe(model.flat().length);
          expect(recovery.bytes).toBe(bytesOf());
          expect(recovery.users).toBe(model.length);
          expect(recovery.timers).toBe(model.length > 0 ? 1 : 0);
          expect(kepts).toBe(taken + dropped.length + recovery.messages);
        }
        recovery.clear('closed');
        expect([recovery.messages, recovery.bytes, recovery.users, recovery.timers]).toEqual([0, 0, 0, 0]);
      }),
      { numRuns: 500 },
    );
  });
});
