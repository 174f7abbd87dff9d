import { Writable } from 'node:stream';
import { CompositePublisher, ConsolePublisher, RedisPublisher } from 'watertight/publish';
import { options, scenario, url } from './events.mjs';

const stream = new Writable({ write: (_chunk, _encoding, done) => done() });
const { setup, iteration, teardown } = scenario(
  () =>
    new CompositePublisher({
      children: [
        new RedisPublisher({ url, stream: 'soak', maxlen: 1_000, ...options }),
        { publisher: new ConsolePublisher({ stream }), policy: 'best-effort' },
      ],
    }),
);

export { setup, teardown };
export default iteration;
