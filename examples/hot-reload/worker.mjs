/** Computes squares: a batch lies in the segment `input`, answers go to the same places of `output`. */
import { serveSessions } from 'watertight/warm';

serveSessions((session) => {
  const { index, members, data } = session;
  const input = new Float64Array(session.segments.input.buffer, 0, data.slots);
  const output = new Float64Array(session.segments.output.buffer, 0, data.slots);
  session.on('message', (count) => {
    for (let slot = index; slot < count; slot += members) output[slot] = input[slot] ** 2;
    session.send('done');
  });
});
