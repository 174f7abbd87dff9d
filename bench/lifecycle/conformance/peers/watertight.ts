// Ourselves, from the sources beside this folder.
import { fileURLToPath } from 'node:url';
import type { LoansKind } from '../kinds/loans.js';
import type { ProgramKind } from '../kinds/program.js';
import type { ServerKind } from '../kinds/server.js';
import type { SignalsKind } from '../kinds/signals.js';
import type { Peer } from './peer.js';

const waitTask = fileURLToPath(new URL('./wait-task.mjs', import.meta.url));

const program: ProgramKind = {
  async acquire(open, release) {
    const { main } = await import('../../../../src/scope/index.js');
    await main(async (scope) => {
      await scope.acquire('lease', ({ signal }) => open(signal), release);
    });
  },
  async own(name, release) {
    const { main } = await import('../../../../src/scope/index.js');
    void main((scope) => {
      scope.defer(name, release);
      return new Promise((resolve) => scope.signal.addEventListener('abort', resolve, { once: true }));
    });
  },
};

const server: ServerKind = {
  async adopt(one, limitMs) {
    const { Scope } = await import('../../../../src/scope/index.js');
    const scope = new Scope('web');
    scope.server(one);
    return () => scope.close({ timeoutMs: limitMs });
  },
};

const pool: LoansKind = {
  async open({ closeMs }) {
    const { Pool } = await import('../../../../src/pool/index.js');
    const one = new Pool({
      name: 'one',
      create: async () => ({ opened: true }),
      destroy: async () => {},
      min: 0,
      max: 1,
    });
    return {
      async take() {
        const loan = await one.acquire();
        return { giveBack: () => loan.release() };
      },
      free: () => one.acquire(),
      close: () => one.close({ timeoutMs: closeMs }),
    };
  },
};

const childScopes: SignalsKind = {
  async open() {
    const { Scope } = await import('../../../../src/scope/index.js');
    const parent = new Scope('parent');
    const { signal } = parent;
    return {
      signal,
      async child() {
        const child = parent.child('child');
        child.on(child.signal, 'abort', () => {});
        await child.close();
      },
    };
  },
};

export const watertight: Peer = {
  name: 'watertight',
  scope: [
    {
      how: 'Scope',
      kind: {
        async open(limits) {
          const { Scope } = await import('../../../../src/scope/index.js');
          const scope = new Scope('conformance', {
            releaseTimeoutMs: limits.releaseMs,
            closeTimeoutMs: limits.totalMs,
          });
          return { add: (name, release) => void scope.defer(name, release), close: () => scope.close() };
        },
      },
    },
  ],
  startup: [
    {
      how: 'Startup',
      kind: {
        async open({ stepMs, closeMs }) {
          const { Scope } = await import('../../../../src/scope/index.js');
          const { Startup } = await import('../../../../src/startup/index.js');
          const scope = new Scope('app');
          const startup = new Startup({ scope, timeoutMs: 60_000, watchdog: false });
          const phase = startup.phase('all', { timeoutMs: 60_000 });
          let before: string | undefined;
          return {
            step(name, start, stop) {
              const needs = before === undefined ? [] : [before];
              phase.step(name, { timeoutMs: stepMs, needs }, async ({ scope: own }) => {
                await own.acquire(name, () => start(), stop);
              });
              before = name;
            },
            start: () => startup.start(),
            close: () => scope.close({ timeoutMs: closeMs }),
          };
        },
      },
    },
  ],
  program: [{ how: 'main()', kind: program }],
  server: [{ how: 'scope.server()', kind: server }],
  loans: [{ how: 'Pool', kind: pool }],
  workers: [
    {
      how: 'ThreadPool',
      kind: {
        async open(threads) {
          const { ThreadPool } = await import('../../../../src/threads/index.js');
          const one = new ThreadPool({ name: 'wait', file: waitTask, size: threads });
          return { work: (ms) => one.run(ms), close: () => one.close({ graceMs: 4000 }) };
        },
      },
    },
  ],
  queue: [
    {
      how: 'BackgroundTasks, cancelAll()',
      kind: {
        async open() {
          const { BackgroundTasks } = await import('../../../../src/tasks/index.js');
          const tasks = new BackgroundTasks({ name: 'queue', concurrency: 1 });
          return { add: async (name, task) => tasks.spawn(name, task), clear: () => tasks.cancelAll('cleared') };
        },
      },
    },
  ],
  cache: [
    {
      how: 'Cache with an asynchronous dispose',
      kind: {
        async open(capacity, release) {
          const { Cache } = await import('../../../../src/bounded/index.js');
          const cache = new Cache<string, string>({
            name: 'cache',
            max: capacity,
            dispose: (value: string) => release(value),
          });
          return { set: (key, value) => void cache.set(key, value), close: () => cache.close() };
        },
      },
    },
  ],
  signals: [{ how: 'a child scope with its signal listened to', kind: childScopes }],
};
