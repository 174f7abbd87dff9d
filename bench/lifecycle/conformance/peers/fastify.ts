import type { createServer } from 'node:http';
import type { Peer } from './peer.js';

export const fastify: Peer = {
  name: 'fastify 5 (avvio 9)',
  package: 'fastify',
  scope: [
    {
      how: 'onClose hooks',
      kind: {
        async open() {
          const { default: make } = await import('fastify');
          const app = make();
          return {
            add: (_name, release) => void app.addHook('onClose', async () => release()),
            close: () => app.close(),
          };
        },
      },
    },
  ],
  startup: [
    {
      how: 'a plugin a step, with an onClose hook',
      kind: {
        async open({ stepMs }) {
          const { default: make } = await import('fastify');
          const app = make({ pluginTimeout: stepMs });
          return {
            step(_name, start, stop) {
              app.register(async (instance) => {
                await start();
                instance.addHook('onClose', async () => stop());
              });
            },
            start: () => app.ready(),
            close: () => app.close(),
          };
        },
      },
    },
  ],
  server: [
    {
      how: 'forceCloseConnections: true',
      kind: {
        async adopt(server) {
          const { default: make } = await import('fastify');
          const [handler] = server.listeners('request') as [Parameters<typeof createServer>[1]];
          const app = make({ forceCloseConnections: true, serverFactory: () => server });
          app.all('/', (request, reply) => {
            reply.hijack();
            handler?.(request.raw as never, reply.raw as never);
          });
          server.removeAllListeners('request');
          server.on('request', (request, response) => app.routing(request, response));
          await app.ready();
          return () => app.close();
        },
      },
    },
  ],
};
