import type { Peer } from './peer.js';

interface Hooks {
  onModuleInit?(): unknown;
  onModuleDestroy?(): unknown;
}

/** Each provider needs the one before, so that the last is destroyed first. */
async function context(providers: readonly (readonly [string, Hooks])[]) {
  await import('reflect-metadata');
  const { Module } = await import('@nestjs/common');
  const { NestFactory } = await import('@nestjs/core');
  class App {}
  Module({
    providers: providers.map(([provide, hooks], index) => ({
      provide,
      useFactory: () => hooks,
      inject: index === 0 ? [] : [providers[index - 1]?.[0] as string],
    })),
  })(App);
  return { NestFactory, App };
}

export const nest: Peer = {
  name: 'NestJS 12',
  package: '@nestjs/core',
  remarks: {
    'two-throw-both-reported': 'its logger prints them',
    'sync-throw-in-release': 'its logger prints it',
    'close-during-hung-startup':
      'an application context, which has no server, is not there to be closed before it has started',
  },
  scope: [
    {
      how: 'onModuleDestroy of providers',
      without: {
        'add-after-close': 'providers are fixed when the application is made',
        'add-while-closing': 'providers are fixed when the application is made',
      },
      kind: {
        open() {
          const providers: [string, Hooks][] = [];
          let app: { close(): Promise<void> } | undefined;
          return {
            add: (name, release) => void providers.push([name, { onModuleDestroy: () => release() }]),
            async ready() {
              const { NestFactory, App } = await context(providers);
              app = await NestFactory.createApplicationContext(App, { logger: false });
            },
            close: () => app?.close(),
          };
        },
      },
    },
  ],
  startup: [
    {
      how: 'onModuleInit and onModuleDestroy of providers',
      kind: {
        async open() {
          const providers: [string, Hooks][] = [];
          let app: { close(): Promise<void> } | undefined;
          await import('@nestjs/platform-express');
          await context([]);
          return {
            step: (name, start, stop) => void providers.push([name, { onModuleInit: start, onModuleDestroy: stop }]),
            async start() {
              const { NestFactory, App } = await context(providers);
              const made = await NestFactory.create(App, { logger: false, abortOnError: false });
              app = made;
              await made.init();
            },
            close: () => app?.close(),
          };
        },
      },
    },
  ],
  program: [
    {
      how: 'enableShutdownHooks()',
      kind: {
        async acquire(open, release) {
          let value: string | undefined;
          const { NestFactory, App } = await context([
            [
              'lease',
              {
                async onModuleInit() {
                  value = await open();
                },
                onModuleDestroy: () => (value === undefined ? undefined : release(value)),
              },
            ],
          ]);
          const app = await NestFactory.create(App, { logger: false });
          app.enableShutdownHooks();
          await app.init();
        },
        async own(name, release) {
          const { NestFactory, App } = await context([[name, { onModuleDestroy: () => release() }]]);
          const app = await NestFactory.createApplicationContext(App, { logger: false });
          app.enableShutdownHooks();
        },
      },
    },
  ],
};
