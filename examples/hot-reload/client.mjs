/** Sends numbers and checks the squares that come back, in order. */
import { once } from 'node:events';
import { connect } from 'node:net';

export class Client {
  sent = 0;
  answered = 0;
  #socket;
  #rest = Buffer.alloc(0);
  #wanted = { count: Infinity, resolve() {}, reject() {} };

  static async connect(scope, path) {
    const client = new Client();
    // It ends while the server drains, which waits for it.
    client.#socket = scope.hold('client', connect(path), (socket) => socket.destroy(), {
      drain: (socket) => socket.end(),
    }).value;
    await once(client.#socket, 'connect');
    client.#socket.on('data', (chunk) => client.#onData(chunk));
    return client;
  }

  /** Writes the next `count` numbers; settles when the socket has room again. */
  async send(count) {
    const bytes = Buffer.alloc(count * 8);
    for (let i = 0; i < count; i++) bytes.writeDoubleLE(this.sent++, i * 8);
    if (!this.#socket.write(bytes)) await once(this.#socket, 'drain');
  }

  /** Settles when all that was sent has been answered; rejects with the first wrong answer. */
  allAnswered() {
    return new Promise((resolve, reject) => {
      this.#wanted = { count: this.sent, resolve, reject };
      this.#settle();
    });
  }

  #onData(chunk) {
    const bytes = Buffer.concat([this.#rest, chunk]);
    const whole = bytes.length - (bytes.length % 8);
    for (let at = 0; at < whole; at += 8) this.#check(bytes.readDoubleLE(at));
    this.#rest = bytes.subarray(whole);
    this.#settle();
  }

  #check(square) {
    const expected = (this.answered++) ** 2;
    if (square !== expected) this.#wanted.reject(new Error(`got ${square} where ${expected} was to come`));
  }

  #settle() {
    if (this.answered >= this.#wanted.count) this.#wanted.resolve();
  }
}
