import { NatsPublisher } from 'watertight/publish';
import { options, scenario, url } from './events.mjs';

const { setup, iteration, teardown } = scenario(() => new NatsPublisher({ url, subject: 'soak', ...options }));

export { setup, teardown };
export default iteration;
