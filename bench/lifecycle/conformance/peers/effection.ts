import { pause } from '../observation.js';
import type { Peer } from './peer.js';

/** A scope that has ended takes a task and never starts it: nobody would tell whoever waits for that. */
const START_MS = 300;

export const effection: Peer = {
  name: 'effection 4',
  package: 'effection',
  scope: [
    {
      how: 'ensure() in a task of a scope',
      kind: {
        async open() {
          const { createScope, ensure, suspend, until } = await import('effection');
          const [scope, destroy] = createScope();
          return {
            async add(_name, release) {
              const begun = new Promise<void>((resolve) => {
                scope
                  .run(function* () {
                    yield* ensure(function* () {
                      yield* until(Promise.resolve(release()));
                    });
                    resolve();
                    yield* suspend();
                  })
                  // Halted with its scope, which tells of failures.
                  .catch(() => {});
              });
              await Promise.race([begun, pause(START_MS)]);
            },
            close: () => destroy(),
          };
        },
      },
    },
  ],
  startup: [
    {
      how: 'ensure() after each step of a task',
      kind: {
        async open() {
          const { ensure, run, suspend, until } = await import('effection');
          const steps: [() => Promise<unknown>, () => unknown][] = [];
          let task: ReturnType<typeof run> | undefined;
          return {
            step: (_name, start, stop) => void steps.push([start, stop]),
            start: () =>
              new Promise((resolve, reject) => {
                task = run(function* () {
                  for (const [start, stop] of steps) {
                    yield* until(start());
                    yield* ensure(() => {
                      stop();
                    });
                  }
                  resolve('ready');
                  yield* suspend();
                });
                task.catch(reject);
              }),
            close: () => task?.halt(),
          };
        },
      },
    },
  ],
  program: [
    {
      how: 'main()',
      kind: {
        async acquire(open, release) {
          const { ensure, main, suspend, until } = await import('effection');
          await main(function* () {
            const value = yield* until(open());
            yield* ensure(function* () {
              yield* until(release(value));
            });
            yield* suspend();
          });
        },
        async own(_name, release) {
          const { ensure, main, suspend, until } = await import('effection');
          await new Promise<void>((resolve) => {
            void main(function* () {
              yield* ensure(function* () {
                yield* until(release());
              });
              resolve();
              yield* suspend();
            });
          });
        },
      },
    },
    {
      how: 'useAbortSignal() given to what acquires',
      for: ['signal-during-acquire'],
      kind: {
        async acquire(open, release) {
          const { ensure, main, suspend, until, useAbortSignal } = await import('effection');
          await main(function* () {
            const value = yield* until(open(yield* useAbortSignal()));
            yield* ensure(function* () {
              yield* until(release(value));
            });
            yield* suspend();
          });
        },
        own: async () => {},
      },
    },
  ],
  signals: [
    {
      how: 'a child scope, made and destroyed',
      kind: {
        async open() {
          const { createScope } = await import('effection');
          const [parent] = createScope();
          return {
            async child() {
              const [, destroy] = createScope(parent);
              await destroy();
            },
          };
        },
      },
    },
  ],
};
