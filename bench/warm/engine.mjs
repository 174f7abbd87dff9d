// A member: writes one word into each segment it is given.
import { serveSessions } from 'watertight/warm';

serveSessions(({ index, segments }) => {
  for (const { buffer } of Object.values(segments)) Atomics.add(new Int32Array(buffer, 0, 2), index, 1);
});
