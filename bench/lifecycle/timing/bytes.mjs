// Bytes of heap for each of 100 000 resources that are held: the payload, an object of its own, is in every figure.
export const RESOURCES = 100_000;
const close = () => {};

const stack = (load) => async () => {
  const Stack = await load();
  return () => {
    const stack = new Stack();
    for (let i = 0; i < RESOURCES; i++) stack.adopt({ i }, close);
    return stack;
  };
};

export const bytes = {
  'watertight Scope, names alike': async () => {
    const { Scope } = await import('../../../dist/scope/index.js');
    return () => {
      const scope = new Scope('all', { sites: 'off' });
      for (let i = 0; i < RESOURCES; i++) scope.hold('resource', { i }, close);
      return scope;
    };
  },
  'the payload alone, in an array': async () => () => Array.from({ length: RESOURCES }, (_, i) => ({ i })),
  'the payload and a closure': async () => () =>
    Array.from({ length: RESOURCES }, (_, i) => {
      const payload = { i };
      return () => payload;
    }),
  ...(globalThis.AsyncDisposableStack && {
    'native AsyncDisposableStack': stack(async () => globalThis.AsyncDisposableStack),
  }),
  'core-js-pure': stack(async () => (await import('core-js-pure/actual/async-disposable-stack/index.js')).default),
  disposablestack: stack(async () => (await import('disposablestack/AsyncDisposableStack')).default),
  '@whatwg-node/disposablestack': stack(
    async () => (await import('@whatwg-node/disposablestack')).AsyncDisposableStack,
  ),
  'effect 4 Scope': async () => {
    const { Effect, Scope } = await import('effect4');
    return () => {
      const scope = Effect.runSync(Scope.make());
      for (let i = 0; i < RESOURCES; i++) {
        const payload = { i };
        Effect.runSync(
          Scope.addFinalizer(
            scope,
            Effect.sync(() => payload),
          ),
        );
      }
      return scope;
    };
  },
};
