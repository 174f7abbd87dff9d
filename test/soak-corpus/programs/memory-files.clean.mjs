// Pictures are shared with a helper by segments without a name; the last twenty stay open.
import { Segment } from 'watertight/shm';

const shown = [];

function sharePicture(order) {
  const segment = Segment.create({ bytes: 4096 });
  new Int32Array(segment.buffer, 0, 1)[0] = order;
  return segment;
}

export default (iteration) => {
  shown.push(sharePicture(iteration));
  if (shown.length > 20) shown.shift().close();
};
