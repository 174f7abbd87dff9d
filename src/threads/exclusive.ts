import { checkOptionNames, checkOwner, kindOf, type Owned, type Owner, WatertightError } from '../core/index.js';
import { ExclusiveLock } from './exclusive-lock.js';
import { ownedBy } from './owned-by.js';

/** Half a minute is far above honest waits and far below those that nobody notices. */
const TIMEOUT_MS = 30_000;
const CLOSE_TIMEOUT_MS = 5_000;

export interface ExclusiveOptions {
  /** For errors; the name of its class if not given. */
  readonly name?: string;
  /** Closes it when it closes. */
  readonly scope?: Owner;
  /** Longest wait for a turn, 30 000 ms if not given. A deadlock ends by it, and names the call that holds the object. */
  readonly timeoutMs?: number;
  /**
   * A call made from inside another on the same object rejects at once (WT_THREADS_WOULD_DEADLOCK), also after awaits.
   * Off if not given: before Node.js 24 it makes every await of the process slower (≈ 30 to 100 ns) while such a call runs.
   */
  readonly detectReentry?: boolean;
}

/** All names, held against the type by the compiler. */
export const EXCLUSIVE_OPTION_NAMES: readonly string[] = Object.keys({
  name: 0,
  scope: 0,
  timeoutMs: 0,
  detectReentry: 0,
} satisfies Record<keyof ExclusiveOptions, 0>);

/** The methods of `T`, each returning a promise, and the end. Other properties are read in `exclusive.run`. */
export type Exclusive<T extends object> = {
  readonly [Key in keyof T as T[Key] extends (...args: never[]) => unknown ? Key : never]: T[Key] extends (
    ...args: infer Args
  ) => infer Result
    ? (...args: Args) => Promise<Awaited<Result>>
    : never;
} & AsyncDisposable;

interface Behind {
  readonly object: object;
  readonly lock: ExclusiveLock;
  owned?: Owned | undefined;
}

const inside = new WeakMap<object, Behind>();

/**
 * A facade for an object that must not be used by two callers at a time: its methods are called one after the other, in
 * the order of the calls, each when the promise of the one before has settled, whether it failed or not.
 *
 * The calls of one thread run between each other at every `await`; this is what it prevents. Other threads have their own
 * copy of everything and need `perThread`. Inside a method `this` is the object itself, so methods call each other
 * freely; a method that gets hold of the facade and waits for it waits for itself, until `timeoutMs` or `detectReentry`
 * says so.
 *
 * Owned by `scope`, or by whoever made it. `exclusive.close(facade)` settles everyone who waits.
 *
 * Cost: ≈ 0.3 µs a call, ≈ 0.6 µs one that waits.
 *
 * @throws TypeError when `object` is none, or an option is wrong; RangeError when `timeoutMs` is not above 0
 *
 * @example
 * const account = exclusive({ balance: 10, async take(n: number) { this.balance -= n; } });
 * await Promise.all([account.take(1), account.take(2)]);
 * console.log(await exclusive.run(account, (a) => a.balance)); // 7
 */
export function exclusive<T extends object>(object: T, options: ExclusiveOptions = {}): Exclusive<T> {
  if ((typeof object !== 'object' && typeof object !== 'function') || object === null) {
    throw new TypeError(`object must be an object, not ${object === null ? 'null' : typeof object}`);
  }
  checkOptionNames('exclusive(object, options)', options, EXCLUSIVE_OPTION_NAMES);
  const { timeoutMs = TIMEOUT_MS, detectReentry = false, scope } = options;
  checkOwner('exclusive(object, options)', scope);
  if (options.name !== undefined && typeof options.name !== 'string')
    throw new TypeError(`exclusive(object, options): name must be a text, not ${kindOf(options.name)}`);
  if (typeof timeoutMs !== 'number' || !(timeoutMs > 0))
    throw new RangeError(`timeoutMs must be above 0, not ${timeoutMs}`);
  const name = options.name ?? object.constructor?.name ?? 'object';
  const lock = new ExclusiveLock({ name, timeoutMs, detectReentry });
  const methods = new Map<PropertyKey, unknown>();
  const facade = new Proxy(Object.create(null) as object, {
    get: (_target, key, receiver) => member(receiver as object, object, key, name, lock, methods),
    set: (_target, key) => {
      throw new TypeError(`${name}.${String(key)} must be set inside exclusive.run`);
    },
    has: (_target, key) => key in object,
  });
  const entry: Behind = { object, lock };
  inside.set(facade, entry);
  entry.owned = ownedBy(scope, `exclusive ${name}`, {
    release: (timeoutMs) => exclusive.close(facade as Exclusive<T>, { timeoutMs }),
  });
  return facade as Exclusive<T>;
}

/**
 * Runs `body` alone with the object: for several calls that belong together, and for properties. Waits its turn like a
 * call of a method.
 * @throws TypeError when `facade` is none or `body` no function; rejects as `body` does, and with WT_THREADS_LOCK_TIMEOUT,
 * WT_THREADS_LOCK_CLOSED, WT_THREADS_WOULD_DEADLOCK
 */
exclusive.run = <T extends object, R>(facade: Exclusive<T>, body: (object: T) => R): Promise<Awaited<R>> => {
  const { object, lock } = behind(facade);
  if (typeof body !== 'function')
    throw new TypeError(`exclusive.run(facade, body): body must be a function, not ${kindOf(body)}`);
  return lock.run('run', () => body(object as T));
};

/**
 * Refuses further calls, rejects those that wait (WT_THREADS_LOCK_CLOSED) and waits for the one inside.
 * @param options.timeoutMs how long in ms, 5 000 if not given; rejects with WT_THREADS_LOCK_TIMEOUT after it
 */
exclusive.close = async (facade: Exclusive<object>, { timeoutMs = CLOSE_TIMEOUT_MS } = {}): Promise<void> => {
  const { lock, owned } = behind(facade);
  owned?.detach();
  if (await lock.close(performance.now() + timeoutMs)) return;
  throw new WatertightError('WT_THREADS_LOCK_TIMEOUT', `Cannot close ${lock.name} as ${lock.holder} is still inside`, {
    hint: 'bound what the method waits for',
    details: { object: lock.name, holder: lock.holder },
  });
};

function behind(facade: object): Behind {
  const found = inside.get(facade);
  if (found === undefined) throw new TypeError('facade must come from exclusive()');
  return found;
}

function member(
  facade: object,
  object: object,
  key: PropertyKey,
  name: string,
  lock: ExclusiveLock,
  methods: Map<PropertyKey, unknown>,
): unknown {
  if (key === Symbol.asyncDispose) return () => exclusive.close(facade as Exclusive<object>);
  const value = Reflect.get(object, key, object) as unknown;
  // `await facade` asks for `then`, printing asks for symbols: they find nothing.
  if (value === undefined || typeof key === 'symbol') return undefined;
  if (typeof value !== 'function') throw new TypeError(`${name}.${String(key)} must be read inside exclusive.run`);
  const known = methods.get(key);
  if (known !== undefined) return known;
  const call = (...args: unknown[]) =>
    // Looked up when its turn has come: a method that was replaced meanwhile is not called.
    lock.run(String(key), () => Reflect.apply(Reflect.get(object, key, object) as () => unknown, object, args));
  methods.set(key, call);
  return call;
}
