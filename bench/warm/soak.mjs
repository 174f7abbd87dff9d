/** One reload of an engine with warm threads: 3 segments, 2 sockets. `watertight soak bench/warm/soak.mjs` */
import { createSocket } from 'node:dgram';
import { Scope } from 'watertight';
import { Segment } from 'watertight/shm';
import { WarmPool } from 'watertight/warm';

let pool;

export async function setup(scope) {
  pool = new WarmPool({ script: new URL('./engine.mjs', import.meta.url), size: 2, scope });
  await pool.start();
}

export default async function reload() {
  await Scope.run('engine', async (scope) => {
    const segments = Object.fromEntries(
      ['a', 'b', 'c'].map((name) => [name, Segment.create({ bytes: 2 ** 20, scope })]),
    );
    for (let n = 0; n < 2; n++) {
      const socket = scope.use(createSocket('udp4'));
      await new Promise((resolve) => socket.bind(0, '127.0.0.1', resolve));
    }
    await pool.open({ segments, scope });
  });
}
