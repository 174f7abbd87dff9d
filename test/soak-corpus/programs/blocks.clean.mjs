// Clean: a session that is cut off gives its blocks back too.
import { BlockPool } from 'watertight/blocks';

const pool = new BlockPool({ totalBlocks: 200_000, blockBytes: 64, layers: 2, name: 'cache' });

function openSession(n) {
  return pool.allocateSequence(2, `agent-${n % 50}`);
}

export default (n) => {
  const layers = openSession(n);
  try {
    if (n % 500 === 0) return;
    for (const handles of layers) pool.data(handles[0])[0] = n;
  } finally {
    for (const handles of layers) pool.free(handles, `agent-${n % 50}`);
  }
};
