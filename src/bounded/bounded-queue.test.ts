import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BoundedQueue, type Overflow } from './bounded-queue.js';

const closed = expect.objectContaining({ code: 'WT_BOUNDED_CLOSED' });
const full = expect.objectContaining({ code: 'WT_BOUNDED_FULL' });
/** Enough turns of the microtask queue for whatever can settle. */
const settle = () => new Promise(setImmediate);

/** What a call came to, when it has. */
interface Seen {
  end: string;
}

function see(call: () => unknown): Seen {
  const seen: Seen = { end: 'waits' };
  try {
    const result = call();
    if (result instanceof Promise) {
      result.then(
        (value) => (seen.end = String(value)),
        (error) => (seen.end = error.code ?? error.message),
      );
    } else seen.end = String(result);
  } catch (error) {
    seen.end = (error as { code: string }).code;
  }
  return seen;
}

/** The rules of the class, as plainly as can be. */
class Model {
  values: number[] = [];
  pushers: { value: number; seen: Seen }[] = [];
  takers: Seen[] = [];
  dropped = 0;
  isClosed = false;

  constructor(
    readonly limit: number,
    readonly limitBytes: number,
    readonly overflow: Overflow,
  ) {}

  fits(value: number): boolean {
    return this.values.length < this.limit && this.bytes + value <= this.limitBytes;
  }

  get bytes(): number {
    return this.values.reduce((sum, value) => sum + value, 0);
  }

  accept(value: number): void {
    const taker = this.takers.shift();
    if (taker) taker.end = String(value);
    else this.values.push(value);
  }

  push(value: number): Seen {
    if (this.isClosed) return { end: 'WT_BOUNDED_CLOSED' };
    if (value > this.limitBytes) return { end: 'WT_BOUNDED_TOO_LARGE' };
    if (this.pushers.length > 0 || !this.fits(value)) {
      if (this.overflow === 'reject') return { end: 'WT_BOUNDED_FULL' };
      if (this.overflow === 'drop-newest') {
        this.dropped++;
        return { end: 'false' };
      }
      if (this.overflow === 'block') {
        const seen = { end: 'waits' };
        this.pushers.push({ value, seen });
        return seen;
      }
      while (!this.fits(value)) {
        this.values.shift();
        this.dropped++;
      }
    }
    this.accept(value);
    return { end: 'true' };
  }

  admit(): void {
    while (this.pushers.length > 0 && this.fits(this.pushers[0]!.value)) {
      const { value, seen } = this.pushers.shift()!;
      this.accept(value);
      seen.end = 'true';
    }
  }

  take(): Seen {
    if (this.values.length > 0) {
      const end = String(this.values.shift());
      this.admit();
      return { end };
    }
    if (this.isClosed) return { end: 'WT_BOUNDED_CLOSED' };
    const seen = { end: 'waits' };
    this.takers.push(seen);
    return seen;
  }

  cancel(seen: Seen): void {
    seen.end = 'cancelled';
    this.takers = this.takers.filter((one) => one !== seen);
    this.pushers = this.pushers.filter((one) => one.seen !== seen);
    this.admit();
  }

  close(): void {
    this.isClosed = true;
    for (const { seen } of this.pushers) seen.end = 'WT_BOUNDED_CLOSED';
    for (const seen of this.takers) seen.end = 'WT_BOUNDED_CLOSED';
    this.pushers = [];
    this.takers = [];
  }
}

