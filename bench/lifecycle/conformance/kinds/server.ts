// Closing an HTTP server under a request that does not end: whoever closes has to learn that it was cut off.
import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Case, noteOutcome, outcome, pause, type Seen, said } from '../observation.js';

export interface ServerKind {
  /** Takes the server when it is made, before it listens; gives its orderly close within `limitMs`. */
  adopt(server: Server, limitMs: number): (() => unknown) | Promise<() => unknown>;
}

const LIMIT_MS = 300;
const WINDOW_MS = 2000;

/** All that a caller or an operator gets to know: outcome of close(), exit code, printed text; times taken out. */
function told(seen: Seen): string {
  const exit = seen.has('observed') ? undefined : seen.first('exit')?.detail;
  const text = said(seen, 'close').text;
  return `${outcome(seen, 'close')} ${JSON.stringify(exit)} ${text}`.replace(/\d+(\.\d+)?/g, 'N');
}

const cutRequest: Case<ServerKind> = {
  name: 'cut-request-is-reported',
  promise: 'A close that cuts a request off at its limit does not look like one that cut nothing.',
  variants: ['nothing in flight', 'one request in flight'],
  async run(kind, log, variant) {
    const server = createServer((_request, response) => {
      log.note('request');
      if (variant === 'nothing in flight') response.end();
    });
    const close = await kind.adopt(server, LIMIT_MS);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const request = get({ port, host: '127.0.0.1', agent: false }, (response) => response.resume());
    request.on('error', () => log.note('request cut'));
    await once(server, 'request');
    if (variant === 'nothing in flight') await once(request, 'close');
    await noteOutcome(log, 'close', close, WINDOW_MS);
    await pause(100);
  },
  judge(clean, cut) {
    if (cut === undefined || !clean.has('request') || !cut.has('request')) {
      return { passed: false, words: 'no request arrived' };
    }
    const ended = outcome(cut, 'close') !== 'pending' || cut.ending !== undefined;
    if (!ended) return { passed: false, words: `close() pending after ${WINDOW_MS / 1000} s` };
    const differs = told(clean) !== told(cut);
    const how = cut.ending ?? `close() ${outcome(cut, 'close')}`;
    return { passed: differs, words: differs ? `${how}, and says so` : `${how}, as if nothing had been cut` };
  },
};

export const serverCases = [cutRequest];
