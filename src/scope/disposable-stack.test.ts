import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { Scope } from './scope.js';

/**
 * What ECMA-262 says of `AsyncDisposableStack`, as assertions that hold for the language's own stack and for core-js; and
 * `Scope`, which follows them but for the differences below. Each row is checked twice: the assertion of the standard has
 * to fail for `Scope`, and its own has to hold. One long list, as it is read beside the text of the standard.
 */
const DIFFERENCES: Readonly<Record<string, { readonly scope: string; readonly reason: string }>> = {
  'the constructor takes no arguments': {
    scope: 'new Scope(name) wants a name',
    reason: 'a report that cannot name what hangs helps nobody',
  },
  'Object.prototype.toString() gives [object AsyncDisposableStack]': {
    scope: 'it gives [object Object]',
    reason: 'it is a Scope, and code that looks for the tag would count on the other differences',
  },
  '[Symbol.asyncDispose] is the function disposeAsync': {
    scope: 'they are two methods that do the same',
    reason: 'a subclass that overrides disposeAsync() is then used by `await using` too',
  },
  'disposeAsync() called while another runs resolves at once': {
    scope: 'it waits for the one run, and only the first caller is told of failures',
    reason: 'whoever goes on after closing must be able to rely on it',
  },
  'disposeAsync() rejects with a chain of SuppressedErrors when several releases fail': {
    scope: 'it rejects with one AggregateError, in the order in which they happened',
    reason: 'a flat list keeps every error within reach; Node 20 and 22 have no SuppressedError',
  },
  'disposeAsync() rejects with undefined when that was thrown': {
    scope: 'it rejects with an Error that says so',
    reason: 'a failure of nothing would be lost in every log',
  },
  'disposeAsync() lets a turn pass between two synchronous releases': {
    scope: 'synchronous releases run one after the other',
    reason: 'a turn costs more than the rest of a release',
  },
  'disposeAsync() is pending as long as a release hangs': {
    scope: 'it ends by its deadline, the others released, and rejects with WT_SCOPE_STUCK',
    reason: 'a close that always ends is what a scope is for',
  },
  'use(), adopt(), defer() and move() throw a ReferenceError once disposal has begun': {
    scope: 'they throw WT_SCOPE_CLOSED',
    reason: 'a caller may handle it, so it has a stable code and a hint',
  },
  'use(), adopt() and defer() leave what comes too late to their caller': {
    scope: 'it is released at once, and then refused',
    reason: 'what was opened meanwhile would leak, as its acquirer has no other owner for it',
  },
  'use() wants an object with Symbol.asyncDispose or Symbol.dispose': {
    scope: 'it takes what has close, end, quit, disconnect, destroy, terminate or stop too',
    reason: 'database pools and clients have these',
  },
  'use() refuses a text': {
    scope: 'a text is the name of what follows',
    reason: 'names are what reports are made of',
  },
  'use() refuses a Symbol.asyncDispose that is no function': {
    scope: 'it takes the next way that it finds',
    reason: 'an object of many ways is closed by one that works',
  },
  'use() reads Symbol.dispose only when there is no Symbol.asyncDispose': {
    scope: 'it reads both',
    reason: 'it shows only in getters that count',
  },
  'use() does not wait for the promise of a Symbol.dispose': {
    scope: 'it waits, and its failure counts',
    reason: 'nothing is released before its promise says so',
  },
  'adopt() calls back with the value alone': {
    scope: 'with the value and { deadlineAt }, where it has a second parameter',
    reason: 'a release can divide the time that it has',
  },
  'defer() returns undefined': {
    scope: 'it returns a Held, which releases early or detaches',
    reason: 'the standard has no way to take one entry out',
  },
};

