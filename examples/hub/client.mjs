/** One person at the hub, for the load and the soak. */
import { once } from 'node:events';
import { WebSocket } from 'ws';

export class Person {
  received = [];
  #socket;
  #wanted = null;

  /** @param base `ws://host:port` or `ws+unix:/path/of/socket:` */
  constructor(base, user) {
    this.#socket = new WebSocket(`${base}/?user=${user}`);
    // Before it opens: what was missed comes with the answer to the handshake.
    this.#socket.on('message', (data) => {
      this.received.push(JSON.parse(data));
      if (this.received.length >= this.#wanted?.count) this.#wanted.resolve();
    });
  }

  async opened() {
    await once(this.#socket, 'open');
    return this;
  }

  send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  /** Resolves when that many messages have come in all. */
  heard(count) {
    if (this.received.length >= count) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wanted = { count, resolve };
    });
  }

  /** With a closing handshake, or as when a cable is pulled. */
  async leave({ abruptly = false } = {}) {
    const closed = once(this.#socket, 'close');
    if (abruptly) this.#socket.terminate();
    else this.#socket.close();
    await closed;
  }
}
