/** One reload an iteration, with a client that keeps sending. `watertight soak examples/hot-reload/soak.mjs` */
import { Client } from './client.mjs';
import { startServer } from './server.mjs';

const BURST = 20;

/** A scenario around a server whose engines get their segments this way. */
export function scenario(makeSegment) {
  let server;
  let client;
  return {
    async setup(scope) {
      server = await startServer(scope, { makeSegment });
      client = await Client.connect(scope, server.path);
    },
    async iteration() {
      await client.send(BURST);
      await Promise.all([server.reload(), client.send(BURST)]);
      await client.allAnswered();
    },
  };
}

const { setup, iteration } = scenario();

export { setup };
export default iteration;