interface Stack {
  readonly disposed: boolean;
  use<T>(value: T): T;
  adopt<T>(value: T, onDispose: (value: T) => unknown): T;
  defer(onDispose: () => unknown): unknown;
  move(): Stack;
  disposeAsync(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
type StackClass = new () => Stack;

interface Rule {
  readonly name: string;
  /** Throws when a stack made by `make` does not keep it. */
  standard(make: () => Stack): unknown;
  /** The same for a scope, where it differs. */
  scope?(make: () => Scope): unknown;
}

const require = createRequire(import.meta.url);
const CoreJs = require('core-js-pure/actual/async-disposable-stack') as StackClass;
const Native = (globalThis as { AsyncDisposableStack?: StackClass }).AsyncDisposableStack;

/** Time for a release in the scopes here. */
const RELEASE_TIMEOUT_MS = 20;
/** How long a hanging release is looked at: a scope has ended long before. */
const HANG_MS = 150;

const fails = (error: unknown) => () => Promise.reject(error);

/** A promise to be opened by hand. */
function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** How a promise has settled after some turns; no time is waited for. */
async function stateOf(promise: Promise<unknown>): Promise<'pending' | 'fulfilled' | 'rejected'> {
  let state: 'pending' | 'fulfilled' | 'rejected' = 'pending';
  promise.then(
    () => (state = 'fulfilled'),
    () => (state = 'rejected'),
  );
  for (let turn = 0; turn < 20; turn++) await null;
  return state;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let error: unknown = 'it did not reject';
  await promise.catch((reason) => (error = reason));
  return error;
}

const rules: readonly Rule[] = [
  {
    name: 'the constructor takes no arguments',
    standard: (make) => new (make().constructor as StackClass)(),
    scope: () => expect(() => new (Scope as unknown as StackClass)()).toThrow(TypeError),
  },
  {
    name: 'the constructor wants new',
    standard: (make) => expect(() => Reflect.apply(make().constructor, undefined, ['name'])).toThrow(TypeError),
  },
  {
    name: 'Object.prototype.toString() gives [object AsyncDisposableStack]',
    standard: (make) => expect(Object.prototype.toString.call(make())).toBe('[object AsyncDisposableStack]'),
    scope: (make) => expect(Object.prototype.toString.call(make())).toBe('[object Object]'),
  },
  {
    name: '[Symbol.asyncDispose] is the function disposeAsync',
    standard: (make) => expect(make()[Symbol.asyncDispose]).toBe(make().disposeAsync),
    async scope(make) {
      const order: string[] = [];
      const scope = make();
      scope.defer(() => order.push('released'));
      await scope[Symbol.asyncDispose]();
      expect(order).toEqual(['released']);
    },
  },
  {
    name: 'disposed tells that disposal has begun, not that it has ended',
    async standard(make) {
      const { opened, open } = gate();
      const stack = make();
      stack.defer(() => opened);
      expect(stack.disposed).toBe(false);
      const disposing = stack.disposeAsync();
      expect(stack.disposed).toBe(true);
      open();
      await disposing;
      expect(stack.disposed).toBe(true);
    },
  },
  {
    name: 'disposed and disposeAsync() know their own: a TypeError, thrown and rejected',
    async standard(make) {
      const stack = make();
      const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(stack), 'disposed')!;
      expect(() => get!.call({})).toThrow(TypeError);
      expect(await rejection(stack.disposeAsync.call({}))).toBeInstanceOf(TypeError);
    },
  },
  {
    name: 'disposeAsync() of an empty one resolves to undefined',
    standard: async (make) => expect(await make().disposeAsync()).toBeUndefined(),
  },
  {
    name: 'disposeAsync() releases what was used, adopted and deferred, newest first',
    async standard(make) {
      const order: string[] = [];
      const stack = make();
      stack.use({ [Symbol.asyncDispose]: async () => order.push('used') });
      stack.adopt('adopted', (value) => order.push(value));
      stack.defer(() => order.push('deferred'));
      stack.use({ [Symbol.dispose]: () => order.push('used, synchronous') });
      expect(await stack.disposeAsync()).toBeUndefined();
      expect(order).toEqual(['used, synchronous', 'deferred', 'adopted', 'used']);
    },
  },
  {
    name: 'disposeAsync() begins the first release before it returns',
    async standard(make) {
      const order: string[] = [];
      const stack = make();
      stack.defer(() => order.push('released'));
      const disposing = stack.disposeAsync();
      order.push('returned');
      await disposing;
      expect(order).toEqual(['released', 'returned']);
    },
  },
  {
    name: 'disposeAsync() begins a release when the one before has ended',
    async standard(make) {
      const { opened, open } = gate();
      const order: string[] = [];
      const stack = make();
      stack.defer(() => order.push('oldest'));
      stack.defer(async () => {
        order.push('newest begins');
        await opened;
        order.push('newest ends');
      });
      const disposing = stack.disposeAsync();
      expect(await stateOf(disposing)).toBe('pending');
      expect(order).toEqual(['newest begins']);
      open();
      await disposing;
      expect(order).toEqual(['newest begins', 'newest ends', 'oldest']);
    },
  },
  {
    name: 'disposeAsync() lets a turn pass between two synchronous releases',
    async standard(make) {
      const order: string[] = [];
      const stack = make();
      stack.defer(() => order.push('oldest'));
      stack.defer(() => void Promise.resolve().then(() => order.push('turn')));
      await stack.disposeAsync();
      expect(order).toEqual(['turn', 'oldest']);
    },
    async scope(make) {
      const order: string[] = [];
      const scope = make();
      scope.defer(() => order.push('oldest'));
      scope.defer(() => void Promise.resolve().then(() => order.push('turn')));
      await scope.disposeAsync();
      expect(order).toEqual(['oldest', 'turn']);
    },
  },
  {
    name: 'disposeAsync() releases the rest after a failure, and rejects with that error as it is',
    async standard(make) {
      const order: string[] = [];
      const error = new Error('failed');
      const stack = make();
      stack.defer(() => order.push('oldest'));
      stack.defer(fails(error));
      stack.defer(() => order.push('newest'));
      expect(await rejection(stack.disposeAsync())).toBe(error);
      expect(order).toEqual(['newest', 'oldest']);
    },
  },
  {
    name: 'disposeAsync() takes a throw for a rejection',
    async standard(make) {
      const order: string[] = [];
      const error = new Error('thrown');
      const stack = make();
      stack.defer(() => order.push('oldest'));
      stack.defer(() => {
        throw error;
      });
      expect(await rejection(stack.disposeAsync())).toBe(error);
      expect(order).toEqual(['oldest']);
    },
  },
  {
    name: 'disposeAsync() rejects with undefined when that was thrown',
    async standard(make) {
      const stack = make();
      stack.defer(fails(undefined));
      expect(await rejection(stack.disposeAsync())).toBeUndefined();
    },
    async scope(make) {
      const scope = make();
      scope.defer(fails(undefined));
      expect(await rejection(scope.disposeAsync())).toMatchObject({ message: 'undefined was thrown' });
    },
  },
  {
    name: 'disposeAsync() rejects with a chain of SuppressedErrors when several releases fail',
    async standard(make) {
      const [first, second, third] = ['first', 'second', 'third'].map((name) => new Error(name));
      const stack = make();
      for (const error of [third, second, first]) stack.defer(fails(error));
      const rejected = await rejection(stack.disposeAsync());
      expect(rejected).toMatchObject({ name: 'SuppressedError', suppressed: { name: 'SuppressedError' } });
      const last = rejected as { error: unknown; suppressed: { error: unknown; suppressed: unknown } };
      expect([last.error, last.suppressed.error, last.suppressed.suppressed]).toEqual([third, second, first]);
    },
    async scope(make) {
      const [first, second, third] = ['first', 'second', 'third'].map((name) => new Error(name));
      const scope = make();
      for (const error of [third, second, first]) scope.defer(fails(error));
      const rejected = await rejection(scope.disposeAsync());
      expect(rejected).toBeInstanceOf(AggregateError);
      expect((rejected as AggregateError).errors).toEqual([first, second, third]);
    },
  },
  {
    name: 'disposeAsync() after the end resolves, and releases nothing again',
    async standard(make) {
      let released = 0;
      const stack = make();
      stack.defer(() => {
        released++;
        throw new Error('failed');
      });
      await rejection(stack.disposeAsync());
      expect(await stack.disposeAsync()).toBeUndefined();
      expect(released).toBe(1);
    },
  },
  {
    name: 'disposeAsync() called while another runs resolves at once',
    async standard(make) {
      const { opened, open } = gate();
      const stack = make();
      stack.defer(() => opened);
      const first = stack.disposeAsync();
      const state = await stateOf(stack.disposeAsync());
      open();
      await first;
      expect(state).toBe('fulfilled');
    },
    async scope(make) {
      const { opened, open } = gate();
      const error = new Error('failed');
      const scope = make();
      scope.defer(() => opened.then(fails(error)));
      const first = rejection(scope.disposeAsync());
      const second = scope.disposeAsync();
      expect(await stateOf(second)).toBe('pending');
      open();
      expect(await first).toBe(error);
      expect(await second).toBeUndefined();
    },
  },
  {
    name: 'disposeAsync() called from inside a release does not wait for itself, and releases once',
    async standard(make) {
      let released = 0;
      const stack = make();
      stack.defer(async () => {
        released++;
        await stack.disposeAsync();
      });
      await stack.disposeAsync();
      expect(released).toBe(1);
    },
  },
  {
    name: 'disposeAsync() is pending as long as a release hangs',
    async standard(make) {
      const { opened, open } = gate();
      const order: string[] = [];
      const stack = make();
      stack.defer(() => order.push('oldest'));
      stack.defer(() => opened);
      const disposing = stack.disposeAsync();
      const settled = await Promise.race([
        disposing.then(
          () => true,
          () => true,
        ),
        new Promise((resolve) => setTimeout(resolve, HANG_MS, false)),
      ]);
      open();
      await disposing.catch(() => {});
      expect(settled).toBe(false);
    },
    async scope(make) {
      const { opened, open } = gate();
      const order: string[] = [];
      const scope = make();
      scope.defer('oldest', () => order.push('oldest'));
      scope.defer('hangs', () => opened);
      const details = { stuck: [{ path: 'stack/hangs', state: 'releasing' }] };
      expect(await rejection(scope.disposeAsync())).toMatchObject({ code: 'WT_SCOPE_STUCK', details });
      expect(order).toEqual(['oldest']);
      open();
    },
  },
  {
    name: 'use() gives back what it was given',
    async standard(make) {
      const stack = make();
      const resource = { [Symbol.dispose]: () => {} };
      expect(stack.use(resource)).toBe(resource);
      await stack.disposeAsync();
    },
  },
  {
    name: 'use() lets null and undefined pass',
    async standard(make) {
      const stack = make();
      expect(stack.use(null)).toBeNull();
      expect(stack.use(undefined)).toBeUndefined();
      expect(await stack.disposeAsync()).toBeUndefined();
    },
  },
  {
    name: 'use() takes functions that can be disposed of',
    async standard(make) {
      const order: string[] = [];
      const stack = make();
      stack.use(Object.assign(() => {}, { [Symbol.asyncDispose]: async () => order.push('released') }));
      await stack.disposeAsync();
      expect(order).toEqual(['released']);
    },
  },
  {
    name: 'use() prefers Symbol.asyncDispose, and calls it on the object without arguments',
    async standard(make) {
      const calls: unknown[] = [];
      const resource = {
        [Symbol.asyncDispose](...args: unknown[]) {
          calls.push(this, args);
        },
        [Symbol.dispose]: () => calls.push('dispose'),
      };
      const stack = make();
      stack.use(resource);
      await stack.disposeAsync();
      expect(calls).toEqual([resource, []]);
      expect(calls[0]).toBe(resource);
    },
  },
  {
    name: 'use() takes Symbol.dispose where Symbol.asyncDispose is null or undefined',
    async standard(make) {
      const order: string[] = [];
      const stack = make();
      for (const nothing of [null, undefined]) {
        stack.use({ [Symbol.asyncDispose]: nothing, [Symbol.dispose]: () => order.push(String(nothing)) });
      }
      await stack.disposeAsync();
      expect(order).toEqual(['undefined', 'null']);
    },
  },
  {
    name: 'use() looks the method up when it is called, not when it releases',
    async standard(make) {
      const order: string[] = [];
      const resource = { [Symbol.asyncDispose]: async () => void order.push('of then') };
      const stack = make();
      stack.use(resource);
      resource[Symbol.asyncDispose] = async () => void order.push('of now');
      await stack.disposeAsync();
      expect(order).toEqual(['of then']);
    },
  },
  {
    name: 'use() reads Symbol.dispose only when there is no Symbol.asyncDispose',
    async standard(make) {
      const read: string[] = [];
      const stack = make();
      stack.use(counted(read));
      await stack.disposeAsync();
      expect(read).toEqual(['asyncDispose']);
    },
    async scope(make) {
      const read: string[] = [];
      const scope = make();
      scope.use(counted(read));
      await scope.disposeAsync();
      expect(read).toEqual(['asyncDispose', 'dispose']);
    },
  },
  {
    name: 'use() does not wait for the promise of a Symbol.dispose',
    async standard(make) {
      const { opened, open } = gate();
      const stack = make();
      stack.use({ [Symbol.dispose]: () => opened });
      const disposing = stack.disposeAsync();
      const state = await stateOf(disposing);
      open();
      await disposing;
      expect(state).toBe('fulfilled');
    },
    async scope(make) {
      const { opened, open } = gate();
      const error = new Error('failed');
      const scope = make();
      scope.use({ [Symbol.dispose]: () => opened.then(fails(error)) });
      const disposing = rejection(scope.disposeAsync());
      expect(await stateOf(disposing)).toBe('pending');
      open();
      expect(await disposing).toBe(error);
    },
  },
  {
    name: 'use() refuses numbers, booleans and symbols, and keeps nothing of them',
    async standard(make) {
      const stack = make();
      for (const value of [1, true, Symbol('s'), 1n]) expect(() => stack.use(value)).toThrow(TypeError);
      expect(await stack.disposeAsync()).toBeUndefined();
    },
  },
  {
    name: 'use() refuses a text',
    standard: (make) => expect(() => make().use('text')).toThrow(TypeError),
    async scope(make) {
      const order: string[] = [];
      const scope = make();
      const resource = { [Symbol.dispose]: () => void order.push('released') };
      expect(scope.use('text', resource)).toBe(resource);
      expect(scope.tree().resources.map(({ name }) => name)).toEqual(['text']);
      await scope.disposeAsync();
      expect(order).toEqual(['released']);
    },
  },
  {
    name: 'use() refuses an object that cannot be disposed of',
    standard: (make) => expect(() => make().use({ dispose: () => {} })).toThrow(TypeError),
  },
  {
    name: 'use() wants an object with Symbol.asyncDispose or Symbol.dispose',
    standard: (make) => expect(() => make().use({ close: () => {} })).toThrow(TypeError),
    async scope(make) {
      const order: string[] = [];
      const scope = make();
      scope.use({ close: () => order.push('close'), destroy: () => order.push('destroy') });
      await scope.disposeAsync();
      expect(order).toEqual(['close']);
    },
  },
  {
    name: 'use() refuses a Symbol.asyncDispose that is no function',
    standard: (make) => {
      const resource = { [Symbol.asyncDispose]: 1, [Symbol.dispose]: () => {} };
      expect(() => make().use(resource)).toThrow(TypeError);
    },
    async scope(make) {
      const order: string[] = [];
      const scope = make();
      scope.use({ [Symbol.asyncDispose]: 1, [Symbol.dispose]: () => order.push('dispose') } as unknown as Disposable);
      await scope.disposeAsync();
      expect(order).toEqual(['dispose']);
    },
  },
  {
    name: 'adopt() takes any value, gives it back, and calls back on nothing',
    async standard(make) {
      const calls: unknown[] = [];
      const stack = make();
      for (const value of [undefined, null, 1, 'text']) {
        const adopted = stack.adopt(value, function (this: unknown, given) {
          calls.push(this, given);
        });
        expect(adopted).toBe(value);
      }
      await stack.disposeAsync();
      expect(calls).toEqual([undefined, 'text', undefined, 1, undefined, null, undefined, undefined]);
    },
  },
  {
    name: 'adopt() calls back with the value alone',
    async standard(make) {
      const given: unknown[] = [];
      const stack = make();
      stack.adopt('value', (value, context?: unknown) => given.push(value, context));
      await stack.disposeAsync();
      expect(given).toEqual(['value', undefined]);
    },
    async scope(make) {
      const given: unknown[] = [];
      const scope = make();
      scope.adopt('value', (value, context) => given.push(value, context));
      await scope.disposeAsync();
      expect(given).toEqual(['value', { deadlineAt: expect.any(Number) }]);
    },
  },
  {
    name: 'adopt() refuses what is no function, and keeps nothing of it',
    async standard(make) {
      const stack = make();
      for (const wrong of [undefined, null, {}, 'text']) {
        expect(() => stack.adopt(1, wrong as unknown as () => void)).toThrow(TypeError);
      }
      expect(await stack.disposeAsync()).toBeUndefined();
    },
  },
  {
    name: 'defer() calls back on nothing, without arguments',
    async standard(make) {
      const calls: unknown[] = [];
      const stack = make();
      stack.defer(function (this: unknown, ...args: unknown[]) {
        calls.push(this, args);
      });
      await stack.disposeAsync();
      expect(calls).toEqual([undefined, []]);
    },
  },
  {
    name: 'defer() returns undefined',
    standard: (make) => expect(make().defer(() => {})).toBeUndefined(),
    async scope(make) {
      const order: string[] = [];
      const scope = make();
      const held = scope.defer(() => order.push('released'));
      await held.release();
      expect(order).toEqual(['released']);
      await scope.disposeAsync();
      expect(order).toEqual(['released']);
    },
  },
  {
    name: 'defer() refuses what is no function',
    standard: (make) => {
      for (const wrong of [undefined, null, {}]) {
        expect(() => make().defer(wrong as unknown as () => void)).toThrow(TypeError);
      }
    },
  },
  {
    name: 'move() hands everything over, in order, and releases nothing; the old one is disposed of',
    async standard(make) {
      const order: string[] = [];
      const stack = make();
      stack.defer(() => order.push('oldest'));
      stack.adopt('newest', (value) => order.push(value));
      const moved = stack.move();
      expect(moved).not.toBe(stack);
      expect(moved.constructor).toBe(stack.constructor);
      expect([stack.disposed, moved.disposed]).toEqual([true, false]);
      await stack.disposeAsync();
      expect(order).toEqual([]);
      moved.defer(() => order.push('added later'));
      await moved.disposeAsync();
      expect(order).toEqual(['added later', 'newest', 'oldest']);
    },
  },
  {
    name: 'use(), adopt(), defer() and move() throw a ReferenceError once disposal has begun',
    async standard(make) {
      for (const late of await lateAdditions(make())) expect(late).toThrow(ReferenceError);
    },
    async scope(make) {
      const closed = expect.objectContaining({ code: 'WT_SCOPE_CLOSED' });
      for (const late of await lateAdditions(make())) expect(late).toThrow(closed);
    },
  },
  {
    name: 'use(), adopt() and defer() leave what comes too late to their caller',
    async standard(make) {
      const released: string[] = [];
      for (const late of await lateAdditions(make(), released)) expect(late).toThrow();
      expect(released).toEqual([]);
    },
    async scope(make) {
      const released: string[] = [];
      for (const late of await lateAdditions(make(), released)) expect(late).toThrow();
      expect(released).toEqual(['used', 'adopted', 'deferred', 'used', 'adopted', 'deferred']);
    },
  },
];

/** An object whose getters note that they are read. */
function counted(read: string[]): AsyncDisposable & Disposable {
  return {
    get [Symbol.asyncDispose]() {
      read.push('asyncDispose');
      return async () => {};
    },
    get [Symbol.dispose]() {
      read.push('dispose');
      return () => {};
    },
  };
}

/** All additions, tried while `stack` is being disposed of, and again as functions after it has been. */
async function lateAdditions(stack: Stack | Scope, released: string[] = []): Promise<(() => unknown)[]> {
  const target = stack as Stack;
  const additions = [
    () => target.use({ [Symbol.dispose]: () => void released.push('used') }),
    () => target.adopt('adopted', (value) => released.push(value)),
    () => target.defer(() => released.push('deferred')),
    () => target.move(),
  ];
  const outcomes: (() => unknown)[] = [];
  target.defer(() => {
    for (const add of additions) {
      try {
        add();
        outcomes.push(() => {});
      } catch (error) {
        outcomes.push(() => {
          throw error;
        });
      }
    }
  });
  await target.disposeAsync();
  return [...outcomes, ...additions];
}

const makeScope = () => new Scope('stack', { releaseTimeoutMs: RELEASE_TIMEOUT_MS });

describe.each(
  [
    ['AsyncDisposableStack of core-js', CoreJs],
    ['AsyncDisposableStack of the language', Native],
  ].filter((row): row is [string, StackClass] => row[1] !== undefined),
)('%s', (_name, Implementation) => {
  test.each(rules)('$name', ({ standard }) => standard(() => new Implementation()) as Promise<void>);
});

describe('Scope as an AsyncDisposableStack', () => {
  for (const { name, standard, scope } of rules) {
    if (scope === undefined) {
      test(name, () => standard(makeScope as unknown as () => Stack) as Promise<void>);
      continue;
    }
    test(`differs: ${DIFFERENCES[name]?.scope}`, async () => {
      await scope(makeScope);
      const kept = await Promise.resolve()
        .then(() => standard(makeScope as unknown as () => Stack))
        .then(
          () => 'kept',
          () => 'differs',
        );
      expect(kept, 'the standard is kept after all: take it out of the differences').toBe('differs');
    });
  }

  test('each difference is told, with its reason', () => {
    const differing = rules.filter(({ scope }) => scope !== undefined).map(({ name }) => name);
    expect(Object.keys(DIFFERENCES).sort()).toEqual(differing.sort());
  });
});
