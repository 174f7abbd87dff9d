// What does a task cost that has a name, is timed and counted? 10,000 spawned and awaited.
// As installed: tsx would name every closure of a source at run time, which costs more than the rest.
// Run: npm run build && npx tsx bench/tasks/spawn.bench.ts   (rivals: npm ci --prefix bench/lifecycle)
import { BackgroundTasks } from '../../dist/tasks/index.js';
import { peer, race } from '../rivals.js';

const TASKS = 10_000;
const FLOOR_NS = 200;
const job = async () => {};

/** Spawns all, then waits for all of their promises. */
const spawnAll = (spawn: () => PromiseLike<unknown>) => async () => {
  const all: PromiseLike<unknown>[] = [];
  for (let n = 0; n < TASKS; n++) all.push(spawn());
  await Promise.all(all);
};

await race(
  import.meta.url,
  [
    {
      name: 'watertight, all promises awaited',
      prepare: () => {
        const tasks = new BackgroundTasks();
        return spawnAll(() => tasks.spawn('job', job));
      },
    },
    {
      name: 'watertight, settled() awaited',
      prepare: () => {
        const tasks = new BackgroundTasks();
        return async () => {
          for (let n = 0; n < TASKS; n++) void tasks.spawn('job', job);
          await tasks.settled();
        };
      },
    },
    {
      name: 'watertight, at most 64 at once',
      prepare: () => {
        const tasks = new BackgroundTasks({ concurrency: 64 });
        return spawnAll(() => tasks.spawn('job', job));
      },
    },
    {
      name: 'watertight, each with a limit of 60 s',
      prepare: () => {
        const tasks = new BackgroundTasks();
        return spawnAll(() => tasks.spawn('job', job, { timeoutMs: 60_000 }));
      },
    },
    {
      name: 'Promise.all, nothing counted',
      prepare: () => spawnAll(job),
    },
    {
      name: 'Set and finally(), counted only',
      prepare: () => {
        const tasks = new Set<Promise<void>>();
        return spawnAll(() => {
          const task = job();
          tasks.add(task);
          return task.finally(() => tasks.delete(task));
        });
      },
    },
    {
      name: 'p-limit 64',
      prepare: async () => {
        const limit = (await peer('p-limit')).default(64);
        return spawnAll(() => limit(job));
      },
    },
    {
      name: 'p-queue 64',
      prepare: async () => {
        const queue = new (await peer('p-queue')).default({ concurrency: 64 });
        return spawnAll(() => queue.add(job));
      },
    },
  ],
  TASKS,
  'a task, spawned and settled',
  FLOOR_NS,
);
