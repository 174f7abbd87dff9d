import { createServer } from 'node:net';

/**
 * Below 32,768, where Linux begins to take the ports of outgoing connections: a client that redials a broker which is down
 * would sooner or later get the broker's own port, and be connected to itself.
 */
const FIRST = 15_000;
const LAST = 32_000;
const TRIES = 100;

/** A port of 127.0.0.1 on which nobody listens, drawn at random so that test files side by side do not meet. */
export async function freePort(): Promise<number> {
  for (let i = 0; i < TRIES; i++) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (await isFree(port)) return port;
  }
  throw new Error(`Cannot find a free port from ${FIRST} to ${LAST} in ${TRIES} tries`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
