import type { LoansKind } from '../kinds/loans.js';
import type { ScopeKind } from '../kinds/scope.js';
import type { Peer } from './peer.js';

type Strategy = 'sequential' | 'parallel';

/** `isLimited`: what a user has to write around each release by hand. */
const scope = (strategy: Strategy, { isLimited } = { isLimited: false }): ScopeKind => ({
  async open(limits) {
    const { Effect, Exit, Scope } = await import('effect4');
    const one = Effect.runSync(Scope.make(strategy));
    return {
      add: (_name, release) =>
        Effect.runPromise(
          Scope.addFinalizerExit(one, () => {
            const released = release();
            const waiting = Effect.promise(() => Promise.resolve(released));
            return isLimited ? Effect.timeoutOption(waiting, limits.releaseMs) : waiting;
          }),
        ),
      close: () => Effect.runPromiseExit(Scope.close(one, Exit.void)),
    };
  },
});

const loans: LoansKind = {
  async open() {
    const { Effect, Exit, Pool, Scope } = await import('effect4');
    const owner = Effect.runSync(Scope.make());
    const acquire = Effect.acquireRelease(
      Effect.sync(() => ({})),
      () => Effect.void,
    );
    const pool = await Effect.runPromise(Scope.provide(Pool.make({ acquire, size: 1 }), owner));
    const take = async () => {
      const holder = Effect.runSync(Scope.make());
      await Effect.runPromise(Scope.provide(Pool.get(pool), holder));
      return { giveBack: () => Effect.runPromise(Scope.close(holder, Exit.void)) };
    };
    return { take, free: take, close: () => Effect.runPromiseExit(Scope.close(owner, Exit.void)) };
  },
};

export const effect4: Peer = {
  name: 'effect 4',
  package: 'effect4',
  scope: [
    { how: 'sequential scope', kind: scope('sequential') },
    { how: 'parallel scope', for: ['hang-then-continue'], kind: scope('parallel') },
    {
      how: 'Effect.timeoutOption written into every release',
      for: ['hang-then-continue'],
      kind: scope('sequential', { isLimited: true }),
    },
  ],
  startup: [
    {
      how: 'acquireRelease with interruptible: true',
      kind: {
        async open() {
          const { Effect, Exit, Fiber } = await import('effect4');
          let program = Effect.void as import('effect4').Effect.Effect<unknown, never, import('effect4').Scope.Scope>;
          let fiber: ReturnType<typeof Effect.runFork> | undefined;
          return {
            step(_name, start, stop) {
              const acquire = Effect.promise(() => start());
              const release = () => Effect.promise(async () => stop());
              const step = Effect.acquireRelease(acquire, release, { interruptible: true });
              program = Effect.andThen(program, step);
            },
            start: () =>
              new Promise((resolve, reject) => {
                const ready = Effect.sync(() => resolve('ready'));
                fiber = Effect.runFork(Effect.scoped(Effect.andThen(Effect.andThen(program, ready), Effect.never)));
                fiber.addObserver((exit) => (Exit.isSuccess(exit) ? resolve(exit) : reject(exit)));
              }),
            close: () => (fiber ? Effect.runPromise(Fiber.interrupt(fiber)) : undefined),
          };
        },
      },
    },
  ],
  loans: [{ how: 'Pool.get in a scope for each loan', kind: loans }],
  cache: [
    {
      how: 'ScopedCache',
      kind: {
        async open(capacity, release) {
          const { Effect, Exit, Scope, ScopedCache } = await import('effect4');
          const owner = Effect.runSync(Scope.make());
          const values = new Map<string, string>();
          const cache = await Effect.runPromise(
            Scope.provide(
              ScopedCache.make({
                capacity,
                lookup: (key: string) =>
                  Effect.acquireRelease(
                    Effect.sync(() => values.get(key) as string),
                    (value) => Effect.promise(() => release(value)),
                  ),
              }),
              owner,
            ),
          );
          return {
            async set(key, value) {
              const known = values.has(key);
              values.set(key, value);
              const ended = known ? await Effect.runPromiseExit(ScopedCache.invalidate(cache, key)) : Exit.void;
              await Effect.runPromise(ScopedCache.get(cache, key));
              if (Exit.isFailure(ended)) throw ended;
            },
            close: () => Effect.runPromiseExit(Scope.close(owner, Exit.void)),
          };
        },
      },
    },
  ],
  signals: [
    {
      how: 'runPromise with the parent’s signal',
      kind: {
        async open() {
          const { Effect } = await import('effect4');
          const { signal } = new AbortController();
          return { signal, child: () => Effect.runPromise(Effect.yieldNow, { signal }) };
        },
      },
    },
  ],
};