test('BoundedQueue agrees with a plain model, for every overflow and order of calls, cancels and closing included', async () => {
  const command = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 6 }).map((bytes) => ({ call: 'push' as const, bytes })) },
    { weight: 5, arbitrary: fc.constant({ call: 'take' as const, bytes: 0 }) },
    { weight: 2, arbitrary: fc.nat({ max: 20 }).map((bytes) => ({ call: 'cancel' as const, bytes })) },
    { weight: 1, arbitrary: fc.constantFrom('clear' as const, 'trim' as const).map((call) => ({ call, bytes: 0 })) },
    { weight: 1, arbitrary: fc.constant({ call: 'close' as const, bytes: 0 }) },
  );
  const overflow = fc.constantFrom<Overflow>('block', 'drop-oldest', 'drop-newest', 'reject');
  await fc.assert(
    fc.asyncProperty(overflow, fc.integer({ min: 1, max: 5 }), fc.array(command), async (rule, limit, commands) => {
      const queue = new BoundedQueue<number>(limit, rule, { limitBytes: 5, sizeOf: (value) => value });
      const model = new Model(limit, 5, rule);
      const calls: { seen: Seen; expected: Seen; controller: AbortController }[] = [];
      for (const { call, bytes } of commands) {
        const controller = new AbortController();
        if (call === 'push') {
          const seen = see(() => queue.push(bytes, controller.signal));
          calls.push({ seen, expected: model.push(bytes), controller });
        } else if (call === 'take') {
          const seen = see(() => queue.take(controller.signal));
          calls.push({ seen, expected: model.take(), controller });
        } else if (call === 'cancel') {
          const chosen = calls[bytes % Math.max(calls.length, 1)];
          if (chosen?.expected.end === 'waits') model.cancel(chosen.expected);
          chosen?.controller.abort(new Error('cancelled'));
        } else if (call === 'clear') {
          expect(queue.clear()).toBe(model.values.length);
          model.values = [];
          model.admit();
        } else if (call === 'close') {
          queue.close();
          model.close();
        } else queue.trim();
        await settle();
        expect(calls.map(({ seen }) => seen.end)).toEqual(calls.map(({ expected }) => expected.end));
        expect(queue.size).toBe(model.values.length);
        expect(queue.bytes).toBe(model.bytes);
        expect(queue.dropped).toBe(model.dropped);
        expect([queue.waitingPushers, queue.waitingTakers]).toEqual([model.pushers.length, model.takers.length]);
        const waiting = calls.filter(({ expected }) => expected.end === 'waits');
        const listened = calls.filter(({ controller: { signal } }) => getEventListeners(signal, 'abort').length > 0);
        expect(listened).toEqual(waiting);
      }
    }),
    { numRuns: 400 },
  );
});

