// Packages that own the end of a process.
import { createServer } from 'node:http';
import { never } from '../observation.js';
import type { Peer } from './peer.js';

/** One handler is all it takes: what needs several clean-ups is left to the user's own loop. */
const ONE_HANDLER = 'takes one handler; order and failures of several clean-ups are the user’s';

export const closeWithGrace: Peer = {
  name: 'close-with-grace',
  package: 'close-with-grace',
  scope: [
    {
      how: 'close() by hand',
      without: {
        'hang-then-continue': ONE_HANDLER,
        'two-throw-both-reported': ONE_HANDLER,
        'sync-throw-in-release': ONE_HANDLER,
        'add-after-close': ONE_HANDLER,
        'add-while-closing': ONE_HANDLER,
      },
      kind: {
        async open({ totalMs }) {
          const { default: install } = await import('close-with-grace');
          let handle: { close(): unknown };
          return {
            add(_name, release) {
              handle = install({ delay: totalMs, logger: false as never }, async () => {
                await release();
              });
            },
            close: () => handle.close(),
          };
        },
      },
    },
  ],
  program: [
    {
      how: 'a handler that closes what is there',
      kind: {
        async acquire(open, release) {
          const { default: install } = await import('close-with-grace');
          let value: string | undefined;
          install({ delay: 2000 }, async () => {
            if (value !== undefined) await release(value);
          });
          value = await open();
        },
        async own(_name, release) {
          const { default: install } = await import('close-with-grace');
          install({ delay: 2000 }, async () => release());
        },
      },
    },
  ],
};

export const terminus: Peer = {
  name: '@godaddy/terminus',
  package: '@godaddy/terminus',
  program: [
    {
      how: 'onSignal',
      kind: {
        async acquire(open, release) {
          const { createTerminus } = await import('@godaddy/terminus');
          let value: string | undefined;
          createTerminus(createServer().listen(0, '127.0.0.1'), {
            onSignal: async () => {
              if (value !== undefined) await release(value);
            },
          });
          value = await open();
        },
        async own(_name, release) {
          const { createTerminus } = await import('@godaddy/terminus');
          createTerminus(createServer().listen(0, '127.0.0.1'), { onSignal: release });
        },
      },
    },
  ],
  server: [
    {
      how: 'timeout, with a logger',
      kind: {
        async adopt(server, limitMs) {
          const { createTerminus } = await import('@godaddy/terminus');
          createTerminus(server, { timeout: limitMs, useExit0: true, logger: console.log });
          return () => {
            process.kill(process.pid, 'SIGTERM');
            return never();
          };
        },
      },
    },
  ],
};

async function makeLightship(limitMs: number) {
  const { createLightship } = await import('lightship');
  return createLightship({
    detectKubernetes: true,
    gracefulShutdownTimeout: limitMs,
    shutdownHandlerTimeout: limitMs,
    shutdownDelay: 0,
  });
}

export const lightship: Peer = {
  name: 'lightship 9',
  package: 'lightship',
  remarks: {
    'two-throw-both-reported': 'its log, off unless ROARR_LOG is set, has them',
    'sync-throw-in-release': 'its log, off unless ROARR_LOG is set, has it',
  },
  scope: [
    {
      how: 'registerShutdownHandler()',
      kind: {
        async open({ totalMs }) {
          const one = await makeLightship(totalMs);
          return {
            add: (_name, release) => one.registerShutdownHandler(async () => void (await release())),
            close: () => one.shutdown(),
          };
        },
      },
    },
  ],
  program: [
    {
      how: 'registerShutdownHandler()',
      kind: {
        async acquire(open, release) {
          const one = await makeLightship(2000);
          let value: string | undefined;
          one.registerShutdownHandler(async () => {
            if (value !== undefined) await release(value);
          });
          value = await open();
          one.signalReady();
        },
        async own(_name, release) {
          const one = await makeLightship(2000);
          one.registerShutdownHandler(release);
        },
      },
    },
    {
      how: 'a beacon that lives while acquiring',
      for: ['signal-during-acquire'],
      kind: {
        async acquire(open, release) {
          const one = await makeLightship(2000);
          const beacon = one.createBeacon();
          let value: string | undefined;
          one.registerShutdownHandler(async () => {
            if (value !== undefined) await release(value);
          });
          value = await open();
          await beacon.die();
        },
        own: async () => {},
      },
    },
  ],
  loans: [
    {
      how: 'beacons, which hold the shutdown up',
      without: { 'leaked-loan-close-bounded': 'beacons are no loans of anything' },
      kind: {
        async open() {
          const one = await makeLightship(30_000);
          let ran!: () => void;
          const free = new Promise<void>((resolve) => {
            ran = resolve;
          });
          one.registerShutdownHandler(async () => ran());
          return {
            async take() {
              const beacon = one.createBeacon();
              return { giveBack: () => beacon.die() };
            },
            free() {
              void one.shutdown();
              return free;
            },
            close: () => {},
          };
        },
      },
    },
  ],
};

type Hook = (release: (done: () => void) => void) => void;
const NO_OUTCOME = 'ends the process and tells no outcome';

export const asyncExitHook: Peer = {
  name: 'async-exit-hook',
  package: 'async-exit-hook',
  scope: [
    {
      how: 'hooks run by SIGTERM',
      without: {
        'two-throw-both-reported': NO_OUTCOME,
        'second-close-waits': NO_OUTCOME,
        'add-after-close': NO_OUTCOME,
        'add-while-closing': NO_OUTCOME,
      },
      kind: {
        async open({ totalMs }) {
          const add = (await import('async-exit-hook')).default as unknown as Hook & {
            forceExitTimeout(ms: number): void;
          };
          add.forceExitTimeout(totalMs);
          return {
            add: (_name, release) =>
              add((done) => {
                Promise.resolve(release()).finally(done);
              }),
            close: () => {
              process.kill(process.pid, 'SIGTERM');
              return never();
            },
          };
        },
      },
    },
  ],
  program: [
    {
      how: 'a hook that closes what is there',
      kind: {
        async acquire(open, release) {
          const add = (await import('async-exit-hook')).default as unknown as Hook;
          let value: string | undefined;
          add((done) => {
            if (value === undefined) done();
            else release(value).finally(done);
          });
          value = await open();
          // A connection would keep the process alive.
          await never();
        },
        async own(_name, release) {
          const add = (await import('async-exit-hook')).default as unknown as Hook;
          add((done) => {
            release().finally(done);
          });
        },
      },
    },
  ],
};

export const httpTerminator: Peer = {
  name: 'http-terminator',
  package: 'http-terminator',
  server: [
    {
      how: 'gracefulTerminationTimeout',
      kind: {
        async adopt(server, limitMs) {
          const { createHttpTerminator } = await import('http-terminator');
          const terminator = createHttpTerminator({ server, gracefulTerminationTimeout: limitMs });
          return () => terminator.terminate();
        },
      },
    },
  ],
};

interface Stoppable {
  stop(done: (error: Error | undefined, gracefully: boolean) => void): void;
}

export const stoppable: Peer = {
  name: 'stoppable',
  package: 'stoppable',
  server: [
    {
      how: 'grace',
      kind: {
        async adopt(server, limitMs) {
          const make = (await import('stoppable')).default as unknown as (from: object, grace: number) => Stoppable;
          const one = make(server, limitMs);
          return () =>
            new Promise((resolve, reject) => {
              one.stop((error, gracefully) => (error ? reject(error) : resolve({ gracefully })));
            });
        },
      },
    },
  ],
};
