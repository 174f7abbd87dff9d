import { Scope } from '../../../../src/scope/index.js';
import type { Peer } from './peer.js';

export const watertight: Peer = {
  name: 'watertight',
  scope: [
    {
      kind: {
        open() {
          const scope = new Scope('conformance') as unknown as { defer(name: string, f: () => unknown): unknown; close(o: object): unknown };
          return { add: (name, release) => scope.defer(name, release), close: () => scope.close({}) };
        },
      },
    },
  ],
};