describe('BoundedQueue', () => {
  test('push() gives a promise only when it must wait', async () => {
    const queue = new BoundedQueue<number>(1, 'block');
    expect(queue.push(1)).toBe(true);
    const waiting = queue.push(2);
    expect(waiting).toBeInstanceOf(Promise);
    expect(await queue.take()).toBe(1);
    expect(await waiting).toBe(true);
  });

  test('take() and push() refuse a signal that has aborted, and change nothing', async () => {
    const queue = new BoundedQueue<number>(2, 'block');
    queue.push(1);
    const signal = AbortSignal.abort(new Error('gone'));
    await expect(queue.take(signal)).rejects.toThrow('gone');
    expect(() => queue.push(2, signal)).toThrow('gone');
    expect(queue.size).toBe(1);
  });

  test('iteration takes what is pushed and ends after the rest when the queue is closed', async () => {
    const queue = new BoundedQueue<number>(10, 'block');
    const seen: number[] = [];
    const reader = (async () => {
      for await (const value of queue) seen.push(value);
    })();
    queue.push(1);
    await settle();
    queue.push(2);
    queue.push(3);
    queue.close();
    await reader;
    expect(seen).toEqual([1, 2, 3]);
    expect(() => queue.push(4)).toThrow(closed);
    await expect(queue.take()).rejects.toEqual(closed);
    expect(queue.tryTake()).toBeUndefined();
  });

  test('iteration can be left, and what was not taken stays', async () => {
    const queue = new BoundedQueue<number>(10, 'block');
    queue.push(1);
    queue.push(2);
    for await (const value of queue) {
      expect(value).toBe(1);
      break;
    }
    expect(queue.tryTake()).toBe(2);
  });

  test('a signal that many wait with carries one listener, and none when they have gone', async () => {
    const queue = new BoundedQueue<number>(1, 'block');
    const controller = new AbortController();
    const takers = Array.from({ length: 1000 }, () => queue.take(controller.signal));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    queue.push(7);
    expect(await takers[0]).toBe(7);
    controller.abort(new Error('enough'));
    const ends = await Promise.allSettled(takers);
    expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(999);
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    expect(queue.waitingTakers).toBe(0);
  });

  test('a signal cancels each wait anew, also after one that was answered', async () => {
    const queue = new BoundedQueue<number>(1, 'block');
    const controller = new AbortController();
    const first = queue.take(controller.signal);
    queue.push(1);
    expect(await first).toBe(1);
    const second = queue.take(controller.signal);
    controller.abort(new Error('cancelled'));
    await expect(second).rejects.toThrow('cancelled');
  });

  test('a pusher that gives up lets in those behind it who need less room', async () => {
    const queue = new BoundedQueue<number>(9, 'block', { limitBytes: 10, sizeOf: (value) => value });
    queue.push(6);
    const controller = new AbortController();
    const large = queue.push(8, controller.signal);
    const small = queue.push(3);
    expect(queue.waitingPushers).toBe(2);
    controller.abort(new Error('cancelled'));
    await expect(large).rejects.toThrow('cancelled');
    expect(await small).toBe(true);
    expect(queue).toMatchObject({ size: 2, bytes: 9, waitingPushers: 0 });
  });

  test('waitingLimit bounds pushers and takers', async () => {
    const queue = new BoundedQueue<number>(1, 'block', { waitingLimit: 1 });
    queue.push(1);
    const pusher = queue.push(2);
    expect(() => queue.push(3)).toThrow(full);
    expect([await queue.take(), await pusher, await queue.take()]).toEqual([1, true, 2]);
    const taker = queue.take();
    await expect(queue.take()).rejects.toEqual(full);
    queue.push(4);
    expect(await taker).toBe(4);
  });

  test('errors say what could not be done and as which rule', () => {
    const rejecting = new BoundedQueue<number>(1, 'reject', { name: 'jobs\u001b[31m' });
    rejecting.push(1);
    expect(() => rejecting.push(2)).toThrow('Cannot use jobs as 1 of 1 values are in');
    const sized = new BoundedQueue<number>(9, 'reject', { limitBytes: 10, sizeOf: (value) => value });
    sized.push(6);
    expect(() => sized.push(5)).toThrow('Cannot use queue as 6 of 10 bytes are in');
    expect(() => sized.push(11)).toThrow('Cannot push 11 bytes to queue as it takes 10 in all');
    expect(() => sized.push(-1)).toThrow(RangeError);
    expect(sized).toMatchObject({ size: 1, bytes: 6 });
  });

  test('wrong arguments are refused', () => {
    expect(() => new BoundedQueue(0, 'block')).toThrow(RangeError);
    expect(() => new BoundedQueue(1, 'grow' as Overflow)).toThrow(
      'overflow must be block, drop-oldest, drop-newest, reject, got the text "grow"',
    );
    // @ts-expect-error the types refuse it too
    expect(() => new BoundedQueue(1, 'block', { limitBytes: 10 })).toThrow(TypeError);
    expect(() => new BoundedQueue(1, 'block', { limitBytes: 0, sizeOf: () => 1 })).toThrow(RangeError);
    expect(() => new BoundedQueue(1, 'block', { waitingLimit: -1 })).toThrow(RangeError);
    const sizeOf = (text: string) => text.length;
    for (const options of [{}, { sizeOf }, { sizeOf, limitBytes: 5 }, { name: 'all', waitingLimit: 1 }]) {
      expect(new BoundedQueue<string>(1, 'block', options).size).toBe(0);
    }
  });

  test.each<[unknown, string]>([
    [5, 'BoundedQueue: options must be an object, not the number 5'],
    [{ limit: 5 }, 'BoundedQueue: there is no option "limit"; there are name, limitBytes, sizeOf, waitingLimit'],
    [{ sizeOf: 5 }, 'BoundedQueue: sizeOf must be a function, not the number 5'],
    [{ name: '' }, 'BoundedQueue: name must be a text that is not empty, got the text ""'],
  ])('refuses the options %o', (options, message) => {
    expect(() => new BoundedQueue(1, 'block', options as object)).toThrow(message);
  });

  test('a wrong signal is refused before anybody waits with it', async () => {
    const queue = new BoundedQueue<number>(1, 'block');
    await expect(queue.take('x' as never)).rejects.toThrow('take(): signal must be an AbortSignal, not the text "x"');
    expect(queue.waitingTakers).toBe(0);
    expect(queue.push(1)).toBe(true);
    for (const wrong of [5, {}, null, new AbortController()]) {
      expect(() => queue.push(2, wrong as never)).toThrow(/^push\(\): signal must be an AbortSignal, not /);
    }
    expect(queue.waitingPushers).toBe(0);
    expect(await queue.take()).toBe(1);
    expect(queue.size).toBe(0);
    queue.close();
  });

  test('close() settles everyone who waits, and may be called again', async () => {
    const pushing = new BoundedQueue<number>(1, 'block');
    pushing.push(1);
    const pusher = pushing.push(2);
    const taking = new BoundedQueue<number>(1, 'block');
    const taker = taking.take();
    const step = taking[Symbol.asyncIterator]().next();
    pushing.close();
    taking[Symbol.dispose]();
    pushing.close();
    expect([pushing.isClosed, taking.isClosed]).toEqual([true, true]);
    await expect(pusher).rejects.toEqual(closed);
    await expect(taker).rejects.toEqual(closed);
    expect(await step).toEqual({ done: true, value: undefined });
    expect(await pushing.take()).toBe(1);
  });
});
