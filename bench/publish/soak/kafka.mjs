import { KafkaPublisher } from 'watertight/publish';
import { options, scenario, url } from './events.mjs';

const { setup, iteration, teardown } = scenario(() => new KafkaPublisher({ brokers: url, topic: 'soak', ...options }));

export { setup, teardown };
export default iteration;
