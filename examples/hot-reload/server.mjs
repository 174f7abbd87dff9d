/**
 * A server of squares on a unix socket whose engine is torn down and begun anew while clients keep sending. The socket stays;
 * what comes in during the switch waits in a bounded queue, and beyond it in the clients.
 */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { BoundedQueue } from 'watertight/bounded';
import { WarmPool } from 'watertight/warm';
import { openEngine, SLOTS } from './engine.mjs';

const WAITING = 1024;
const WORKERS = 2;

/** `kind`: `worker` (threads) or `process`. */
export async function startServer(scope, { makeSegment, kind = 'worker' } = {}) {
  const path = join(await scope.tempDir(), 'squares.sock');
  const pool = new WarmPool({ script: new URL('./worker.mjs', import.meta.url), kind, size: WORKERS, spare: 1, scope });
  await pool.start();
  const server = new SquareServer(path, pool, () => openEngine(pool, scope, makeSegment));
  await server.start(scope);
  return server;
}

class SquareServer {
  path;
  pool;
  reloads = 0;
  processed = 0;
  #openEngine;
  #engine;
  #queue = new BoundedQueue(WAITING, 'block');
  /** Reload and batches take turns on it. */
  #turn = Promise.resolve();

  constructor(path, pool, open) {
    this.path = path;
    this.pool = pool;
    this.#openEngine = open;
  }

  async start(scope) {
    this.#engine = await this.#openEngine();
    const sockets = createServer((socket) => {
      // One that breaks off takes its own answers with it.
      this.#read(socket).catch(() => socket.destroy());
    });
    await new Promise((resolve) => sockets.listen(this.path, resolve));
    const working = this.#work();
    scope.defer('work', () => {
      this.#queue.close();
      return working;
    });
    scope.server(sockets);
  }

  /** Numbers of the threads or processes at work. */
  get workers() {
    return this.#engine.workers;
  }

  /** Ends the engine and begins a new one; between two batches. Gives its time in ms. */
  reload() {
    return this.#inTurn(async () => {
      const startedAt = performance.now();
      await this.#engine.close();
      this.#engine = await this.#openEngine();
      this.reloads++;
      return performance.now() - startedAt;
    });
  }

  /** A message is a number in 8 bytes. A full queue stops the reading, and so, in the end, the client. */
  async #read(socket) {
    let rest = Buffer.alloc(0);
    for await (const chunk of socket) {
      const bytes = Buffer.concat([rest, chunk]);
      const whole = bytes.length - (bytes.length % 8);
      for (let at = 0; at < whole; at += 8) await this.#queue.push({ number: bytes.readDoubleLE(at), socket });
      rest = bytes.subarray(whole);
    }
  }

  async #work() {
    for await (const first of this.#queue) {
      const batch = [first];
      for (let next = true; next && batch.length < SLOTS; ) {
        next = this.#queue.tryTake();
        if (next) batch.push(next);
      }
      await this.#inTurn(() => this.#answer(batch));
    }
  }

  async #answer(batch) {
    const squares = await this.#process(batch.map(({ number }) => number));
    for (const [i, { socket }] of batch.entries()) {
      const answer = Buffer.alloc(8);
      answer.writeDoubleLE(squares[i]);
      socket.write(answer);
    }
    this.processed += batch.length;
  }

  /** A batch whose worker ended is done again, by a new engine. */
  async #process(numbers) {
    for (;;) {
      try {
        return await this.#engine.process(numbers);
      } catch (error) {
        if (this.pool.isClosed) throw error;
        await this.#engine.close();
        this.#engine = await this.#openEngine();
      }
    }
  }

  #inTurn(work) {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}
