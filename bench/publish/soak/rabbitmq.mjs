import { RabbitMQPublisher } from 'watertight/publish';
import { options, scenario, url } from './events.mjs';

const { setup, iteration, teardown } = scenario(() => new RabbitMQPublisher({ url, exchange: 'soak', ...options }));

export { setup, teardown };
export default iteration;
