/** Log files are lent by a pool, and exchanged after a hundred uses. The pool's `destroy` closes them. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { Pool } from 'watertight/pool';

const USES = 100;
let logs;

export function setup(scope) {
  logs = new Pool({
    name: 'logs',
    create: () => ({ descriptor: openSync('/dev/null', 'a'), uses: 0 }),
    validate: (log) => ++log.uses <= USES,
    destroy: (log) => closeSync(log.descriptor),
    max: 4,
    scope,
  });
}

export default async function line(n) {
  await logs.use((log) => writeSync(log.descriptor, `line ${n}\n`));
  await new Promise((resolve) => setTimeout(resolve, 1));
}
