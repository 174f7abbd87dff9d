// A tree of 100 resources: ten groups of ten, started and closed; releases are asynchronous.
const GROUPS = 10;
const EACH = 10;
const closeLater = async () => {};
const resource = { open: true };

const stacks = (load) => async () => {
  const Stack = await load();
  return async (count) => {
    for (let i = 0; i < count; i++) {
      const root = new Stack();
      for (let group = 0; group < GROUPS; group++) {
        const child = root.use(new Stack());
        for (let one = 0; one < EACH; one++) child.adopt(resource, closeLater);
      }
      await root.disposeAsync();
    }
  };
};

export const tree = {
  'watertight Scope': async () => {
    const { Scope } = await import('../../../dist/scope/index.js');
    return async (count) => {
      for (let i = 0; i < count; i++) {
        const root = new Scope('app');
        for (let group = 0; group < GROUPS; group++) {
          const child = root.child('group');
          for (let one = 0; one < EACH; one++) child.hold('resource', resource, closeLater);
        }
        await root.close();
      }
    };
  },
  'a loop of awaits': async () => async (count) => {
    for (let i = 0; i < count; i++) {
      const held = [];
      for (let one = 0; one < GROUPS * EACH; one++) held.push(closeLater);
      for (const close of held.reverse()) await close();
    }
  },
  ...(globalThis.AsyncDisposableStack && {
    'native AsyncDisposableStack': stacks(async () => globalThis.AsyncDisposableStack),
  }),
  'core-js-pure': stacks(async () => (await import('core-js-pure/actual/async-disposable-stack/index.js')).default),
  disposablestack: stacks(async () => (await import('disposablestack/AsyncDisposableStack')).default),
  '@whatwg-node/disposablestack (not conformant)': stacks(
    async () => (await import('@whatwg-node/disposablestack')).AsyncDisposableStack,
  ),
  'effect 4 Scope': async () => {
    const { Effect, Exit, Scope } = await import('effect4');
    const release = Effect.promise(closeLater);
    const one = Effect.gen(function* () {
      const root = yield* Scope.make();
      for (let group = 0; group < GROUPS; group++) {
        const child = yield* Scope.fork(root);
        for (let i = 0; i < EACH; i++) yield* Scope.addFinalizer(child, release);
      }
      yield* Scope.close(root, Exit.void);
    });
    return (count) =>
      Effect.runPromise(
        Effect.gen(function* () {
          for (let i = 0; i < count; i++) yield* one;
        }),
      );
  },
  'effection 4': async () => {
    const { ensure, run, scoped, spawn, suspend, until } = await import('effection');
    return (count) =>
      run(function* () {
        for (let i = 0; i < count; i++) {
          yield* scoped(function* () {
            for (let group = 0; group < GROUPS; group++) {
              yield* spawn(function* () {
                for (let one = 0; one < EACH; one++) {
                  yield* ensure(function* () {
                    yield* until(closeLater());
                  });
                }
                yield* suspend();
              });
            }
          });
        }
      });
  },
};
