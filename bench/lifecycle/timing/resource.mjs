// One resource: opened, registered, released, awaited; each time in a scope of its own.
// Plain JavaScript: what tsx makes of TypeScript names every closure at run time, which costs more than what is measured.
const resource = { open: true };

const openNow = () => resource;
const closeNow = () => {};
const openLater = async () => resource;
const closeLater = async () => {};

const stack = (load, open, close) => async () => {
  const Stack = await load();
  return async (count) => {
    for (let i = 0; i < count; i++) {
      const stack = new Stack();
      stack.adopt(await open(), close);
      await stack.disposeAsync();
    }
  };
};

/** The synchronous ones do not await what is there already. */
const stackNow = (load) => async () => {
  const Stack = await load();
  return async (count) => {
    for (let i = 0; i < count; i++) {
      const stack = new Stack();
      stack.adopt(openNow(), closeNow);
      await stack.disposeAsync();
    }
  };
};

const coreJs = async () => (await import('core-js-pure/actual/async-disposable-stack/index.js')).default;
const esShims = async () => (await import('disposablestack/AsyncDisposableStack')).default;
const whatwg = async () => (await import('@whatwg-node/disposablestack')).AsyncDisposableStack;
const native = async () => globalThis.AsyncDisposableStack;

const effectScoped = (version, isLater) => async () => {
  const { Effect } = await import(version);
  const acquire = isLater ? Effect.promise(openLater) : Effect.sync(openNow);
  const release = isLater ? () => Effect.promise(closeLater) : () => Effect.sync(closeNow);
  const one = Effect.scoped(Effect.acquireRelease(acquire, release));
  return (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let i = 0; i < count; i++) yield* one;
      }),
    );
};

const effectUse = (version, isLater) => async () => {
  const { Effect } = await import(version);
  const acquire = isLater ? Effect.promise(openLater) : Effect.sync(openNow);
  const release = isLater ? () => Effect.promise(closeLater) : () => Effect.sync(closeNow);
  const one = Effect.acquireUseRelease(acquire, () => Effect.void, release);
  return (count) =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let i = 0; i < count; i++) yield* one;
      }),
    );
};

const effectionScoped = (isLater) => async () => {
  const { resource: define, run, scoped, until } = await import('effection');
  const one = define(function* (provide) {
    const value = isLater ? yield* until(openLater()) : openNow();
    try {
      yield* provide(value);
    } finally {
      if (isLater) yield* until(closeLater());
      else closeNow();
    }
  });
  return (count) =>
    run(function* () {
      for (let i = 0; i < count; i++) {
        yield* scoped(function* () {
          yield* one;
        });
      }
    });
};

const watertight = () => import('../../../dist/scope/index.js');

export const now = {
  'watertight Scope': async () => {
    const { Scope } = await watertight();
    return async (count) => {
      for (let i = 0; i < count; i++) {
        const scope = new Scope('one');
        scope.acquire('resource', openNow, closeNow);
        await scope.close();
      }
    };
  },
  'watertight Scope, a deadline of its own': async () => {
    const { Scope } = await watertight();
    const options = { timeoutMs: 1000 };
    return async (count) => {
      for (let i = 0; i < count; i++) {
        const scope = new Scope('one');
        scope.acquire('resource', openNow, closeNow, options);
        await scope.close();
      }
    };
  },
  'try/finally': async () => async (count) => {
    for (let i = 0; i < count; i++) {
      const value = openNow();
      try {
        await value;
      } finally {
        closeNow(value);
      }
    }
  },
  ...(globalThis.AsyncDisposableStack && { 'native AsyncDisposableStack': stackNow(native) }),
  'core-js-pure': stackNow(coreJs),
  disposablestack: stackNow(esShims),
  '@whatwg-node/disposablestack (not conformant)': stackNow(whatwg),
  'effect 4 scoped': effectScoped('effect4', false),
  'effect 4 acquireUseRelease': effectUse('effect4', false),
  'effect 3 scoped': effectScoped('effect3', false),
  'effect 3 acquireUseRelease': effectUse('effect3', false),
  'effection 4 scoped': effectionScoped(false),
};

export const later = {
  'watertight Scope': async () => {
    const { Scope } = await watertight();
    return async (count) => {
      for (let i = 0; i < count; i++) {
        const scope = new Scope('one');
        await scope.acquire('resource', openLater, closeLater);
        await scope.close();
      }
    };
  },
  'watertight Scope, a deadline of its own': async () => {
    const { Scope } = await watertight();
    const options = { timeoutMs: 1000 };
    return async (count) => {
      for (let i = 0; i < count; i++) {
        const scope = new Scope('one');
        await scope.acquire('resource', openLater, closeLater, options);
        await scope.close();
      }
    };
  },
  'watertight Scope, opened already': async () => {
    const { Scope } = await watertight();
    return async (count) => {
      for (let i = 0; i < count; i++) {
        const scope = new Scope('one');
        scope.hold('resource', await openLater(), closeLater);
        await scope.close();
      }
    };
  },
  'try/finally': async () => async (count) => {
    for (let i = 0; i < count; i++) {
      const value = await openLater();
      try {
        await value;
      } finally {
        await closeLater(value);
      }
    }
  },
  ...(globalThis.AsyncDisposableStack && { 'native AsyncDisposableStack': stack(native, openLater, closeLater) }),
  'core-js-pure': stack(coreJs, openLater, closeLater),
  disposablestack: stack(esShims, openLater, closeLater),
  '@whatwg-node/disposablestack (not conformant)': stack(whatwg, openLater, closeLater),
  'effect 4 scoped': effectScoped('effect4', true),
  'effect 4 acquireUseRelease': effectUse('effect4', true),
  'effect 3 scoped': effectScoped('effect3', true),
  'effect 3 acquireUseRelease': effectUse('effect3', true),
  'effection 4 scoped': effectionScoped(true),
};
