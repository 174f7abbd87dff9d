/** One configuration of the engine: two segments, and a session of the workers over them. All of it ends with its scope. */
import { Segment } from 'watertight/shm';

export const SLOTS = 256;

/** Both segments belong to the engine, and end with it. */
export const ownSegment = (bytes, engine) => Segment.create({ bytes, scope: engine });

export async function openEngine(pool, server, makeSegment = ownSegment) {
  const scope = server.child('engine');
  const input = makeSegment(SLOTS * 8, scope, server);
  const output = makeSegment(SLOTS * 8, scope, server);
  const session = await pool.open({ segments: { input, output }, data: { slots: SLOTS }, scope });
  return new Engine(scope, session, input, output);
}

class Engine {
  #scope;
  #session;
  #input;
  #output;

  constructor(scope, session, input, output) {
    this.#scope = scope;
    this.#session = session;
    this.#input = new Float64Array(input.buffer, 0, SLOTS);
    this.#output = new Float64Array(output.buffer, 0, SLOTS);
  }

  /** Squares of at most `SLOTS` numbers; rejects when a worker ends meanwhile: the batch is then to be done again. */
  async process(numbers) {
    this.#input.set(numbers);
    await this.#allDone(numbers.length);
    return this.#output.slice(0, numbers.length);
  }

  get workers() {
    return this.#session.members.map(({ id }) => id);
  }

  close() {
    return this.#scope.close();
  }

  #allDone(count) {
    const session = this.#session;
    return new Promise((resolve, reject) => {
      let missing = session.members.length;
      const onMessage = () => --missing === 0 && settle(resolve);
      const onEnded = (error) => settle(reject, error);
      const settle = (how, error) => {
        session.off('message', onMessage).off('memberEnded', onEnded);
        how(error);
      };
      session.on('message', onMessage).on('memberEnded', onEnded);
      session.send(count);
      if (session.members.some(({ isRunning }) => !isRunning)) settle(reject, new Error('a worker has ended'));
    });
  }
}
