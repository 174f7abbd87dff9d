// Pictures are shared with a helper by segments without a name; every twentieth is never closed.
import { Segment } from 'watertight/shm';

const shown = [];

function sharePicture(order) {
  const segment = Segment.create({ bytes: 4096 });
  new Int32Array(segment.buffer, 0, 1)[0] = order;
  return segment;
}

export default (iteration) => {
  const picture = sharePicture(iteration);
  if (iteration % 20 === 0) shown.push(picture);
  else picture.close();
};
