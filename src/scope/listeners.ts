import type { EventEmitter } from 'node:events';
import type { Held } from './entry.js';
import type { Scope } from './scope.js';

export interface ListenOptions {
  /** Listens for one event; out of the ledger once it has come. */
  readonly once?: boolean;
}

type Listener = (...args: unknown[]) => unknown;

/** Adds `listener` and owns its removal. */
export function listen(
  scope: Scope,
  emitter: EventEmitter | EventTarget,
  event: string | symbol,
  listener: Listener,
  options: ListenOptions = {},
): Held {
  if (typeof listener !== 'function')
    throw new TypeError(`scope.on(emitter, event, listener): listener must be a function`);
  const called: Listener = options.once
    ? function (this: unknown, ...args) {
        void held.release();
        return listener.apply(this, args);
      }
    : listener;
  const { add, remove } = waysOf(emitter, event);
  const name = `on ${String(event)}`;
  if (scope.isClosed) return scope.hold(name, emitter, () => {});
  add(called);
  const held = scope.hold(name, emitter as unknown, () => remove(called));
  return held;
}

function waysOf(
  emitter: EventEmitter | EventTarget,
  event: string | symbol,
): { add: (listener: Listener) => unknown; remove: (listener: Listener) => unknown } {
  if (typeof (emitter as EventEmitter)?.on === 'function' && typeof (emitter as EventEmitter).off === 'function') {
    const source = emitter as EventEmitter;
    return { add: (listener) => source.on(event, listener), remove: (listener) => source.off(event, listener) };
  }
  if (typeof (emitter as EventTarget)?.addEventListener === 'function') {
    const target = emitter as EventTarget;
    return {
      add: (listener) => target.addEventListener(String(event), listener),
      remove: (listener) => target.removeEventListener(String(event), listener),
    };
  }
  throw new TypeError('scope.on(emitter, event, listener): emitter must be an EventEmitter or an EventTarget');
}
