import { EventEmitter, getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { weakListener } from './weak-listener.js';

const collect = () => (globalThis as { gc?: () => void }).gc!();
const turn = () => new Promise(setImmediate);

class View {
  readonly shown: unknown[] = [];
}

const sources = [
  {
    kind: 'EventEmitter',
    make: () => new EventEmitter(),
    count: (source: EventEmitter | EventTarget) => (source as EventEmitter).listenerCount('change'),
    emit: (source: EventEmitter | EventTarget) => void (source as EventEmitter).emit('change', { detail: 7 }),
  },
  {
    kind: 'EventTarget',
    make: () => new EventTarget(),
    count: (source: EventEmitter | EventTarget) => getEventListeners(source as EventTarget, 'change').length,
    emit: (source: EventEmitter | EventTarget) =>
      void (source as EventTarget).dispatchEvent(Object.assign(new Event('change'), { detail: 7 })),
  },
];

describe.each(sources)('weakListener() on an $kind', ({ make, count, emit }) => {
  const show = (view: View, { detail }: { detail: unknown }) => view.shown.push(detail);

  test('calls with the owner and what the event brings, until it is detached', () => {
    const source = make();
    const view = new View();
    const detach = weakListener(source, 'change', view, show);
    emit(source);
    expect(view.shown).toEqual([7]);
    detach();
    detach();
    emit(source);
    expect(view.shown).toEqual([7]);
    expect(count(source)).toBe(0);
  });

  test('does not keep its owner, called or not, and takes itself away when that is collected', async () => {
    const source = make();
    let calls = 0;
    (() => {
      const view = new View();
      weakListener(source, 'change', view, () => calls++);
      weakListener(source, 'change', view, () => calls++);
    })();
    emit(source);
    expect([calls, count(source)]).toEqual([2, 2]);
    await turn();
    collect();
    // Before its finalizer runs, it does nothing.
    emit(source);
    expect(calls).toBe(2);
    while (count(source) > 0) {
      await turn();
      collect();
    }
  });

  test('keeps neither the emitter nor what the listener refers to while the owner lives', async () => {
    const view = new View();
    const [source, other] = (() => {
      const emitter = make();
      const referred = new View();
      weakListener(emitter, 'change', view, () => referred.shown.push(1));
      return [new WeakRef(emitter), new WeakRef(referred)];
    })();
    while (source.deref() !== undefined || other.deref() !== undefined) {
      await turn();
      collect();
    }
    expect(view.shown).toEqual([]);
  });

  test('a detached listener is not taken away twice when its owner goes', async () => {
    const source = make();
    const detach = (() => weakListener(source, 'change', new View(), () => {}))();
    const kept = new View();
    weakListener(source, 'change', kept, show);
    detach();
    for (let i = 0; i < 3; i++) {
      await turn();
      collect();
    }
    expect(count(source)).toBe(1);
    emit(source);
    expect(kept.shown).toEqual([7]);
  });
});

test('weakListener() leaves nothing with an owner that lives on, attached and detached 50,000 times', async () => {
  const view = new View();
  const bus = new EventEmitter();
  const cycle = async (times: number) => {
    for (let i = 0; i < times; i++) weakListener(bus, 'change', view, () => {})();
    await turn();
    collect();
    return process.memoryUsage().heapUsed;
  };
  await cycle(10_000);
  const before = await cycle(1);
  await cycle(50_000);
  // 50,000 registrations of 160 bytes would be 8 MB.
  expect((await cycle(1)) - before).toBeLessThan(500_000);
});

test('weakListener() refuses what cannot be listened on, owns nothing, or is no listener, and registers nothing', () => {
  const bus = new EventEmitter();
  for (const [wrong, kind] of [
    [{}, 'an object'],
    [5, 'the number 5'],
    [null, 'null'],
  ] as const) {
    expect(() => weakListener(wrong as never, 'change', new View(), () => {})).toThrow(
      new TypeError(`weakListener(): target must be an EventEmitter or an EventTarget, got ${kind}`),
    );
  }
  expect(() => weakListener(bus, 'change', new View(), 7 as never)).toThrow(
    new TypeError('weakListener(): listener must be a function, got the number 7'),
  );
  expect(() => weakListener(bus, 'change', 7 as never, () => {})).toThrow(
    new TypeError('weakListener(): owner must be an object, got the number 7'),
  );
  expect(bus.listenerCount('change')).toBe(0);
});
