import { EventEmitter, getEventListeners } from 'node:events';
import type { Stack } from './frames.js';
import type { Creation, ListenerCensus } from './origin-table.js';
import type { AnyFunction, Patches } from './patches.js';

/** Longest event name in a label; names may carry ids or texts. */
const EVENT_LENGTH = 80;

const ADDING_METHODS = ['on', 'addListener', 'prependListener', 'once', 'prependOnceListener'];
// Taken once: classes override it, and a question must not run code of the program.
const { listeners: listenersOf } = EventEmitter.prototype;

/** One registration, weakly held at both ends. */
class ListenerCreation implements Creation {
  readonly #target: WeakRef<object>;
  readonly #listener: WeakRef<object>;
  readonly #event: string | symbol;

  constructor(target: object, event: string | symbol, listener: object) {
    this.#target = new WeakRef(target);
    this.#listener = new WeakRef(listener);
    this.#event = event;
  }

  isLive(census: ListenerCensus): boolean {
    const target = this.#target.deref();
    const listener = this.#listener.deref();
    return target !== undefined && listener !== undefined && census.take(target, this.#event, listener);
  }
}

/** Counts each emitter's listeners once; short-lived, as it holds on to what it counted. */
export class LiveListeners implements ListenerCensus {
  readonly #counts = new Map<object, Map<string | symbol, Map<unknown, number>>>();

  take(target: object, event: string | symbol, listener: unknown): boolean {
    const events = this.#counts.get(target) ?? new Map<string | symbol, Map<unknown, number>>();
    const counts = events.get(event) ?? countListeners(target, event);
    events.set(event, counts);
    this.#counts.set(target, events);
    const left = counts.get(listener) ?? 0;
    if (left > 0) counts.set(listener, left - 1);
    return left > 0;
  }
}

function countListeners(target: object, event: string | symbol): Map<unknown, number> {
  const counts = new Map<unknown, number>();
  try {
    const listeners =
      target instanceof EventTarget
        ? getEventListeners(target, event as string)
        : listenersOf.call(target as EventEmitter, event);
    for (const listener of listeners) counts.set(listener, (counts.get(listener) ?? 0) + 1);
  } catch {
    // An emitter whose fields are no longer those of an emitter has no listeners that anybody could call.
  }
  return counts;
}

/** Wraps the methods that add listeners; `onCreated` gets the emitter's class, the event, the stack, the creation. */
export function patchListeners(
  patches: Patches,
  capture: (below: AnyFunction) => Stack | undefined,
  onCreated: (className: string, event: string, stack: Stack, creation: Creation) => void,
): void {
  // `once` calls `on` for the same event: the outermost call is the one that the program made.
  let outer: { target: unknown; event: unknown } | undefined;
  const intercept: Parameters<Patches['wrap']>[2] = (original, self, args, wrapper) => {
    if (outer && outer.target === self && outer.event === args[0]) return Reflect.apply(original, self, args);
    const before = outer;
    outer = { target: self, event: args[0] };
    let result: unknown;
    try {
      result = Reflect.apply(original, self, args);
    } finally {
      outer = before;
    }
    note(self, args[0], args[1], wrapper);
    return result;
  };
  const note = (target: unknown, event: unknown, listener: unknown, wrapper: AnyFunction) => {
    if (!isObject(target) || !isObject(listener)) return;
    const stack = capture(wrapper);
    const name = typeof event === 'symbol' ? event : String(event);
    if (stack) onCreated(classNameOf(target), eventLabel(name), stack, new ListenerCreation(target, name, listener));
  };
  for (const name of ADDING_METHODS) patches.wrap(EventEmitter.prototype, name, intercept);
  patches.wrap(EventTarget.prototype, 'addEventListener', intercept);
}

function isObject(value: unknown): value is object {
  return typeof value === 'function' || (typeof value === 'object' && value !== null);
}

function eventLabel(event: string | symbol): string {
  const text = typeof event === 'symbol' ? String(event) : JSON.stringify(event);
  return text.length > EVENT_LENGTH ? `${text.slice(0, EVENT_LENGTH)}…` : text;
}

function classNameOf(target: object): string {
  try {
    const name: unknown = Object.getPrototypeOf(target)?.constructor?.name;
    return typeof name === 'string' && name !== '' ? name : 'Object';
  } catch {
    return 'Object';
  }
}
