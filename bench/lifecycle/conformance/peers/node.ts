// Node's own means, as one would put them together.
import type { ScopeKind } from '../kinds/scope.js';
import type { SignalsKind } from '../kinds/signals.js';
import type { Peer } from './peer.js';

const any: SignalsKind = {
  open() {
    const { signal } = new AbortController();
    return {
      signal,
      child() {
        const own = new AbortController();
        const both = AbortSignal.any([signal, own.signal]);
        both.addEventListener('abort', () => {}, { once: true });
        own.abort();
      },
    };
  },
};

/** What one writes where nothing is at hand. */
const loop: ScopeKind = {
  open() {
    const releases: (() => unknown)[] = [];
    return {
      add: (_name, release) => void releases.push(release),
      async close() {
        for (const release of releases.reverse()) await release();
      },
    };
  },
};

export const node: Peer = {
  name: 'Node, by hand',
  scope: [{ how: 'an array of clean-ups, awaited in a loop', kind: loop }],
  signals: [{ how: 'AbortSignal.any([parent, own]), own aborted at the end', kind: any }],
  server: [
    {
      how: 'close(), at the limit closeAllConnections()',
      kind: {
        adopt: (server, limitMs) => () =>
          new Promise((resolve, reject) => {
            const limit = setTimeout(() => server.closeAllConnections(), limitMs);
            server.close((error) => {
              clearTimeout(limit);
              if (error) reject(error);
              else resolve('closed');
            });
          }),
      },
    },
  ],
};

const policy: SignalsKind = {
  async open() {
    const { timeout, TimeoutStrategy } = await import('cockatiel');
    const limit = timeout(60_000, TimeoutStrategy.Cooperative);
    const { signal } = new AbortController();
    return { signal, child: () => limit.execute(async () => {}, signal) };
  },
};

export const cockatiel: Peer = {
  name: 'cockatiel 3',
  package: 'cockatiel',
  signals: [{ how: 'a timeout policy with the parent’s signal', kind: policy }],
};
