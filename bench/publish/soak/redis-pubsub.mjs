import { RedisPublisher } from 'watertight/publish';
import { options, scenario, url } from './events.mjs';

const { setup, iteration, teardown } = scenario(
  () => new RedisPublisher({ url, mode: 'pubsub', channel: 'soak', ...options }),
);

export { setup, teardown };
export default iteration;
