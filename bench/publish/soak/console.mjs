import { Writable } from 'node:stream';
import { ConsolePublisher } from 'watertight/publish';
import { isRead, options, scenario } from './events.mjs';

const stream = new Writable({ write: (_chunk, _encoding, done) => isRead && done() });
const { setup, iteration, teardown } = scenario(() => new ConsolePublisher({ stream, ...options }));

export { setup, teardown };
export default iteration;
