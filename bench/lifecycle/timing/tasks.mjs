// 10 000 trivial asynchronous tasks, begun one after another and awaited together; the time is that of one task.
export const TASKS = 10_000;
const task = async () => {};

const rounds = {
  'watertight BackgroundTasks': async () => {
    const { BackgroundTasks } = await import('../../../dist/tasks/index.js');
    const background = new BackgroundTasks({ name: 'bench' });
    return async () => {
      for (let i = 0; i < TASKS; i++) background.spawn('task', task);
      await background.settled();
    };
  },
  'watertight BackgroundTasks, each with a time limit': async () => {
    const { BackgroundTasks } = await import('../../../dist/tasks/index.js');
    const background = new BackgroundTasks({ name: 'bench' });
    const options = { timeoutMs: 60_000 };
    return async () => {
      for (let i = 0; i < TASKS; i++) background.spawn('task', task, options);
      await background.settled();
    };
  },
  'Promise.all': async () => async () => {
    const promises = [];
    for (let i = 0; i < TASKS; i++) promises.push(task());
    await Promise.all(promises);
  },
  'a Set and finally(delete)': async () => async () => {
    const running = new Set();
    for (let i = 0; i < TASKS; i++) {
      const promise = task().finally(() => running.delete(promise));
      running.add(promise);
    }
    await Promise.all(running);
  },
  'p-limit 64': async () => {
    const { default: pLimit } = await import('p-limit');
    const limit = pLimit(64);
    return async () => {
      const promises = [];
      for (let i = 0; i < TASKS; i++) promises.push(limit(task));
      await Promise.all(promises);
    };
  },
  'p-limit without limit': async () => {
    const { default: pLimit } = await import('p-limit');
    const limit = pLimit(Number.POSITIVE_INFINITY);
    return async () => {
      const promises = [];
      for (let i = 0; i < TASKS; i++) promises.push(limit(task));
      await Promise.all(promises);
    };
  },
  'p-queue 64': async () => {
    const { default: PQueue } = await import('p-queue');
    const queue = new PQueue({ concurrency: 64 });
    return async () => {
      for (let i = 0; i < TASKS; i++) queue.add(task);
      await queue.onIdle();
    };
  },
  'p-queue without limit': async () => {
    const { default: PQueue } = await import('p-queue');
    const queue = new PQueue();
    return async () => {
      for (let i = 0; i < TASKS; i++) queue.add(task);
      await queue.onIdle();
    };
  },
  'effect 4 FiberSet': async () => {
    const { Effect, FiberSet } = await import('effect4');
    const one = Effect.promise(task);
    const program = Effect.scoped(
      Effect.gen(function* () {
        const set = yield* FiberSet.make();
        for (let i = 0; i < TASKS; i++) yield* FiberSet.run(set, one);
        yield* FiberSet.awaitEmpty(set);
      }),
    );
    return () => Effect.runPromise(program);
  },
  'effect 4 forEach unbounded': async () => {
    const { Effect } = await import('effect4');
    const one = Effect.promise(task);
    const each = Array.from({ length: TASKS }, (_, i) => i);
    return () => Effect.runPromise(Effect.forEach(each, () => one, { concurrency: 'unbounded', discard: true }));
  },
  'effection 4 spawn': async () => {
    const { run, scoped, spawn, until } = await import('effection');
    return () =>
      run(function* () {
        yield* scoped(function* () {
          const spawned = [];
          for (let i = 0; i < TASKS; i++) {
            spawned.push(
              yield* spawn(function* () {
                yield* until(task());
              }),
            );
          }
          for (const one of spawned) yield* one;
        });
      });
  },
};

/** A run is a round of all the tasks. */
export const tasks = Object.fromEntries(
  Object.entries(rounds).map(([name, prepare]) => [
    name,
    async () => {
      const round = await prepare();
      return async (count) => {
        for (let i = 0; i < count; i++) await round();
      };
    },
  ]),
);
