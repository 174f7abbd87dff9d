/** The twin of `soak.mjs` that gives the segments of each engine to the server: they stay when the engine is gone. */
import { Segment } from 'watertight/shm';
import { scenario } from './soak.mjs';

const { setup, iteration } = scenario((bytes, _engine, server) => Segment.create({ bytes, scope: server }));

export { setup };
export default iteration;
