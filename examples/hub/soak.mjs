/** The hub under people who come and go: 2,000 of them, 10 at a time. `watertight soak examples/hub/soak.mjs` */
import { join } from 'node:path';
import { startHub } from './hub.mjs';
import { wave } from './wave.mjs';

const PEOPLE = 2000;
const AT_ONCE = 10;

/** A scenario around a hub with this way of subscribing to the news. */
export function scenario(subscribe) {
  let base;
  let hub;
  return {
    async setup(scope) {
      // A unix socket: a closed TCP connection would hold its port for a minute.
      const path = join(await scope.tempDir(), 'hub.sock');
      hub = await startHub(scope, { listen: path, subscribe });
      base = `ws+unix:${path}:`;
    },
    async iteration(n) {
      const first = n * AT_ONCE;
      await wave(
        base,
        hub,
        Array.from({ length: AT_ONCE }, (_, i) => `person-${(first + i) % PEOPLE}`),
      );
    },
  };
}

const { setup, iteration } = scenario();

export { setup };
export default iteration;
