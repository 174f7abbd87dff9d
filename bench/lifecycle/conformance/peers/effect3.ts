import type { ScopeKind } from '../kinds/scope.js';
import type { Peer } from './peer.js';

const scope = (strategy: 'sequential' | 'parallel', { isLimited } = { isLimited: false }): ScopeKind => ({
  async open(limits) {
    const { Effect, ExecutionStrategy, Exit, Scope } = await import('effect3');
    const one = Effect.runSync(Scope.make(ExecutionStrategy[strategy]));
    return {
      add: (_name, release) =>
        Effect.runPromise(
          Scope.addFinalizerExit(one, () => {
            const released = release();
            const waiting = Effect.promise(() => Promise.resolve(released));
            // Finalizers are uninterruptible: without this a timeout waits for what it should end.
            return isLimited ? Effect.timeoutOption(Effect.interruptible(waiting), limits.releaseMs) : waiting;
          }),
        ),
      close: () => Effect.runPromiseExit(Scope.close(one, Exit.void)),
    };
  },
});

/** The release runs inside an effect, which catches what it throws (Effect-TS/effect#7916). */
const suspended: ScopeKind = {
  async open() {
    const { Effect, Exit, Scope } = await import('effect3');
    const one = Effect.runSync(Scope.make());
    return {
      add: (_name, release) =>
        Effect.runPromise(
          Scope.addFinalizer(
            one,
            Effect.promise(async () => release()),
          ),
        ),
      close: () => Effect.runPromiseExit(Scope.close(one, Exit.void)),
    };
  },
};

export const effect3: Peer = {
  name: 'effect 3',
  package: 'effect3',
  scope: [
    { how: 'sequential scope', kind: scope('sequential') },
    { how: 'parallel scope', for: ['hang-then-continue'], kind: scope('parallel') },
    {
      how: 'Effect.interruptible and timeoutOption written into every release',
      for: ['hang-then-continue'],
      kind: scope('sequential', { isLimited: true }),
    },
    { how: 'Effect.suspend written around every release', for: ['sync-throw-in-release'], kind: suspended },
  ],
  startup: [
    {
      how: 'acquireReleaseInterruptible',
      kind: {
        async open() {
          const { Effect, Exit, Fiber } = await import('effect3');
          let program = Effect.void as import('effect3').Effect.Effect<unknown, never, import('effect3').Scope.Scope>;
          let fiber: ReturnType<typeof Effect.runFork> | undefined;
          return {
            step(_name, start, stop) {
              let started = false;
              const acquire = Effect.promise(async () => {
                await start();
                started = true;
              });
              // This release runs also when acquiring failed.
              const release = () => Effect.promise(async () => started && stop());
              program = Effect.andThen(program, Effect.acquireReleaseInterruptible(acquire, release));
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
  signals: [
    {
      how: 'runPromise with the parent’s signal',
      kind: {
        async open() {
          const { Effect } = await import('effect3');
          const { signal } = new AbortController();
          return { signal, child: () => Effect.runPromise(Effect.yieldNow(), { signal }) };
        },
      },
    },
  ],
};
