import { RedisPublisher } from 'watertight/publish';
import { options, scenario, url } from './events.mjs';

const { setup, iteration, teardown } = scenario(
  () => new RedisPublisher({ url, stream: 'soak', maxlen: 1_000, ...options }),
);

export { setup, teardown };
export default iteration;
